import { expect, test } from 'vitest'
import { anEngine, aStore, aTask } from '../../test/support/series.ts'
import { EngineSeries } from './engine-series.ts'
import { exposedLinesMax } from './exposition-limits.ts'
import { ScrapeLog } from './scrape-log.ts'
import { TaskSeries } from './task-series.ts'

const settings = { taskSeriesMax: 1, engineSeriesMax: 1, metricNamesMax: 2 }
const counted = { base: 1, per: [] }
const stage = { id: 's', totalTasks: 1, runningTasks: 1, failedTasks: 0, succeedTasks: 0 }
const application = {
  applicationId: 'a',
  queueMemory: 1,
  queueCores: 1,
  queueInstances: 1,
  jobStatus: '',
  queue: '',
  live: true,
}

test('every task and engine that the settings allow finds room for all its lines', () => {
  const { store, overflows } = aStore(exposedLinesMax(settings))
  const limits = { ...settings, lingerMs: 1000, lostLingerMs: 1000 }
  const deps = { store, limits, scrapes: new ScrapeLog(), nowMs: () => 10_000, onExpired: () => undefined }
  const tasks = new TaskSeries(deps)
  const engines = new EngineSeries(store, settings.engineSeriesMax)
  for (const listener of [tasks, engines]) listener.load(0, { tasks: [], jobs: [], engines: [] })
  const full = {
    hasProgress: true,
    progress: 0.5,
    progressInfo: [stage],
    applications: [application],
    usage: { memoryBytes: 1, gpuMemoryBytes: 1, gpuUtilizationRatio: 1, cpuSeconds: counted },
    metrics: { a: 1, b: 2 },
  }
  const end = { status: 'failed', endedArrivalAtMs: 9500 } as const
  const records = [
    { task: 'ended', ...full },
    { task: 'ended', ...full, ...end },
    { task: 'open', ...full },
  ]
  tasks.apply(
    0,
    records.map((record) => ({ kind: 'task', record: aTask(record) })),
  )
  const states = { idle: counted, busy: counted, locked: counted, unlocked: counted }
  const counts = { running: 1, pending: 1, limit: 1 }
  engines.apply(0, [{ kind: 'engine', record: anEngine({ counts, finished: { failed: counted }, stateSeconds: states }) }])
  expect(overflows).toEqual([])
  expect(store.linesOf('engine')).toBe(store.linesMaxOf('engine'))
})
