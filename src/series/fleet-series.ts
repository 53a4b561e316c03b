import { type HistogramMetric, type LabelValues, metrics, runtimeMetrics, type SingleMetric } from '../catalogue/index.ts'
import type { ExpositionStore } from './exposition-store.ts'
import { type FleetTotals, type Gathered, keepHighWater, readFleetTotals } from './fleet-counters.ts'
import type { Shared } from './series-family.ts'
import { ShownFamily } from './shown-family.ts'

export type FleetSeriesDeps = {
  readonly store: ExpositionStore
  /** The counters of all shards, added up, by field. */
  readonly readCounters: () => Promise<ReadonlyMap<string, number>>
  /** The counters could not be read; what was read last is printed on. */
  readonly onReadFailure: (error: unknown) => void
  /** A clock that only goes forward, milliseconds. */
  readonly nowMs?: () => number
  /** Least time between two readings. */
  readonly refreshMs?: number
}

const refreshMsDefault = 1000

/**
 * The series of the whole installation. They have no shard in their labels, so one replica prints them all: the holder of the fleet
 * lease. They are served from memory, and only while the lease is held.
 */
export class FleetSeries {
  readonly #deps: FleetSeriesDeps
  readonly #nowMs: () => number
  readonly #refreshMs: number
  readonly #families: ReturnType<typeof shownFamilies>
  /** Counts hand-overs while this replica holds the lease; a reading that spans one is void. */
  #tenure: number | undefined
  #tenures = 0
  #readAtMs = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined
  /** The newest totals read in this process, in this tenure or an earlier one. */
  #totals: FleetTotals | undefined

  constructor(deps: FleetSeriesDeps) {
    this.#deps = deps
    this.#nowMs = deps.nowMs ?? (() => performance.now())
    this.#refreshMs = deps.refreshMs ?? refreshMsDefault
    this.#families = shownFamilies(deps.store)
  }

  get isHolder(): boolean {
    return this.#tenure !== undefined
  }

  /** Whether this replica prints the fleet's series. When it ceases to, they are gone at once. */
  setHolder(isHolder: boolean): void {
    if (isHolder === this.isHolder) return
    if (isHolder) {
      this.#tenures += 1
      this.#tenure = this.#tenures
      this.#readAtMs = Number.NEGATIVE_INFINITY
      return
    }
    this.#tenure = undefined
    for (const family of Object.values(this.#families)) family.clear()
  }

  /** Reads the counters anew unless that was just done. Never rejects: without the store the last values stand. */
  refresh(): Promise<void> {
    if (this.#tenure === undefined) return Promise.resolve()
    if (this.#reading !== undefined) return this.#reading
    if (this.#nowMs() - this.#readAtMs < this.#refreshMs) return Promise.resolve()
    this.#readAtMs = this.#nowMs()
    this.#reading = this.#read(this.#tenure).finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(tenure: number): Promise<void> {
    try {
      const totals = readFleetTotals(await this.#deps.readCounters())
      if (this.#tenure !== tenure) return
      if (this.#totals !== undefined) keepHighWater(totals, this.#totals)
      this.#totals = totals
      this.#show(totals)
    } catch (error) {
      this.#deps.onReadFailure(error)
    }
  }

  #show(totals: FleetTotals): void {
    const { tasks, engines, stalled, runtimes, oldestWaiting, finished, lost, durations, queues, reportsLost } = this.#families
    for (const [family, values] of [
      [tasks, totals.tasks],
      [engines, totals.engines],
      [stalled, totals.stalled],
      [runtimes, totals.runtimes],
    ] as const) {
      family.show(values)
      // A gauge that is no longer counted is none; a counter stays where it was.
      family.setOthers(values, 0)
    }
    oldestWaiting.show(totals.oldestWaiting)
    oldestWaiting.keepOnly(totals.oldestWaiting)
    for (const family of ['runtimePolls', 'runtimeMessages', 'runtimeResets', 'lineageDropped'] as const)
      this.#families[family].show(totals[family])
    finished.show(totals.finished)
    lost.show(totals.lost)
    durations.show(totals.durations)
    queues.show(totals.queues)
    reportsLost.show(new Map([['[]', totals.reportsLost]]))
  }
}

function shownFamilies(store: ExpositionStore) {
  return {
    tasks: numbers(store, metrics.tasks),
    finished: numbers(store, metrics.tasksFinished),
    durations: histograms(store, metrics.taskDuration),
    queues: histograms(store, metrics.taskQueue),
    lost: numbers(store, metrics.tasksLost),
    engines: numbers(store, metrics.engines),
    stalled: numbers(store, metrics.tasksStalled),
    runtimes: numbers(store, runtimeMetrics.runtimes),
    runtimePolls: numbers(store, runtimeMetrics.runtimePolls),
    runtimeMessages: numbers(store, runtimeMetrics.runtimeMessages),
    runtimeResets: numbers(store, runtimeMetrics.runtimeResets),
    lineageDropped: numbers(store, runtimeMetrics.lineageDropped),
    oldestWaiting: numbers(store, metrics.tasksOldestWaiting),
    reportsLost: numbers(store, metrics.reportsLost),
  }
}

function numbers<M extends Shared<SingleMetric>>(store: ExpositionStore, metric: M): ShownFamily<number> {
  const family = store.family(metric)
  return new ShownFamily(metric, (values) => family.series(values as LabelValues<M>))
}

function histograms<M extends Shared<HistogramMetric>>(store: ExpositionStore, metric: M): ShownFamily<Gathered> {
  const family = store.histogram(metric)
  return new ShownFamily(metric, (values) => family.series(values as LabelValues<M>))
}
