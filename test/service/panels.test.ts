/** Every panel, rule and alert, asked of a real Prometheus and a real Alertmanager over a stack at work. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultThresholds } from '../../src/catalogue/alerts/options.ts'
import { panelQueries } from '../../src/generate/dashboards/index.ts'
import { type BusyFleet, refusedWords, shownJob, startBusyFleet } from '../support/busy-fleet.ts'
import { eventually } from '../support/eventually.ts'
import { type FakeLoki, startLoki } from '../support/loki.ts'
import { panelFaults } from '../support/panel-faults.ts'
import { isOfLearning } from '../support/panels-without-data.ts'
import type { Program } from '../support/process.ts'
import { hasPrometheus } from '../support/prometheus.ts'
import { type HeldAlert, startWatchedStack, type WatchedStack } from '../support/watched-stack.ts'

/** In rules 20 times faster a task or engine that was lost counts for half a minute, and 2 minutes of waiting are 6 s. */
const rules = {
  timeScale: 1 / 20,
  // A machine that runs all tests at once is slow; that is no finding.
  thresholds: { ...defaultThresholds, redisCommandSecondsMax: 10, eventLoopLagSecondsMax: 30 },
}
/** Engines report every 5 s. */
const settings = {
  SUSPECT_AFTER: '8s',
  LOST_AFTER: '22s',
  STALLED_AFTER: '3s',
  GAP_TIMEOUT: '2s',
  METRIC_NAMES_MAX: '4',
}
const standbys = ['standby-1', 'standby-2', 'standby-3', 'standby-4']

