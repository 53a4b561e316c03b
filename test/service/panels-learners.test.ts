/** Every query of the dashboards of Sedna, asked of a stack at which the learners of the examples are at work. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { panelQueries } from '../../src/generate/dashboards/index.ts'
import { eventually } from '../support/eventually.ts'
import { type FakeLoki, startLoki } from '../support/loki.ts'
import { panelFaults } from '../support/panel-faults.ts'
import { isOfLearning } from '../support/panels-without-data.ts'
import { hasPrometheus } from '../support/prometheus.ts'
import { startWatchedStack, type WatchedStack } from '../support/watched-stack.ts'

const ofLearning = panelQueries().filter(isOfLearning)
const promql = ofLearning.filter(({ language }) => language === 'promql')
const types = ['federated_learning', 'incremental_learning', 'joint_inference']

describe.skipIf(!hasPrometheus)('a stack with learners (skipped where Prometheus is not installed)', () => {
  let loki: FakeLoki
  let stack: WatchedStack

  beforeAll(async () => {
    loki = await startLoki()
    stack = await startWatchedStack({ settings: { LOKI_URL: loki.url }, rules: { timeScale: 1 / 20 } })
    // None of them ends while panels are looked at: what has ended is shown no longer.
    await stack.startEngine('federated-averaging/main.js', '--rounds', '1000', '--slow-samples-per-second', '100')
    const quickly = ['--samples-per-second', '300', '--train-samples-per-second', '2000', '--samples', '300']
    await stack.startEngine('incremental-learning/main.js', '--iterations', '1000', ...quickly)
    await stack.startEngine('joint-inference/main.js', '--cloud-requests-max', '50', '--turn', '150')
    // One that has ended, for panels that are about ends.
    const ended = ['--rounds', '1', '--samples-per-second', '6000', '--slow-samples-per-second', '6000']
    const first = await stack.startEngine('federated-averaging/main.js', ...ended)
    expect((await first.exited).code).toBe(0)
  }, 120_000)

  afterAll(async () => {
    await stack?.stop()
    await loki?.close()
  }, 60_000)

  test('every panel has data, or is known to have none, for a reason that still holds', async () => {
    expect(new Set(promql.map(({ dashboard }) => dashboard)).size).toBe(4)
    const outcomes = () => stack.ask('sum by (outcome) (enginescope_incremental_learning_iterations_total) > 1', 'now')
    await eventually(outcomes, ({ series }) => series > 0, { what: 'two iterations', timeoutMs: 60_000, everyMs: 500 })
    const look = () => panelFaults(stack, promql)
    const faults = await eventually(look, (all) => all.length === 0, {
      what: 'every panel to be as it should',
      timeoutMs: 60_000,
      everyMs: 1000,
    }).catch(look)
    expect(faults).toEqual([])
  }, 180_000)

  test('every log panel finds lines of its kind of task', () => {
    const logql = ofLearning.filter(({ language }) => language === 'logql')
    expect(new Set(logql.map(({ dashboard }) => dashboard)).size).toBe(4)
    const lines = loki.lines.filter(({ stream }) => stream['engine_type'] === 'sedna')
    expect(new Set(lines.map(({ stream }) => stream['task_type']))).toEqual(new Set(types))
  })
})
