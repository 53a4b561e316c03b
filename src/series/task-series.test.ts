import { expect, test } from 'vitest'
import { samplesOf, sampleValue } from '../../test/support/prometheus-text.ts'
import { anEngine, aStore, aTask } from '../../test/support/series.ts'
import type { ScopeEvent, TaskRecord } from '../jobs/records.ts'
import { ScrapeLog } from './scrape-log.ts'
import { type ExpiredTask, TaskSeries, type TaskSeriesLimits } from './task-series.ts'

const lingerMs = 300_000

function followed(limits: Partial<TaskSeriesLimits> = {}) {
  const { store, overflows, families, text } = aStore()
  const scrapes = new ScrapeLog()
  const clock = { nowMs: 10_000 }
  const expired: ExpiredTask[] = []
  const series = new TaskSeries({
    store,
    scrapes,
    limits: { taskSeriesMax: 100, metricNamesMax: 32, lingerMs, lostLingerMs: 3_600_000, ...limits },
    nowMs: () => clock.nowMs,
    onExpired: (task) => expired.push(task),
  })
  series.load(0, { tasks: [], jobs: [], engines: [] })
  const report = (...changes: Partial<TaskRecord>[]) =>
    series.apply(
      0,
      changes.map((change): ScopeEvent => ({ kind: 'task', record: aTask(change) })),
    )
  const value = (name: string, labels = {}) => sampleValue(families(), `enginescope_task_${name}`, labels)
  const scrape = () => scrapes.complete(scrapes.begin())
  return { store, series, overflows, families, text, clock, expired, report, value, scrapes, scrape }
}

const ended = { status: 'succeeded', progress: 1, endedAtMs: 9000, endedArrivalAtMs: 9500 } as const
const app = { applicationId: 'a1', queueInstances: 4, jobStatus: 'RUNNING', queue: 'q', live: true }

test('a task shows its facts and its present status alone', () => {
  const { report, families } = followed()
  report({ status: 'scheduled' }, { status: 'running' })
  const [info] = families().get('enginescope_task_info')?.samples ?? []
  expect(info).toEqual({
    name: 'enginescope_task_info',
    value: 1,
    labels: {
      namespace: 'default',
      job_id: 'j1',
      task: 't1',
      task_type: 'sql',
      engine: 'n1:1',
      engine_type: 'spark',
      attempt: '1',
      node: 'n1',
      user: 'etl',
      instance: '',
    },
  })
  const statuses = families().get('enginescope_task_status')?.samples ?? []
  expect(statuses.map((sample) => [sample.labels['status'], sample.value])).toEqual([['running', 1]])
})

test('progress is absent until something is known of it', () => {
  const { report, value } = followed()
  report({})
  expect(value('progress_ratio')).toBeUndefined()
  report({ hasProgress: true, progress: 0 })
  expect(value('progress_ratio')).toBe(0)
  report({ hasProgress: true, progress: 0.42 })
  expect(value('progress_ratio')).toBe(0.42)
})

test('sub-tasks are summed over all stages and vanish with them', () => {
  const { report, value, families } = followed()
  const stage = { id: 's0', totalTasks: 120, runningTasks: 16, failedTasks: 1, succeedTasks: 84 }
  report({ progressInfo: [stage, { ...stage, id: 's1' }] })
  expect(value('subtasks', { state: 'total' })).toBe(240)
  expect(value('subtasks', { state: 'running' })).toBe(32)
  expect(value('subtasks', { state: 'failed' })).toBe(2)
  expect(value('subtasks', { state: 'succeeded' })).toBe(168)
  report({ progressInfo: [] })
  expect(families().has('enginescope_task_subtasks')).toBe(false)
})

test('resources are exact sums over live applications, 0 when all have finished, and gone at the end of the task', () => {
  const { report, value } = followed()
  report({})
  expect(value('resource_memory_bytes')).toBeUndefined()
  report({
    applications: [
      { ...app, queueMemory: 68_719_476_736, queueCores: 16 },
      { ...app, applicationId: 'a2', queueMemory: 1, queueCores: 2 },
      { ...app, applicationId: 'a3', queueMemory: 5, queueCores: 5, live: false },
    ],
  })
  expect(value('resource_memory_bytes')).toBe(68_719_476_737)
  expect(value('resource_cpu_cores')).toBe(18)
  expect(value('resource_containers')).toBe(8)
  const finished = [{ ...app, queueMemory: 5, queueCores: 5, live: false }]
  report({ applications: finished })
  expect(value('resource_memory_bytes')).toBe(0)
  report({ applications: finished, ...ended })
  expect(value('resource_memory_bytes')).toBeUndefined()
})