describe.skipIf(!hasPrometheus)('a stack at work (skipped where Prometheus is not installed)', () => {
  let loki: FakeLoki
  let stack: WatchedStack
  let fleet: BusyFleet | undefined
  let idle: Program[] = []

  const names = async () => [...new Set((await stack.alerts()).map(({ labels }) => labels['alertname'] ?? ''))].sort()
  const liveEngines = async () => (await stack.aggregator.get('/api/v1/engines')).text.match(/"state":"live"/g)?.length ?? 0

  beforeAll(async () => {
    loki = await startLoki()
    loki.judge = ({ line }) => (line.includes(refusedWords) ? 'not wanted' : undefined)
    stack = await startWatchedStack({ settings: { ...settings, LOKI_URL: loki.url }, rules })
    const words = ['--folder', 'node_modules', '--bytes-max', '3000000', '--split-bytes', '100000', '--bytes-per-second', '60000']
    await stack.startEngine('word-count/main.js', '--job', 'words', ...words)
    idle = await Promise.all(standbys.map((instance) => stack.startEngine('idle-engine.js', '--instance', instance)))
  }, 90_000)

  afterAll(async () => {
    await fleet?.stop()
    await stack?.stop()
    await loki?.close()
  }, 60_000)

  test('an engine that is killed is told to Alertmanager, with its task and links that lead somewhere, and nothing else is', async () => {
    const sieve = ['prime-sieve.js', '--instance', 'sieve-1', '--job']
    const victim = await stack.startEngine(...sieve, 'primes-1')
    const seenTwice = () => stack.ask('count_over_time(enginescope_task_progress_ratio{job_id="primes-1"}[1m]) >= 2', 'now')
    await eventually(seenTwice, ({ series }) => series > 0, { what: 'two scrapes of the task', timeoutMs: 30_000 })
    await eventually(names, (all) => all.length === 0, { what: 'no alert', timeoutMs: 30_000 })
    victim.kill('SIGKILL')

    const seen = new Map<string, HeldAlert>()
    const look = async () => {
      for (const alert of await stack.alerts()) seen.set(JSON.stringify(alert.labels), alert)
      return new Set([...seen.values()].map(({ labels }) => labels['alertname']))
    }
    await eventually(look, (all) => all.has('EnginescopeTasksLost') && all.has('EnginescopeEngineDown'), {
      what: 'both alerts',
      timeoutMs: 60_000,
      everyMs: 250,
    })
    await stack.startEngine(...sieve, 'primes-2')
    const found = [...seen.values()].sort((a, b) => (a.labels['alertname'] ?? '').localeCompare(b.labels['alertname'] ?? ''))
    const engine = { job: 'enginescope', engine: 'sieve-1', engine_type: 'sieve' }
    const task = { job: 'enginescope', namespace: 'default', task_type: 'prime_sieve', engine_type: 'sieve' }
    expect(found.map(({ labels }) => labels)).toEqual([
      { alertname: 'EnginescopeEngineDown', severity: 'warning', ...engine },
      { alertname: 'EnginescopeTasksLost', severity: 'critical', ...task },
    ])
    expect(found[0]?.annotations['description']).toContain('Engine sieve-1 (sieve) is silent.')
    expect(found[1]?.annotations['description']).toMatch(/^\d+ tasks of type prime_sieve in namespace default were lost/)
    for (const alert of found) expectWorkingLinks(alert)
  }, 120_000)

  test('engines that fall silent together are one alert, which holds back those of each; all is taken back when they speak', async () => {
    fleet = startBusyFleet(stack.aggregator)
    for (const engine of idle) engine.kill('SIGSTOP')
    const ofStandbys = async () => (await stack.alerts()).filter(({ labels }) => standbys.includes(labels['engine'] ?? ''))
    const isHeldBack = ({ status }: HeldAlert) => status.state === 'suppressed' && status.inhibitedBy.length > 0
    const held = await eventually(ofStandbys, (all) => all.length === standbys.length && all.every(isHeldBack), {
      what: 'an alert for each engine, held back',
      timeoutMs: 45_000,
      everyMs: 200,
    })
    expect(new Set(held.map(({ labels }) => labels['alertname']))).toEqual(new Set(['EnginescopeEngineDown']))
    expect(await names()).toContain('EnginescopeManyEnginesSuspect')
    for (const engine of idle) engine.kill('SIGCONT')

    const overNow = ['EnginescopeEngineDown', 'EnginescopeManyEnginesSuspect', 'EnginescopeTasksLost']
    await eventually(names, (all) => !all.some((name) => overNow.includes(name)), {
      what: 'Alertmanager to be told that it is over',
      timeoutMs: 60_000,
      everyMs: 250,
    })
    expect(await liveEngines()).toBeGreaterThanOrEqual(standbys.length + 2)
  }, 120_000)

  test('every rule has been evaluated and has no fault', async () => {
    type Rule = { name: string; health: string; lastError?: string }
    const answer = await stack.prometheus.get('/api/v1/rules')
    const { data } = answer.json<{ data: { groups: { rules: Rule[] }[] } }>()
    const all = data.groups.flatMap((group) => group.rules)
    expect(all.length).toBeGreaterThan(30)
    expect(all.filter(({ health, lastError }) => health !== 'ok' || lastError !== undefined)).toEqual([])
  })

  test('every panel has data, or is known to have none, for a reason that still holds', async () => {
    await eventually(
      () => fleet?.rounds() ?? 0,
      (rounds) => rounds >= 15,
      { what: '15 rounds of reports', timeoutMs: 60_000 },
    )
    const asked = panelQueries().filter((query) => query.language === 'promql' && !isOfLearning(query))
    const faults = await eventually(
      () => panelFaults(stack, asked, { job_id: shownJob }),
      (all) => all.length === 0,
      { what: 'every panel to be as it should', timeoutMs: 20_000, everyMs: 1000 },
    ).catch(() => panelFaults(stack, asked, { job_id: shownJob }))
    expect(faults).toEqual([])
    expect(panelQueries().length - asked.length).toBeGreaterThan(10)
  }, 120_000)
})

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** Both links of an alert lead to something that is shipped, and hand on the labels of the alert. */
function expectWorkingLinks({ labels, annotations }: HeldAlert): void {
  expect(JSON.stringify(annotations)).not.toMatch(/\{\{|no value/)
  const [page = '', anchor] = (annotations['runbook_url'] ?? '').split('#')
  const anchors = [...textOf(page).matchAll(/^### (\w+)$/gm)].map(([, heading = '']) => heading.toLowerCase())
  expect(anchors).toContain(anchor)
  const link = new URL(annotations['dashboard_url'] ?? '')
  const uid = /^\/d\/([\w-]+)$/.exec(link.pathname)?.[1]
  const dashboard: { uid: string; templating: { list: { name: string }[] } } = JSON.parse(
    textOf(`dashboards/Enginescope/${uid}.json`),
  )
  expect(dashboard.uid).toBe(uid)
  const variables = dashboard.templating.list.map(({ name }) => name)
  const set = [...link.searchParams].filter(([key]) => key.startsWith('var-'))
  expect(set.length).toBeGreaterThan(1)
  for (const [key, value] of set) {
    expect(variables).toContain(key.slice(4))
    expect(value).toBe(labels[key.slice(4)])
  }
}
