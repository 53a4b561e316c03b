/** What only a look at several tasks together can tell, by the owner of their shard. */
import type { ShardListener, ShardSnapshot } from '../bus/listener.ts'
import type { Shard } from '../jobs/keys.ts'
import { type JobRecord, type ScopeEvent, stillOf, type TaskEvent, type TaskRecord } from '../jobs/records.ts'
import { isEnd } from '../report/status.ts'

/** One task of a job, as its siblings are compared with it. `engineKey`: '' for a job-scoped record, else the engine. */
export type SiblingPlace = Pick<TaskRecord, 'namespace' | 'jobId' | 'task'> & { readonly engineKey: string }

export type SiblingWatchDeps = {
  /** Least time that a task has run before it is judged. */
  readonly straggleAfterMs: number
  /** Tasks held in memory; jobs that would go beyond are not judged. */
  readonly tasksMax: number
  /** Told of each task whose siblings there is no room for. */
  readonly onNoRoom: () => void
  /** Keeps the mark in the store, from where it comes back as an event. */
  readonly mark: (place: SiblingPlace, isStraggler: boolean) => Promise<void>
}

type Sibling = {
  readonly place: SiblingPlace
  readonly isRunning: boolean
  readonly isMarked: boolean
  readonly ranMs: number
  /** Progress a millisecond, over the whole of its run. */
  readonly pace: number
}

/** What brings the newest record of a task: that may have to be made when it is looked at. */
type News = Pick<TaskEvent, 'record' | 'still'>

type Held = {
  news: News
  /** The newest record but for numbers that every report moves. */
  still: TaskRecord
}

/** The tasks that tell of the pace of their job. */
type Job = { readonly siblings: Map<string, Held> }

/** Fewer have no usual pace. */
const siblingsMin = 3
/** A task is far behind at less than this share of the median pace of its job. */
const farBehindShare = 1 / 3

/** Finds tasks that are far behind the other tasks of their job. Bounded; only jobs that changed are looked at. */
export class SiblingWatch implements ShardListener {
  readonly #deps: SiblingWatchDeps
  readonly #shards = new Map<Shard, Map<string, Job>>()
  readonly #changed = new Set<Job>()
  /** Tasks by the record they were judged by, which stays the same while only numbers move. */
  readonly #byStill = new Map<TaskRecord, { readonly job: Job; readonly held: Held }>()
  #taskCount = 0

  constructor(deps: SiblingWatchDeps) {
    this.#deps = deps
  }

  /** Tasks held now. */
  get taskCount(): number {
    return this.#taskCount
  }

  load(shard: Shard, { tasks }: ShardSnapshot): void {
    this.drop(shard)
    this.#shards.set(shard, new Map())
    for (const record of tasks) this.#take(shard, { record })
  }

  apply(shard: Shard, events: readonly ScopeEvent[]): void {
    for (const event of events) {
      if (event.kind === 'task') this.#take(shard, event)
      else if (event.kind === 'job-gone') this.#forgetJob(shard, jobKeyOf(event))
      else if (event.kind === 'job') this.#takeJob(shard, stillOf(event))
    }
  }

