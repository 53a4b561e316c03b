import { metrics, type TaskType, taskLabels } from '../catalogue/index.ts'
import type { Shard } from '../jobs/keys.ts'
import { stillOf, type TaskEvent, type TaskRecord } from '../jobs/records.ts'
import type { KnownRuns } from '../jobs/run-history.ts'
import { AlgorithmFamily, AlgorithmSeries } from './algorithm-series.ts'
import type { ExpositionStore } from './exposition-store.ts'
import { FactSeries, type Reading, ReadingSeries } from './readings.ts'
import { labelPrefix, type SeriesFamily } from './series-family.ts'
import { type TaskPrefix, taskReadings } from './task-readings.ts'
import { TaskTypeFamilies, type TaskTypeSeries } from './task-type-series.ts'

/** Every family that has series of tasks. */
export type TaskFamilies = {
  readonly readings: readonly Reading<TaskRecord, TaskPrefix>[]
  readonly info: SeriesFamily<typeof metrics.taskInfo>
  readonly status: SeriesFamily<typeof metrics.taskStatus>
  readonly algorithm: AlgorithmFamily
  readonly types: TaskTypeFamilies
}

export type TaskFamilyParts = {
  readonly metricNamesMax: number
  readonly types: readonly TaskType[]
  readonly runs: KnownRuns
}

export function taskFamilies(store: ExpositionStore, { metricNamesMax, types, runs }: TaskFamilyParts): TaskFamilies {
  return {
    info: store.family(metrics.taskInfo),
    status: store.family(metrics.taskStatus),
    readings: taskReadings(store, runs),
    algorithm: new AlgorithmFamily(store, metricNamesMax),
    types: new TaskTypeFamilies(store, types),
  }
}

/** Which run of a task a record speaks of. */
export type TaskRun = Pick<TaskRecord, 'attempt' | 'firstArrivalAtMs'>

/** Whether `run` came before `other`: an earlier attempt, or an earlier run under the same id. */
export function isBefore(run: TaskRun, other: TaskRun): boolean {
  return run.attempt === other.attempt ? run.firstArrivalAtMs < other.firstArrivalAtMs : run.attempt < other.attempt
}

/** A record, which may have to be made when it is looked at, and one that differs only in numbers which every report moves. */
export type TaskNews = Pick<TaskEvent, 'record' | 'still'>

/** All series of one task. */
export class TaskEntry {
  readonly shard: Shard
  readonly key: string
  /** The newest record but for numbers that every report moves. */
  still: TaskRecord
  /** What brings the newest record; shown from the next {@link show} on. */
  news: TaskNews
  /** Set while the task has ended: the newest scrape that had begun before. */
  endMark: number | undefined
  readonly #families: TaskFamilies
  readonly #prefix: TaskPrefix
  readonly #readings: ReadingSeries<TaskRecord, TaskPrefix>
  readonly #info = new FactSeries()
  readonly #status = new FactSeries()
  readonly #algorithm: AlgorithmSeries
  readonly #typed: TaskTypeSeries | undefined

  constructor(families: TaskFamilies, shard: Shard, key: string, news: TaskNews) {
    const record = stillOf(news)
    this.#families = families
    this.shard = shard
    this.key = key
    this.still = record
    this.news = news
    this.#prefix = labelPrefix(taskLabels, {
      namespace: record.namespace,
      job_id: record.jobId,
      task: record.task,
      task_type: record.labels.taskType,
      engine: record.engine.instance,
      engine_type: record.labels.engineType,
    })
    this.#readings = new ReadingSeries(families.readings, this.#prefix)
    const { taskType } = record.labels
    this.#typed = families.types.series(taskType, this.#prefix)
    this.#algorithm = new AlgorithmSeries(families.algorithm, taskType, this.#prefix, families.types.fieldsOf(taskType))
  }

  /** Whether the record's series have the labels of this entry. */
  hasLabelsOf({ labels }: TaskRecord): boolean {
    return labels.taskType === this.still.labels.taskType && labels.engineType === this.still.labels.engineType
  }

  /** The newest record. */
  get record(): TaskRecord {
    return this.news.record
  }

  /** Writes the values of the newest record into its series. */
  show(): void {
    const { record } = this
    const { status, attempt, engine } = record
    const { node = '', user = '' } = engine
    this.#info.show(`${attempt}\n${node}\n${user}`, () =>
      this.#families.info.seriesUnder(this.#prefix, { attempt: String(attempt), node, user }),
    )
    this.#status.show(status, () => this.#families.status.seriesUnder(this.#prefix, { status }))
    this.#readings.update(record)
    this.#typed?.update(record)
    this.#algorithm.update(record)
  }

  remove(): void {
    this.#info.remove()
    this.#status.remove()
    this.#readings.remove()
    this.#typed?.remove()
    this.#algorithm.remove()
  }
}
