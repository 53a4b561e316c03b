/** Everything behind `/metrics`, put together. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Bus } from '../bus/bus.ts'
import type { ShardListener } from '../bus/listener.ts'
import { type TaskType, taskTypeLines } from '../catalogue/index.ts'
import type { Config } from '../config/settings.ts'
import type { JobStore } from '../jobs/job-store.ts'
import type { Keys } from '../jobs/keys.ts'
import type { Store } from '../jobs/store/commit.ts'
import { readTotals } from '../jobs/totals.ts'
import { EngineSeries } from '../series/engine-series.ts'
import { exposedLinesMax } from '../series/exposition-limits.ts'
import { ExpositionStore } from '../series/exposition-store.ts'
import { FleetSeries } from '../series/fleet-series.ts'
import { metricsRoute } from '../series/metrics-route.ts'
import type { OwnMetrics } from '../series/own-metrics.ts'
import { type RuntimeReading, RuntimeSeries } from '../series/runtime-series.ts'
import { ScrapeLog } from '../series/scrape-log.ts'
import { TaskSeries } from '../series/task-series.ts'
import type { Log } from './log.ts'

export type Series = {
  readonly listeners: readonly ShardListener[]
  readonly route: (req: IncomingMessage, res: ServerResponse) => Promise<void>
  setFleetHolder(isHolder: boolean): void
  /** A runtime that this replica follows stands so. */
  showRuntime(reading: RuntimeReading): void
  leaveRuntime(name: Pick<RuntimeReading, 'namespace' | 'runtime'>): void
  close(): void
}

export type SeriesOptions = {
  /** Built-in and declared task types. */
  readonly types: readonly TaskType[]
  readonly config: Config
  readonly keys: Keys
  readonly own: OwnMetrics
  readonly log: Log
  readonly store: Store
  readonly jobStore: JobStore
  /** None before the service is ready. */
  readonly bus: () => Bus | undefined
}

const sweepEveryMs = 1_000
/** Engines with series of their own, per task that may have some. */
const enginesPerTask = 1

export function openSeries({ config, types, keys, own, log, store, jobStore, bus }: SeriesOptions): Series {
  const engineSeriesMax = Math.max(1_000, config.taskSeriesMax * enginesPerTask)
  const linesMax = exposedLinesMax({
    taskSeriesMax: config.taskSeriesMax,
    engineSeriesMax,
    metricNamesMax: config.metricNamesMax,
    typeLinesMax: Math.max(0, ...types.map(taskTypeLines)),
  })
  const exposition = new ExpositionStore({ linesMax, onOverflow: own.seriesOverflow })
  own.watch(exposition)
  const scrapes = new ScrapeLog()
  const tasks = new TaskSeries({
    store: exposition,
    scrapes,
    limits: {
      taskSeriesMax: config.taskSeriesMax,
      metricNamesMax: config.metricNamesMax,
      lingerMs: config.lingerMs,
      lostLingerMs: config.engineLingerMs,
    },
    types,
    runs: jobStore.runs.known,
    nowMs: () => jobStore.clock.nowMs(),
    onExpired: (task) => {
      // Not forgotten now means shown again after a restart, and then expired once more.
      jobStore
        .forgetSeries(task)
        .catch((error: unknown) => log.debug({ error }, 'expired series are not yet forgotten by the store'))
    },
  })
  const engines = new EngineSeries(exposition, engineSeriesMax)
  const fleet = new FleetSeries({
    store: exposition,
    readCounters: () => readTotals(store, keys, jobStore.committer),
    onReadFailure: (error) => log.debug({ error }, 'the totals could not be read; the last ones stand'),
  })
  const runtimes = new RuntimeSeries(exposition, config.lingerMs, () => jobStore.clock.nowMs())
  const route = metricsRoute({
    own,
    store: exposition,
    scrapes,
    beforeScrape: async () => {
      await Promise.all([bus()?.catchUp(catchUpWithinMs), withinTime(fleet.refresh())])
      await tasks.prepare()
      runtimes.refresh()
    },
    beforeChunk: () => bus()?.dropExpired(),
    onTrouble: (step, error) => log.debug({ step, error }, 'trouble with a scrape'),
  })
  const timer = setInterval(() => tasks.sweep(jobStore.clock.nowMs()), sweepEveryMs).unref()
  return {
    listeners: [tasks, engines],
    route,
    setFleetHolder: (isHolder) => fleet.setHolder(isHolder),
    showRuntime: (reading) => runtimes.show(reading),
    leaveRuntime: (name) => runtimes.leave(name),
    close: () => {
      clearInterval(timer)
      runtimes.close()
    },
  }
}

const catchUpWithinMs = 500
const refreshWithinMs = 500

/** Waits for a refresh, but not for ever: a scrape is answered from memory when the store hangs. */
function withinTime(refresh: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, refreshWithinMs)
    void refresh.finally(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
