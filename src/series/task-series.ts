import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ShardListener, ShardSnapshot } from '../bus/listener.ts'
import { learningTypesOf, type TaskType } from '../catalogue/index.ts'
import type { Shard } from '../jobs/keys.ts'
import { type ScopeEvent, stillOf, type TaskRecord } from '../jobs/records.ts'
import type { KnownRuns } from '../jobs/run-history.ts'
import { isEnd } from '../report/status.ts'
import { ExpiredRuns } from './expired-runs.ts'
import type { ExpositionStore } from './exposition-store.ts'
import { LearningJobs } from './learning-jobs.ts'
import { endedAtMs, LingeringTasks, type LingerLimits } from './lingering-tasks.ts'
import type { ScrapeLog } from './scrape-log.ts'
import { isBefore, TaskEntry, type TaskFamilies, type TaskNews, taskFamilies } from './task-entry.ts'

export type TaskSeriesLimits = LingerLimits & {
  /** Tasks that have not ended and have series; as many that have ended may linger. */
  readonly taskSeriesMax: number
  /** Names of uncatalogued algorithm metrics a task type. */
  readonly metricNamesMax: number
}

/** The task whose series are over. `engine` is the instance that reported last. */
export type ExpiredTask = Pick<TaskRecord, 'namespace' | 'jobId' | 'task' | 'attempt' | 'scope'> & { readonly engine: string }

export type TaskSeriesDeps = {
  readonly store: ExpositionStore
  readonly scrapes: ScrapeLog
  readonly limits: TaskSeriesLimits
  /** What the algorithm metrics of each task type mean. */
  readonly types?: readonly TaskType[]
  /** What earlier runs were like, for the time left; without it only the progress of a run tells. */
  readonly runs?: KnownRuns
  /** The store's clock, epoch milliseconds. */
  readonly nowMs: () => number
  /** The task need not be shown again after a restart or by another replica. Must not throw. */
  readonly onExpired: (task: ExpiredTask, shard: Shard) => void
}

type OwnedShard = {
  readonly entries: Map<string, TaskEntry>
  /** Entries of job-scoped tasks by identity without the engine, which may change. */
  readonly jobScoped: Map<string, TaskEntry>
  /** Entries by the record they were judged by, which stays the same while only numbers move. */
  readonly byStill: Map<TaskRecord, TaskEntry>
  loadedAtMs: number
}

/** A task that ended this long before its shard was loaded, and was not in the snapshot, had expired by then. */
const loadSlackMs = 10_000

/** Runs remembered as expired, in multiples of the tasks that may linger. */
const expiredRunsFactor = 4

/** Entries written between two turns of the event loop. */
const shownPerTurn = 256

/**
 * The series of live tasks, written by handle: only values that changed, and only when they are looked at. A task reports several
 * times between two scrapes; only the last of it is ever read.
 */
export class TaskSeries implements ShardListener {
  readonly #deps: TaskSeriesDeps
  readonly #families: TaskFamilies
  readonly #shards = new Map<Shard, OwnedShard>()
  readonly #lingering: LingeringTasks
  /** Entries with a record that is not shown yet. */
  readonly #stale = new Set<TaskEntry>()
  readonly #expired: ExpiredRuns
  readonly #learning: LearningJobs
  #entryCount = 0

