import { expect, test } from 'vitest'
import { samplesOf, sampleValue } from '../../test/support/prometheus-text.ts'
import { anEngine, aStore } from '../../test/support/series.ts'
import { metrics } from '../catalogue/index.ts'
import { type EngineRecord, engineStates, type ScopeEvent } from '../jobs/records.ts'
import { EngineSeries } from './engine-series.ts'

function followed(engineSeriesMax = 100) {
  const { store, overflows, families } = aStore()
  const series = new EngineSeries(store, engineSeriesMax)
  series.load(0, { tasks: [], jobs: [], engines: [] })
  const report = (...changes: Partial<EngineRecord>[]) =>
    series.apply(
      0,
      changes.map((change): ScopeEvent => ({ kind: 'engine', record: anEngine(change) })),
    )
  const value = (name: string, labels = {}) => sampleValue(families(), `enginescope_engine_${name}`, labels)
  return { store, series, overflows, families, report, value }
}

test('the catalogue knows the states of engines by the words of the store', () => {
  expect(metrics.engines.values.state).toEqual(engineStates)
})

test('an engine shows its facts, and a change of them takes the place of the old ones', () => {
  const { report, families } = followed()
  report({}, { facts: { instance: 'n1:1', engineVersion: '3.5.0' } })
  const infos = samplesOf(families(), 'enginescope_engine_info')
  expect(infos).toHaveLength(1)
  expect(infos[0]?.labels).toEqual({
    engine: 'n1:1',
    engine_type: 'spark',
    version: '3.5.0',
    node: '',
    ticket: '',
    ecm: '',
    instance: '',
  })
})

test.each([
  ['live', 1],
  ['suspect', 0],
  ['lost', 0],
] as const)('an engine that is %s is up %d', (state, up) => {
  const { report, value } = followed()
  report({ state })
  expect(value('up')).toBe(up)
})

test('counts are shown as far as they were reported', () => {
  const { report, value, families } = followed()
  report({ restarts: 2 })
  expect(families().has('enginescope_engine_tasks')).toBe(false)
  expect(families().has('enginescope_engine_tasks_finished_total')).toBe(false)
  expect(value('restarts_total')).toBe(2)
  expect(value('last_report_timestamp_seconds')).toBe(10)
  report({ counts: { running: 1, limit: 4 }, finished: { succeeded: { base: 5, per: [['b', 2]] } } })
  expect(value('tasks', { state: 'running' })).toBe(1)
  expect(value('tasks', { state: 'pending' })).toBeUndefined()
  expect(value('task_limit')).toBe(4)
  expect(value('tasks_finished_total', { status: 'succeeded' })).toBe(7)
  expect(value('tasks_finished_total', { status: 'failed' })).toBe(0)
})

test('time in states is a counter of seconds', () => {
  const { report, value } = followed()
  report({ stateSeconds: { idle: { base: 1, per: [['', 0.5]] }, busy: { base: 0, per: [['', 9]] } } })
  expect(value('state_seconds_total', { state: 'idle' })).toBe(1.5)
  expect(value('state_seconds_total', { state: 'busy' })).toBe(9)
  expect(value('state_seconds_total', { state: 'locked' })).toBeUndefined()
})

test('an engine that is gone has no series, one that speaks again has them again', () => {
  const { report, series, families } = followed()
  report({}, { state: 'lost', isGone: true })
  expect(families().size).toBe(0)
  report({})
  expect(families().has('enginescope_engine_up')).toBe(true)
  series.apply(0, [{ kind: 'engine-gone', instance: 'n1:1' }])
  expect(families().size).toBe(0)
  expect(series.engineCount).toBe(0)
})

test('another engine type is another label set', () => {
  const { report, families } = followed()
  report({ engineType: 'unknown' }, { engineType: 'spark' })
  expect(samplesOf(families(), 'enginescope_engine_up').map((sample) => sample.labels['engine_type'])).toEqual(['spark'])
})

test('beyond the limit engines are counted and have no series', () => {
  const { report, overflows, series } = followed(1)
  report({}, { instance: 'n2:2' })
  expect(series.engineCount).toBe(1)
  expect(overflows).toEqual(['engine'])
})

test('a snapshot replaces what was known, and a dropped shard leaves nothing', () => {
  const { report, series, families, store } = followed()
  report({ instance: 'goes' }, { instance: 'stays' })
  series.load(0, { tasks: [], jobs: [], engines: [anEngine({ instance: 'stays' }), anEngine({ instance: 'new' })] })
  expect(samplesOf(families(), 'enginescope_engine_up').map((sample) => sample.labels['engine'])).toEqual(['new', 'stays'])
  series.drop(0)
  report({})
  expect(store.linesOf('engine')).toBe(0)
})
