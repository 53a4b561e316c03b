import { expect, test } from 'vitest'
import { samplesOf, sampleValue } from '../../test/support/prometheus-text.ts'
import { aStore } from '../../test/support/series.ts'
import { FleetSeries } from './fleet-series.ts'

const kind = ['default', 'sql', 'spark']

function aFleet() {
  const { store, families, text } = aStore()
  const failures: unknown[] = []
  const clock = { nowMs: 0 }
  const source = { counters: [] as [unknown[], number][], reads: 0, error: undefined as Error | undefined }
  const fleet = new FleetSeries({
    store,
    nowMs: () => clock.nowMs,
    onReadFailure: (error) => failures.push(error),
    readCounters: () => {
      source.reads += 1
      if (source.error !== undefined) return Promise.reject(source.error)
      return Promise.resolve(new Map(source.counters.map(([field, value]) => [JSON.stringify(field), value])))
    },
  })
  const refresh = async (counters?: [unknown[], number][]) => {
    source.counters = counters ?? source.counters
    clock.nowMs += 1000
    await fleet.refresh()
  }
  const value = (name: string, labels = {}) => sampleValue(families(), `enginescope_${name}`, labels)
  return { fleet, families, text, failures, clock, source, refresh, value }
}

test('only the holder of the fleet lease prints the fleet, and stops at once', async () => {
  const { fleet, refresh, text, value } = aFleet()
  await refresh([[['engines', 'spark', 'live'], 2]])
  expect(text()).toBe('')
  fleet.setHolder(true)
  expect(text()).toBe('')
  await refresh()
  expect(value('engines', { state: 'live' })).toBe(2)
  fleet.setHolder(false)
  expect(text()).toBe('')
})

test('a reading that comes back after the lease was given away is not printed', async () => {
  const { fleet, refresh, source, text } = aFleet()
  source.counters = [[['reportsLost'], 1]]
  fleet.setHolder(true)
  const reading = refresh()
  fleet.setHolder(false)
  await reading
  expect(text()).toBe('')
})

test('a kind of task that is first seen has all its counters at once, with 0', async () => {
  const { fleet, refresh, families, value } = aFleet()
  fleet.setHolder(true)
  await refresh([[['tasks', ...kind, 'running'], 3]])
  expect(value('tasks', { status: 'running' })).toBe(3)
  expect(value('tasks', { status: 'inited' })).toBe(0)
  const finished = samplesOf(families(), 'enginescope_tasks_finished_total')
  const byStatus = Object.fromEntries(finished.map((sample) => [sample.labels['status'], sample.value]))
  expect(byStatus).toEqual({ succeeded: 0, failed: 0, cancelled: 0, timed_out: 0 })
  expect(value('tasks_lost_total')).toBe(0)
  expect(value('reports_lost_total')).toBe(0)
  expect(value('task_duration_seconds_count', { status: 'failed' })).toBe(0)
  expect(value('task_queue_seconds_count')).toBe(0)
})

test('an engine type has all three states', async () => {
  const { fleet, refresh, families } = aFleet()
  fleet.setHolder(true)
  await refresh([[['engines', 'spark', 'suspect'], 1]])
  const states = samplesOf(families(), 'enginescope_engines').map((sample) => [sample.labels['state'], sample.value])
  expect(Object.fromEntries(states)).toEqual({ live: 0, suspect: 1, lost: 0 })
})

test('buckets are added up to histograms, with sums in seconds', async () => {
  const { fleet, refresh, value } = aFleet()
  fleet.setHolder(true)
  await refresh([
    [['durationBucket', 'sql', 'spark', 'succeeded', 0], 1],
    [['durationBucket', 'sql', 'spark', 'succeeded', 6], 2],
    [['durationBucket', 'sql', 'spark', 'succeeded', 17], 4],
    [['durationSumMs', 'sql', 'spark', 'succeeded'], 900_500],
    [['durationCount', 'sql', 'spark', 'succeeded'], 7],
    [['queueBucket', 'sql', 'spark', 99], 1],
    [['queueSumMs', 'sql', 'spark'], 1500],
  ])
  const labels = { task_type: 'sql', engine_type: 'spark', status: 'succeeded' }
  expect(value('task_duration_seconds_bucket', { ...labels, le: '0.1' })).toBe(1)
  expect(value('task_duration_seconds_bucket', { ...labels, le: '30.0' })).toBe(3)
  expect(value('task_duration_seconds_bucket', { ...labels, le: '+Inf' })).toBe(7)
  expect(value('task_duration_seconds_sum', labels)).toBe(900.5)
  expect(value('task_duration_seconds_count', labels)).toBe(7)
  expect(value('task_queue_seconds_bucket', { le: '+Inf' })).toBe(1)
  expect(value('task_queue_seconds_sum')).toBe(1.5)
})

test('counters never step back, gauges do, also when another replica held the lease in between', async () => {
  const { fleet, refresh, value } = aFleet()
  fleet.setHolder(true)
  await refresh([
    [['finished', ...kind, 'succeeded'], 80],
    [['durationBucket', 'sql', 'spark', 'succeeded', 3], 80],
    [['engines', 'spark', 'live'], 5],
    [['reportsLost'], 4],
  ])
  fleet.setHolder(false)
  fleet.setHolder(true)
  await refresh([
    [['finished', ...kind, 'succeeded'], 79],
    [['engines', 'spark', 'live'], 4],
  ])
  expect(value('tasks_finished_total', { status: 'succeeded' })).toBe(80)
  expect(value('task_duration_seconds_count', { status: 'succeeded' })).toBe(80)
  expect(value('reports_lost_total')).toBe(4)
  expect(value('engines', { state: 'live' })).toBe(4)
})

test('a gauge that is no longer counted is 0', async () => {
  const { fleet, refresh, value } = aFleet()
  fleet.setHolder(true)
  await refresh([[['stalled', 'sql', 'spark'], 3]])
  await refresh([])
  expect(value('tasks_stalled')).toBe(0)
})

test('the counters are read at most once a second and once at a time', async () => {
  const { fleet, clock, source } = aFleet()
  fleet.setHolder(true)
  await Promise.all([fleet.refresh(), fleet.refresh()])
  await fleet.refresh()
  clock.nowMs += 999
  await fleet.refresh()
  expect(source.reads).toBe(1)
  clock.nowMs += 1
  await fleet.refresh()
  expect(source.reads).toBe(2)
})

test('without the store the last values stand, and it is told', async () => {
  const { fleet, refresh, source, value, failures } = aFleet()
  fleet.setHolder(true)
  await refresh([[['engines', 'spark', 'live'], 5]])
  source.error = new Error('away')
  await refresh()
  expect(value('engines', { state: 'live' })).toBe(5)
  expect(failures).toEqual([source.error])
})

test('fields of another version are passed over', async () => {
  const { fleet, refresh, families } = aFleet()
  fleet.setHolder(true)
  await refresh([
    [['somethingNew', 'a'], 1],
    [['tasks', 'too', 'few'], 1],
    [['constructor'], 1],
    [['engines', { a: 1 }, 'live'], 1],
    [[], 1],
  ])
  expect([...families().keys()]).toEqual(['enginescope_reports_lost_total'])
})