  constructor(deps: TaskSeriesDeps) {
    this.#deps = deps
    this.#families = taskFamilies(deps.store, {
      metricNamesMax: deps.limits.metricNamesMax,
      types: deps.types ?? [],
      runs: deps.runs ?? (() => undefined),
    })
    const onOverflow = () => deps.store.countOverflow('task')
    this.#lingering = new LingeringTasks(deps.scrapes, deps.limits, onOverflow, (entry) => this.#expire(entry))
    this.#learning = new LearningJobs(deps.store, learningTypesOf(deps.types ?? []))
    deps.store.beforeRender(() => this.#showStale(Number.POSITIVE_INFINITY))
    this.#expired = new ExpiredRuns(deps.limits.taskSeriesMax * expiredRunsFactor, deps.limits.lingerMs)
  }

  /** Tasks that have series now. */
  get taskCount(): number {
    return this.#entryCount
  }

  /** Writes what is to be looked at next, leaving the event loop free in between; rendering writes the rest. */
  async prepare(): Promise<void> {
    while (this.#stale.size > shownPerTurn) {
      this.#showStale(shownPerTurn)
      await nextTurn()
    }
  }

  #showStale(max: number): void {
    let left = max
    for (const entry of this.#stale) {
      if (left-- <= 0) return
      this.#stale.delete(entry)
      entry.show()
    }
  }

  load(shard: Shard, { tasks, jobs, endedJobs = [] }: ShardSnapshot): void {
    const owned = this.#shards.get(shard) ?? newShard()
    this.#shards.set(shard, owned)
    owned.loadedAtMs = Number.NEGATIVE_INFINITY
    const present = new Set(tasks.map(keyOf))
    for (const entry of owned.entries.values()) if (!present.has(entry.key)) this.#remove(owned, entry)
    for (const record of tasks) {
      const key = keyOf(record)
      if (this.#mayHaveSeries(owned, key, record)) this.#show(shard, owned, key, { record })
      else if (!owned.entries.has(key)) this.#deps.onExpired(expiredTask(record), shard)
    }
    this.#learning.load(shard, [...jobs, ...endedJobs])
    owned.loadedAtMs = this.#deps.nowMs()
  }

  apply(shard: Shard, events: readonly ScopeEvent[]): void {
    for (const event of events) this.#applyOne(shard, event)
  }

  drop(shard: Shard): void {
    const owned = this.#shards.get(shard)
    if (owned === undefined) return
    for (const entry of owned.entries.values()) this.#remove(owned, entry)
    this.#learning.drop(shard)
    this.#shards.delete(shard)
  }

  /** Takes away what was scraped twice after its end, or lingered long enough. To be called about once a second. */
  sweep(nowMs: number): void {
    this.#lingering.sweep(nowMs)
    this.#expired.sweep(nowMs)
  }

  #applyOne(shard: Shard, event: ScopeEvent): void {
    const owned = this.#shards.get(shard)
    switch (event.kind) {
      case 'task':
        if (owned !== undefined) this.#takeTask(shard, owned, event)
        return
      case 'task-gone':
        if (owned !== undefined) this.#removeGone(owned, event)
        return
      case 'engine':
        if (event.record.isGone) this.#lingering.expireLostOf(event.record.instance)
        return
      case 'engine-gone':
        this.#lingering.expireLostOf(event.instance)
        return
      case 'job':
        if (owned !== undefined) this.#learning.show(shard, event)
        return
      case 'job-gone':
        this.#learning.jobGone(event)
        return
      default:
        event satisfies never
    }
  }

  #takeTask(shard: Shard, owned: OwnedShard, news: TaskNews): void {
    const still = stillOf(news)
    const entry = owned.byStill.get(still)
    if (entry !== undefined) {
      entry.news = news
      this.#stale.add(entry)
      return
    }
    const key = keyOf(still)
    if (this.#mayHaveSeries(owned, key, still)) this.#show(shard, owned, key, news)
  }

  /** Judges the record against what is shown and what has expired; takes away the series of a run that was superseded. */
  #mayHaveSeries(owned: OwnedShard, key: string, record: TaskRecord): boolean {
    const entry = owned.entries.get(key)
    if (entry !== undefined && isBefore(record, entry.still)) return false
    if (record.isSuperseded === true) {
      if (entry !== undefined) this.#remove(owned, entry)
      return false
    }
    if (entry !== undefined || !isEnd(record.status)) return true
    const isFresh = endedAtMs(record) + this.#deps.limits.lingerMs > this.#deps.nowMs()
    return isFresh && endedAtMs(record) >= owned.loadedAtMs - loadSlackMs && !this.#expired.has(key, record)
  }

  #show(shard: Shard, owned: OwnedShard, key: string, news: TaskNews): void {
    const still = stillOf(news)
    const entry = this.#presentEntry(owned, key, still) ?? this.#newEntry(shard, owned, key, news)
    if (entry === undefined) return
    owned.byStill.delete(entry.still)
    if (news.still !== undefined) owned.byStill.set(still, entry)
    entry.still = still
    entry.news = news
    this.#stale.add(entry)
    this.#lingering.file(entry)
  }

  /** The entry that shows this task already, if the record does not change its labels. */
  #presentEntry(owned: OwnedShard, key: string, record: TaskRecord): TaskEntry | undefined {
    const jobScopedEntry = record.scope === 'job' ? owned.jobScoped.get(keyWithoutEngine(record)) : undefined
    if (jobScopedEntry !== undefined && jobScopedEntry.key !== key) this.#remove(owned, jobScopedEntry)
    const entry = owned.entries.get(key)
    if (entry === undefined || entry.hasLabelsOf(record)) return entry
    this.#remove(owned, entry)
    return undefined
  }

  #newEntry(shard: Shard, owned: OwnedShard, key: string, news: TaskNews): TaskEntry | undefined {
    const record = stillOf(news)
    const openCount = this.#entryCount - this.#lingering.endedCount
    if (!isEnd(record.status) && openCount >= this.#deps.limits.taskSeriesMax) {
      this.#deps.store.countOverflow('task')
      return undefined
    }
    const entry = new TaskEntry(this.#families, shard, key, news)
    owned.entries.set(key, entry)
    if (record.scope === 'job') owned.jobScoped.set(keyWithoutEngine(record), entry)
    this.#entryCount += 1
    this.#learning.taskShown(shard, record)
    return entry
  }

  #expire(entry: TaskEntry): void {
    const owned = this.#shards.get(entry.shard)
    if (owned === undefined) return
    this.#remove(owned, entry)
    this.#expired.add(entry.key, entry.record, this.#deps.nowMs())
    this.#deps.onExpired(expiredTask(entry.record), entry.shard)
  }

  #removeGone(owned: OwnedShard, gone: Pick<TaskRecord, 'namespace' | 'jobId' | 'task'> & { readonly engine: string }): void {
    const jobScoped = owned.jobScoped.get(keyWithoutEngine(gone))
    const isItsEngine = gone.engine === '' || jobScoped?.still.engine.instance === gone.engine
    const entry = owned.entries.get(`${keyWithoutEngine(gone)}\n${gone.engine}`) ?? (isItsEngine ? jobScoped : undefined)
    if (entry !== undefined) this.#remove(owned, entry)
  }

  #remove(owned: OwnedShard, entry: TaskEntry): void {
    entry.remove()
    owned.entries.delete(entry.key)
    owned.byStill.delete(entry.still)
    const identity = keyWithoutEngine(entry.still)
    if (owned.jobScoped.get(identity) === entry) owned.jobScoped.delete(identity)
    this.#lingering.forget(entry)
    this.#stale.delete(entry)
    this.#entryCount -= 1
    this.#learning.taskGone(entry.still)
  }
}

function newShard(): OwnedShard {
  return { entries: new Map(), jobScoped: new Map(), byStill: new Map(), loadedAtMs: Number.NEGATIVE_INFINITY }
}

/** Ids hold no line ends, so that keys cannot collide. */
function keyWithoutEngine({ namespace, jobId, task }: Pick<TaskRecord, 'namespace' | 'jobId' | 'task'>): string {
  return `${namespace}\n${jobId}\n${task}`
}

function keyOf(record: TaskRecord): string {
  return `${record.namespace}\n${record.jobId}\n${record.task}\n${record.engine.instance}`
}

function expiredTask({ namespace, jobId, task, attempt, scope, engine }: TaskRecord): ExpiredTask {
  return { namespace, jobId, task, attempt, scope, engine: engine.instance }
}
