import { metrics } from '../catalogue/index.ts'
import { type TaskRecord, totalOf } from '../jobs/records.ts'
import type { ExpositionStore } from './exposition-store.ts'
import { MetricNames } from './metric-names.ts'
import type { SeriesFamily } from './series-family.ts'
import type { Series } from './series-handles.ts'
import type { TaskPrefix } from './task-readings.ts'

const fittingName = /^[A-Za-z_][A-Za-z0-9_.:-]{0,99}$/

/** What the algorithm metrics of all tasks share: their family, and which names have a place in it. */
export class AlgorithmFamily {
  readonly #store: ExpositionStore
  readonly #family: SeriesFamily<typeof metrics.taskMetric>
  readonly #names: MetricNames

  /** @param namesMax names a task type. */
  constructor(store: ExpositionStore, namesMax: number) {
    this.#store = store
    this.#family = store.family(metrics.taskMetric)
    this.#names = new MetricNames(namesMax)
  }

  /** `undefined`, and counted, when the name does not fit or there is no room. */
  create(taskType: string, prefix: TaskPrefix, name: string): Series | undefined {
    if (!fittingName.test(name) || !this.#names.take(taskType, name)) {
      this.#store.countOverflow('task_metric')
      return undefined
    }
    const series = this.#family.seriesUnder(prefix, { name })
    if (series === undefined) this.#names.release(taskType, name)
    return series
  }

  remove(taskType: string, name: string, series: Series): void {
    series.remove()
    this.#names.release(taskType, name)
  }
}

/** The algorithm metrics of one task that no catalogue entry knows. Texts, lists and the like stay in the job. */
export class AlgorithmSeries {
  readonly #family: AlgorithmFamily
  readonly #taskType: string
  readonly #prefix: TaskPrefix
  readonly #known: ReadonlySet<string>
  readonly #series = new Map<string, Series>()

  /** @param known names that the task type has series of its own for. */
  constructor(family: AlgorithmFamily, taskType: string, prefix: TaskPrefix, known: ReadonlySet<string>) {
    this.#family = family
    this.#taskType = taskType
    this.#prefix = prefix
    this.#known = known
  }

  update(record: TaskRecord): void {
    if (this.#refresh(record)) return
    // Names come or go: what goes makes room first.
    for (const [name, series] of this.#series) if (numberNamed(record, name) === undefined) this.#drop(name, series)
    for (const name in record.metrics) this.#show(record, name)
    for (const name in record.counters) this.#show(record, name)
  }

  /** The usual case: the same names as before, no counters among them. @returns false when there is more to do */
  #refresh(record: TaskRecord): boolean {
    for (const _counter in record.counters) return false
    let shown = 0
    for (const name in record.metrics) {
      const value = record.metrics[name]
      if (typeof value !== 'number' || !Number.isFinite(value) || this.#known.has(name)) continue
      const series = this.#series.get(name)
      if (series === undefined) return false
      series.set(value)
      shown += 1
    }
    return shown === this.#series.size
  }

  remove(): void {
    for (const [name, series] of this.#series) this.#drop(name, series)
  }

  #show(record: TaskRecord, name: string): void {
    const value = this.#known.has(name) ? undefined : numberNamed(record, name)
    if (value === undefined) return
    let series = this.#series.get(name)
    if (series === undefined) {
      series = this.#family.create(this.#taskType, this.#prefix, name)
      if (series === undefined) return
      this.#series.set(name, series)
    }
    series.set(value)
  }

  #drop(name: string, series: Series): void {
    this.#series.delete(name)
    this.#family.remove(this.#taskType, name, series)
  }
}

/** The finite number that goes by this name; a counter goes before a gauge. */
function numberNamed(record: TaskRecord, name: string): number | undefined {
  const counter = Object.hasOwn(record.counters, name) ? totalOf(record.counters[name]) : undefined
  const value = counter ?? (Object.hasOwn(record.metrics, name) ? record.metrics[name] : undefined)
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
