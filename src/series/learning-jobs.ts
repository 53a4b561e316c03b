import type { LearningType } from '../catalogue/index.ts'
import type { Shard } from '../jobs/keys.ts'
import { type JobRecord, stillOf, type TaskRecord } from '../jobs/records.ts'
import { isOpen } from '../report/status.ts'
import type { ExpositionStore } from './exposition-store.ts'
import { type LearningJobRecord, LearningJobSeries } from './learning-job-series.ts'

type Held = {
  readonly shard: Shard
  /** Tasks of the job that have series. */
  tasks: number
  isOpen: boolean
  series: LearningJobSeries | undefined
}

type JobName = Pick<JobRecord, 'namespace' | 'jobId'>
const nameOf = ({ namespace, jobId }: JobName) => `${namespace}\n${jobId}`
const isLearning = (record: JobRecord): record is LearningJobRecord => record.learning !== undefined

/** Keeps the series of jobs beside those of their tasks. Jobs of other types cost a look at one field. */
export class LearningJobs {
  readonly #store: ExpositionStore
  readonly #types: ReadonlyMap<string, LearningType>
  readonly #held = new Map<string, Held>()

  constructor(store: ExpositionStore, types: ReadonlyMap<string, LearningType>) {
    this.#store = store
    this.#types = types
  }

  /** The shard's jobs are these and no others. */
  load(shard: Shard, jobs: readonly JobRecord[]): void {
    const present = new Set(jobs.map(nameOf))
    for (const [name, held] of this.#held) if (held.shard === shard && !present.has(name)) this.#close(name, held)
    for (const record of jobs) this.show(shard, { record })
  }

  /** @param news the record, which may have to be made, and one that differs only in numbers which every report moves */
  show(shard: Shard, news: { readonly record: JobRecord; readonly still?: JobRecord }): void {
    if (!isLearning(stillOf(news))) return
    const { record } = news
    if (!isLearning(record)) return
    const type = this.#types.get(record.labels.taskType)
    const name = nameOf(record)
    const held = this.#held.get(name) ?? { shard, tasks: 0, isOpen: false, series: undefined }
    held.isOpen = isOpen(record.status)
    if (type === undefined || (!held.isOpen && held.tasks === 0)) {
      this.#close(name, held)
      return
    }
    held.series ??= new LearningJobSeries(this.#store, type, record)
    held.series.update(record)
    this.#held.set(name, held)
  }

  /** A task of the job got series. */
  taskShown(shard: Shard, task: TaskRecord): void {
    if (!this.#types.has(task.labels.taskType)) return
    const name = nameOf(task)
    const held = this.#held.get(name) ?? { shard, tasks: 0, isOpen: true, series: undefined }
    held.tasks += 1
    this.#held.set(name, held)
  }

  /** A task of the job lost its series. */
  taskGone(task: TaskRecord): void {
    const name = nameOf(task)
    const held = this.#held.get(name)
    if (held === undefined || !this.#types.has(task.labels.taskType)) return
    held.tasks -= 1
    if (held.tasks === 0 && !held.isOpen) this.#close(name, held)
  }

  jobGone(job: JobName): void {
    const held = this.#held.get(nameOf(job))
    if (held !== undefined) this.#close(nameOf(job), held)
  }

  drop(shard: Shard): void {
    for (const [name, held] of this.#held) if (held.shard === shard) this.#close(name, held)
  }

  #close(name: string, held: Held): void {
    held.series?.remove()
    held.series = undefined
    if (held.tasks === 0) this.#held.delete(name)
  }
}
