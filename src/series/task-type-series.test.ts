import { expect, test } from 'vitest'
import { samplesOf, sampleValue } from '../../test/support/prometheus-text.ts'
import { aStore, aTask } from '../../test/support/series.ts'
import type { TaskType } from '../catalogue/index.ts'
import type { TaskRecord } from '../jobs/records.ts'
import { exposedLinesMax } from './exposition-limits.ts'
import { ScrapeLog } from './scrape-log.ts'
import { TaskSeries } from './task-series.ts'

const type: TaskType = {
  name: 'sql',
  title: 'SQL',
  isBuiltIn: false,
  numbers: [
    { name: 'rows_total', field: 'rows', type: 'counter', unit: 'count', help: 'Rows.' },
    { name: 'skew_ratio', field: 'skew', type: 'gauge', unit: 'ratio', help: 'Skew.' },
  ],
  states: [{ name: 'phase', field: 'phase', label: 'phase', states: ['not_ok', 'ok'], help: 'Phase.' }],
  infos: [{ name: 'plan_info', labels: { plan: 'plan', url: 'planUrl' }, help: 'Plan.' }],
}

function shown(linesMax = {}) {
  const { store, families, overflows } = aStore(linesMax)
  const limits = { taskSeriesMax: 10, metricNamesMax: 32, lingerMs: 1000, lostLingerMs: 1000 }
  const deps = { store, limits, types: [type], scrapes: new ScrapeLog(), nowMs: () => 10_000, onExpired: () => undefined }
  const series = new TaskSeries(deps)
  series.load(0, { tasks: [], jobs: [], engines: [] })
  const report = (changes: Partial<TaskRecord>) => series.apply(0, [{ kind: 'task', record: aTask(changes) }])
  const value = (name: string, labels = {}) => sampleValue(families(), `enginescope_sql_${name}`, labels)
  return { store, series, families, report, value, overflows }
}

test('a counter is there with 0 from the first report, a gauge only while its value is', () => {
  const { report, value } = shown()
  report({})
  expect([value('rows_total'), value('skew_ratio')]).toEqual([0, undefined])
  report({ counters: { rows: { base: 5, per: [['', 2]] } }, metrics: { skew: 0.25 } })
  expect([value('rows_total'), value('skew_ratio')]).toEqual([7, 0.25])
  report({ metrics: { skew: 'wide' } })
  expect(value('skew_ratio')).toBeUndefined()
})

test.each(['Not OK', 'NotOk', 'not_ok', 'NOT-OK'])('the state %s is read as not_ok', (phase) => {
  const { report, value } = shown()
  report({ metrics: { phase } })
  expect([value('phase', { phase: 'not_ok' }), value('phase', { phase: 'ok' })]).toEqual([1, 0])
})

test('a state set has no series while its word is unknown', () => {
  const { report, families } = shown()
  report({ metrics: { phase: 'ok' } })
  expect(samplesOf(families(), 'enginescope_sql_phase')).toHaveLength(2)
  report({ metrics: { phase: 'great' } })
  expect(samplesOf(families(), 'enginescope_sql_phase')).toHaveLength(0)
})

test('facts are one series; what is not known of them is empty, and quotes and line ends do no harm', () => {
  const { report, families } = shown()
  report({ metrics: { plan: 'a "b"\nc' } })
  report({ metrics: { plan: 'd', planUrl: 'https://x/y' } })
  const samples = samplesOf(families(), 'enginescope_sql_plan_info')
  expect(samples.map(({ labels }) => [labels['plan'], labels['url']])).toEqual([['d', 'https://x/y']])
})

test('what the type knows has no uncatalogued series beside it, and another type has none of its series', () => {
  const { report, families } = shown()
  report({ metrics: { skew: 1, other: 2 } })
  expect(samplesOf(families(), 'enginescope_task_metric').map(({ labels }) => labels['name'])).toEqual(['other'])
  report({ task: 't2', labels: { namespace: 'default', taskType: 'etl', engineType: 'spark' }, metrics: { skew: 3 } })
  expect(samplesOf(families(), 'enginescope_sql_skew_ratio')).toHaveLength(1)
  expect(samplesOf(families(), 'enginescope_task_metric', { task_type: 'etl' })).toHaveLength(1)
})

test('a task leaves nothing behind, and has room for all its lines', () => {
  const limits = { taskSeriesMax: 1, engineSeriesMax: 1, metricNamesMax: 1 }
  const { store, series, report, families, overflows } = shown(exposedLinesMax({ ...limits, typeLinesMax: 5 }))
  report({ metrics: { skew: 1, phase: 'ok', plan: 'p', other: 1 }, counters: { rows: { base: 1, per: [] } } })
  // Lines are written when they are looked at.
  families()
  expect([store.linesOf('task_metric'), overflows]).toEqual([6, []])
  series.drop(0)
  expect(store.linesOf('task_metric')).toBe(0)
})