test('processor time is added over incarnations and attempts and never falls', () => {
  const { report, value } = followed()
  report({
    usage: {
      cpuSeconds: {
        base: 1,
        per: [
          ['b', 2.5],
          ['a', 4],
        ],
      },
    },
  })
  expect(value('usage_cpu_seconds_total')).toBe(7.5)
  report({ attempt: 2, cpuSecondsCarried: 7.5, usage: {} })
  expect(value('usage_cpu_seconds_total')).toBe(7.5)
  report({ attempt: 2, cpuSecondsCarried: 7.5, usage: { cpuSeconds: { base: 0, per: [['', 1]] } } })
  expect(value('usage_cpu_seconds_total')).toBe(8.5)
})

test('a value that is not finite has no series', () => {
  const { report, value } = followed()
  report({ usage: { memoryBytes: Number.NaN, gpuMemoryBytes: Number.POSITIVE_INFINITY, gpuUtilizationRatio: 0.5 } })
  expect(value('usage_memory_bytes')).toBeUndefined()
  expect(value('usage_gpu_memory_bytes')).toBeUndefined()
  expect(value('usage_gpu_utilization_ratio')).toBe(0.5)
})

test('the estimate is there while the task runs and the completion time once it has ended', () => {
  const { report, value } = followed()
  report({ hasProgress: true, progress: 0.5, startedArrivalAtMs: 2000, lastReportAtMs: 10_000 })
  expect(value('eta_seconds')).toBe(8)
  expect(value('start_timestamp_seconds')).toBe(2)
  expect(value('last_report_timestamp_seconds')).toBe(10)
  expect(value('completion_timestamp_seconds')).toBeUndefined()
  report({ hasProgress: true, ...ended })
  expect(value('eta_seconds')).toBeUndefined()
  expect(value('completion_timestamp_seconds')).toBe(9)
})

test('a job-scoped task moves with the engine that speaks for it', () => {
  const { report, families, series } = followed()
  report({ scope: 'job' }, { scope: 'job', engine: { instance: 'n2:2' } })
  expect(samplesOf(families(), 'enginescope_task_info').map((sample) => sample.labels['engine'])).toEqual(['n2:2'])
  series.apply(0, [{ kind: 'task-gone', namespace: 'default', jobId: 'j1', task: 't1', engine: 'n2:2' }])
  expect(families().size).toBe(0)
})

test('a new attempt takes the place of the old one, which cannot come back', () => {
  const { report, families } = followed()
  report({ attempt: 1, ...ended }, { attempt: 2 }, { attempt: 1, ...ended, isSuperseded: true })
  expect(samplesOf(families(), 'enginescope_task_info').map((sample) => sample.labels['attempt'])).toEqual(['2'])
  expect(samplesOf(families(), 'enginescope_task_status').map((sample) => sample.labels['status'])).toEqual(['running'])
})

test('a superseded task has no series', () => {
  const { report, families } = followed()
  report({}, { isSuperseded: true, status: 'lost' })
  expect(families().size).toBe(0)
})

test('an older run of the same id does not take away the newer one', () => {
  const { report, value } = followed()
  report({ firstArrivalAtMs: 5000 }, { firstArrivalAtMs: 1500, isSuperseded: true, status: 'lost' })
  expect(value('status', { status: 'running' })).toBe(1)
})

test('numbers of unknown algorithm metrics are shown by name, texts and lists are not', () => {
  const { report, families, value } = followed()
  report({ metrics: { trainLoss: 0.41, epoch: 3, note: 'x', list: [1] }, counters: { seen: { base: 5, per: [['', 2]] } } })
  expect(samplesOf(families(), 'enginescope_task_metric')).toHaveLength(3)
  expect(value('metric', { name: 'trainLoss' })).toBe(0.41)
  expect(value('metric', { name: 'seen' })).toBe(7)
  report({ metrics: { epoch: 4, trainLoss: 'gone' } })
  expect(samplesOf(families(), 'enginescope_task_metric').map((sample) => sample.labels['name'])).toEqual(['epoch'])
})

