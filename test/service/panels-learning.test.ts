/** Every panel of the learning dashboards, asked of a real Prometheus while the learners really learn. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { panelQueries } from '../../src/generate/dashboards/index.ts'
import { eventually } from '../support/eventually.ts'
import { isOfLearning } from '../support/panels-without-data.ts'
import { hasPrometheus } from '../support/prometheus.ts'
import { startWatchedStack, type WatchedStack } from '../support/watched-stack.ts'

type Query = ReturnType<typeof panelQueries>[number]

/** What the learners have no data for, and why. */
const exceptions: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/\b(kube|container)_/, 'no cluster is scraped'],
  [/ALERTS/, 'no alert has to fire'],
  [/usage_gpu_/, 'no worker has a graphics card'],
  [/federated_learning_drift/, 'the samples of the federation stay as they are'],
]

describe.skipIf(!hasPrometheus)('learners at work (skipped where Prometheus is not installed)', () => {
  let stack: WatchedStack
  beforeAll(async () => {
    stack = await startWatchedStack({ settings: { LOST_AFTER: '5m' }, rules: { timeScale: 1 / 20 } })
    await stack.startEngine(
      'federated-averaging/main.js',
      '--rounds',
      '8',
      '--samples-per-second',
      '1000',
      '--slow-samples-per-second',
      '300',
    )
    await stack.startEngine(
      'incremental-learning/main.js',
      '--iterations',
      '4',
      '--samples-per-second',
      '300',
      '--train-samples-per-second',
      '2500',
    )
    await stack.startEngine('joint-inference/main.js', '--samples-per-second', '60', '--turn', '200')
  }, 90_000)
  afterAll(() => stack?.stop(), 60_000)

  test('every panel has data, or is known to have none, for a reason that still holds', async () => {
    const queries = panelQueries().filter((query) => query.language === 'promql' && isOfLearning(query))
    expect(queries.length).toBeGreaterThan(60)
    const reasonOf = ({ expression }: Query) => exceptions.find(([pattern]) => pattern.test(expression))?.[1]
    const open = new Set(queries.filter((query) => reasonOf(query) === undefined))
    const faults: string[] = []
    await eventually(
      async () => {
        for (const query of open) {
          const { series, error } = await stack.ask(textOf(query), 'since the start')
          if (error !== undefined) faults.push(`${query.title}: ${error}`)
          if (series > 0) open.delete(query)
        }
        return [...open].map((query) => `${query.dashboard}, ${query.title}: ${query.expression}`)
      },
      (all) => all.length === 0,
      { what: 'every panel to have had data', timeoutMs: 100_000, everyMs: 2_000 },
    )
    expect(faults).toEqual([])
    for (const query of queries.filter((each) => reasonOf(each) !== undefined)) {
      const { series, error } = await stack.ask(textOf(query), 'now')
      expect([query.title, error, series]).toEqual([
        query.title,
        undefined,
        /ALERTS|vector\(0\)/.test(query.expression) ? series : 0,
      ])
    }
  }, 130_000)
})

const values: Readonly<Record<string, string>> = { __rate_interval: '10s', __interval: '10s', __range: '2m' }

/** The query with every variable at what it has at first, and windows that a short run can fill. */
function textOf({ expression, variables }: Query): string {
  return expression.replace(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
    const name = braced ?? bare ?? ''
    return values[name] ?? variables[name] ?? whole
  })
}