  drop(shard: Shard): void {
    for (const key of this.#shards.get(shard)?.keys() ?? []) this.#forgetJob(shard, key)
    this.#shards.delete(shard)
  }

  /** Compares the tasks of every job that has changed since the last time. To be called every few seconds. */
  async judge(): Promise<void> {
    const jobs = [...this.#changed]
    this.#changed.clear()
    const verdicts = jobs.flatMap((job) => verdictsOf(job, this.#deps.straggleAfterMs))
    await Promise.all(verdicts.map(({ place, isMarked }) => this.#deps.mark(place, !isMarked)))
  }

  #takeJob(shard: Shard, record: JobRecord): void {
    if (isEnd(record.status)) this.#forgetJob(shard, jobKeyOf(record))
  }

  #take(shard: Shard, news: News): void {
    const record = stillOf(news)
    const moved = this.#byStill.get(record)
    if (moved !== undefined) {
      moved.held.news = news
      this.#noteChange(moved.job)
    } else this.#judge(shard, record, news)
  }

  /** @param record of the news, but perhaps for numbers */
  #judge(shard: Shard, record: TaskRecord, news: News): void {
    const jobs = this.#shards.get(shard)
    if (jobs === undefined) return
    const jobKey = jobKeyOf(record)
    const job = jobs.get(jobKey)
    const key = `${record.task}\n${record.engine.instance}`
    const known = job?.siblings.get(key)
    if (!tellsPace(record)) {
      // An earlier attempt that is spoken of once more takes nothing from the present one.
      if (job !== undefined && known !== undefined && record.attempt >= known.still.attempt) this.#forget(job, key)
      return
    }
    if (known === undefined && this.#taskCount >= this.#deps.tasksMax) {
      this.#deps.onNoRoom()
      return
    }
    const into = job ?? { siblings: new Map<string, Held>() }
    if (job === undefined) jobs.set(jobKey, into)
    const held = known ?? { news, still: record }
    this.#byStill.delete(held.still)
    if (news.still !== undefined) this.#byStill.set(record, { job: into, held })
    held.news = news
    held.still = record
    if (known === undefined) {
      into.siblings.set(key, held)
      this.#taskCount += 1
    }
    this.#noteChange(into)
  }

  #noteChange(job: Job): void {
    if (job.siblings.size >= siblingsMin) this.#changed.add(job)
  }

  #forget(job: Job, key: string): void {
    const held = job.siblings.get(key)
    if (held === undefined) return
    this.#byStill.delete(held.still)
    job.siblings.delete(key)
    this.#taskCount -= 1
  }

  #forgetJob(shard: Shard, jobKey: string): void {
    const jobs = this.#shards.get(shard)
    const job = jobs?.get(jobKey)
    if (job === undefined) return
    for (const { still } of job.siblings.values()) this.#byStill.delete(still)
    this.#taskCount -= job.siblings.size
    this.#changed.delete(job)
    jobs?.delete(jobKey)
  }
}

const jobKeyOf = ({ namespace, jobId }: Pick<TaskRecord, 'namespace' | 'jobId'>) => `${namespace}\n${jobId}`

/** Not so a task that has not begun, has failed, was given up or superseded, or never spoke of progress. */
function tellsPace({ isSuperseded, startedArrivalAtMs, hasProgress, status }: TaskRecord): boolean {
  if (isSuperseded === true || startedArrivalAtMs === undefined || !hasProgress) return false
  return status === 'running' || status === 'succeeded'
}

function siblingOf(record: TaskRecord): Sibling {
  const { namespace, jobId, task, scope, engine, status, startedArrivalAtMs = 0 } = record
  const isRunning = status === 'running'
  const untilMs = isRunning ? record.lastReportAtMs : (record.endedArrivalAtMs ?? record.lastReportAtMs)
  const ranMs = Math.max(1, untilMs - startedArrivalAtMs)
  return {
    place: { namespace, jobId, task, engineKey: scope === 'job' ? '' : engine.instance },
    isRunning,
    isMarked: record.findings?.straggledSinceMs !== undefined,
    ranMs,
    pace: record.progress / ranMs,
  }
}

/** The tasks whose mark no longer fits. */
function verdictsOf({ siblings }: Job, straggleAfterMs: number): Sibling[] {
  if (siblings.size < siblingsMin) return []
  const all = Array.from(siblings.values(), ({ news }) => siblingOf(news.record))
  const judged = all.filter(({ isRunning, ranMs, isMarked }) => isRunning && (isMarked || ranMs >= straggleAfterMs))
  if (judged.length === 0) return []
  const least = medianOf(all.map(({ pace }) => pace)) * farBehindShare
  return judged.filter(({ pace, isMarked }) => pace < least !== isMarked)
}

function medianOf(values: number[]): number {
  values.sort((a, b) => a - b)
  const middle = (values.length - 1) / 2
  return ((values[Math.floor(middle)] ?? 0) + (values[Math.ceil(middle)] ?? 0)) / 2
}