test('names of algorithm metrics that do not fit, or are beyond 32 of a task type, are counted and have no series', () => {
  const { report, families, overflows } = followed()
  const many = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`m${i}`, i]))
  report({ metrics: { ...many, one_more: 1, 'a b': 1, '': 1, ['x'.repeat(101)]: 1 } })
  expect(samplesOf(families(), 'enginescope_task_metric')).toHaveLength(32)
  expect(overflows).toEqual(Array(4).fill('task_metric'))
  report(
    { task: 't2', metrics: { m0: 1 } },
    { task: 't3', metrics: { one_more: 1 }, labels: { ...aTask().labels, taskType: 'ml' } },
  )
  expect(samplesOf(families(), 'enginescope_task_metric')).toHaveLength(34)
})

test('a name that no task uses any more makes room for another', () => {
  const { report, families } = followed({ metricNamesMax: 1 })
  report({ metrics: { a: 1 } }, { metrics: {} }, { metrics: { b: 1 } })
  expect(samplesOf(families(), 'enginescope_task_metric').map((sample) => sample.labels['name'])).toEqual(['b'])
})

test('names that JavaScript keeps for itself are names like others', () => {
  const { report, families } = followed()
  report({ metrics: JSON.parse('{"__proto__":1,"constructor":2,"toString":3}') as Record<string, unknown> })
  expect(samplesOf(families(), 'enginescope_task_metric')).toHaveLength(3)
})

test('beyond the limit a task is folded and counted, and gets its series at its next report once there is room', () => {
  const { report, series, overflows, value } = followed({ taskSeriesMax: 1 })
  report({ task: 't1' }, { task: 't2' })
  expect(series.taskCount).toBe(1)
  expect(overflows).toEqual(['task'])
  report({ task: 't1', ...ended }, { task: 't2' })
  expect(value('status', { task: 't2' })).toBe(1)
})

test('an ended task stays until two scrapes that began after its end were answered in full', () => {
  const { report, series, expired, scrape, scrapes, clock, value } = followed()
  report({})
  const before = scrapes.begin()
  report(ended)
  scrapes.complete(before)
  scrapes.begin()
  scrape()
  series.sweep(clock.nowMs)
  expect(value('status', { status: 'succeeded' })).toBe(1)
  scrape()
  series.sweep(clock.nowMs)
  expect(value('status')).toBeUndefined()
  expect(expired).toEqual([{ namespace: 'default', jobId: 'j1', task: 't1', engine: 'n1:1', attempt: 1, scope: 'task' }])
})

test('without scrapes an ended task stays for its linger', () => {
  const { report, series, expired, value } = followed()
  report(ended)
  series.sweep(9500 + lingerMs - 1)
  expect(value('status')).toBe(1)
  series.sweep(9500 + lingerMs)
  expect(value('status')).toBeUndefined()
  expect(expired).toHaveLength(1)
})

test('no late word about an ended task brings its series back, an open record or a new attempt does', () => {
  const { report, series, scrape, clock, value } = followed()
  const end = () => {
    scrape()
    scrape()
    series.sweep(clock.nowMs)
  }
  report({}, ended)
  end()
  report({ ...ended, lastReportAtMs: 9900 })
  expect(value('status')).toBeUndefined()
  report({})
  expect(value('status')).toBe(1)
  report(ended)
  end()
  report({ ...ended, attempt: 2 })
  expect(value('status')).toBe(1)
})

test('a task that ended longer ago than its linger gets no series at all', () => {
  const { report, clock, value } = followed()
  clock.nowMs = 9500 + lingerMs
  report(ended)
  expect(value('status')).toBeUndefined()
})

test('a task that ended before its shard was taken over, and was not handed over, is not revived', () => {
  const { report, series, clock, value } = followed()
  clock.nowMs = 60_000
  series.load(0, { tasks: [], jobs: [], engines: [] })
  report(ended)
  expect(value('status')).toBeUndefined()
})

test('a lost task keeps its series until it ends', () => {
  const { report, series, scrape, value } = followed()
  report({ status: 'lost' })
  scrape()
  scrape()
  series.sweep(20_000)
  expect(value('status', { status: 'lost' })).toBe(1)
  report({ ...ended, status: 'failed' })
  scrape()
  scrape()
  series.sweep(20_000)
  expect(value('status')).toBeUndefined()
})

test.each<[string, ScopeEvent]>([
  ['its engine is gone', { kind: 'engine-gone', instance: 'n1:1' }],
  ['its engine is said to be gone', { kind: 'engine', record: anEngine({ state: 'lost', isGone: true }) }],
])('a lost task loses its series when %s', (_name, event) => {
  const { report, series, expired, value } = followed()
  report({ status: 'lost' }, { task: 't2' })
  series.apply(5, [event])
  expect(value('status')).toBe(1)
  expect(expired.map((task) => task.task)).toEqual(['t1'])
})

test('a lost task loses its series as late as those of its engine when nobody says that the engine is gone', () => {
  const { report, series, value } = followed({ lostLingerMs: 1000 })
  report({ status: 'lost' })
  series.sweep(10_999)
  expect(value('status')).toBe(1)
  series.sweep(11_000)
  expect(value('status')).toBeUndefined()
})

test('a snapshot replaces what was known and keeps the series of what stays', () => {
  const { report, series, families } = followed()
  report({ task: 'stays' }, { task: 'goes' })
  series.load(0, { tasks: [aTask({ task: 'stays' }), aTask({ task: 'new', ...ended })], jobs: [], engines: [] })
  expect(samplesOf(families(), 'enginescope_task_status').map((sample) => sample.labels['task'])).toEqual(['stays', 'new'])
})

test('a shard that is no longer owned leaves no series, and nothing is told to have expired', () => {
  const { report, series, families, store, expired } = followed()
  report({ metrics: { a: 1 } }, { task: 't2', ...ended }, { task: 't3', status: 'lost' })
  series.drop(0)
  expect(families().size).toBe(0)
  expect(store.linesOf('task') + store.linesOf('task_metric')).toBe(0)
  series.sweep(Number.MAX_SAFE_INTEGER)
  report({})
  expect(families().size).toBe(0)
  expect(expired).toEqual([])
})

test('a task that is forgotten by the store loses its series', () => {
  const { report, series, families } = followed()
  report({})
  series.apply(0, [{ kind: 'task-gone', namespace: 'default', jobId: 'j1', task: 't1', engine: 'n1:1' }])
  expect(families().size).toBe(0)
})

test('ten thousand tasks come and go and leave nothing behind', () => {
  const { report, series, store, text, scrape, clock, expired } = followed({ taskSeriesMax: 10_000 })
  for (let i = 0; i < 10_000; i++) {
    report({ task: `t${i}`, hasProgress: true, progress: 0.5, metrics: { a: i } })
    report({ task: `t${i}`, ...ended, metrics: { a: i } })
    if (i % 1000 !== 999) continue
    scrape()
    scrape()
    series.sweep(clock.nowMs)
  }
  expect(series.taskCount).toBe(0)
  expect(store.linesOf('task') + store.linesOf('task_metric')).toBe(0)
  expect(text()).toBe('')
  expect(expired).toHaveLength(10_000)
})

test('when more tasks end than may linger the oldest go first, counted', () => {
  const { report, series, overflows, value } = followed({ taskSeriesMax: 2 })
  report({ task: 'a', ...ended }, { task: 'b', ...ended }, { task: 'c', ...ended })
  expect(series.taskCount).toBe(2)
  expect(value('status', { task: 'a' })).toBeUndefined()
  expect(overflows).toEqual(['task'])
})

test('a task of which only numbers move is shown as it was said last, and its record is made once it is looked at', () => {
  const { report, series, value, scrape, families } = followed()
  report({ hasProgress: true, progress: 0.1 })
  const still = aTask({ hasProgress: true, progress: 0.2 })
  let made = 0
  const move = (progress: number): ScopeEvent => ({
    kind: 'task',
    still,
    get record() {
      made += 1
      return { ...still, progress }
    },
  })
  series.apply(0, [move(0.3), move(0.4)])
  series.apply(0, [move(0.5)])
  expect(made).toBe(0)
  expect(value('progress_ratio')).toBe(0.5)
  report(ended)
  expect(value('progress_ratio')).toBe(1)
  scrape()
  scrape()
  series.sweep(10_000)
  // What was said of it before it ended brings it back no more than any other word.
  series.apply(0, [{ kind: 'task', record: aTask(ended) }])
  expect(families().get('enginescope_task_progress_ratio')).toBeUndefined()
})
