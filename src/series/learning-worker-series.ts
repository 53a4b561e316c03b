/** Series of one worker of a learning task: those of its type's entries, each with the node it works on. */
import { countedAs, type LearningType, type WorkerSeries, workerLabels } from '../catalogue/index.ts'
import { driftOf, numberOf, wordOf } from '../jobs/learning/values.ts'
import { type TaskRecord, totalOf } from '../jobs/records.ts'
import { roleOf } from '../jobs/rules/learned-job.ts'
import type { ExpositionStore } from './exposition-store.ts'
import { type LabelPrefix, labelPrefix } from './series-family.ts'
import type { HistogramSeries } from './series-handles.ts'
import { SeriesTable, type TableRow } from './series-table.ts'

type Values = Readonly<Record<(typeof workerLabels)[number], string>>
type Prefix = LabelPrefix<typeof workerLabels>

/** What shows one entry for one worker. */
type Shown = { show(record: TaskRecord, role: string): void; remove(): void }

/** All series of one worker. Another node makes them anew. */
export class LearningWorkerSeries {
  readonly #store: ExpositionStore
  readonly #type: LearningType
  #node: string | undefined
  #shown: readonly Shown[] = []

  constructor(store: ExpositionStore, type: LearningType) {
    this.#store = store
    this.#type = type
  }

  update(record: TaskRecord): void {
    const { node = '' } = record.engine
    if (this.#node !== node) {
      this.remove()
      this.#node = node
      const values = workerValues(record, node)
      const prefix = labelPrefix(workerLabels, values)
      this.#shown = this.#type.workers.map((entry) => shownOf(this.#store, this.#type, entry, prefix, values))
    }
    const role = roleOf(this.#type, record)
    for (const shown of this.#shown) shown.show(record, role)
  }

  remove(): void {
    for (const shown of this.#shown) shown.remove()
    this.#shown = []
    this.#node = undefined
  }
}

const workerValues = ({ namespace, jobId, task, labels, engine }: TaskRecord, node: string): Values => ({
  namespace,
  job_id: jobId,
  task,
  task_type: labels.taskType,
  engine: engine.instance,
  engine_type: labels.engineType,
  node,
})

function shownOf(store: ExpositionStore, type: LearningType, entry: WorkerSeries, prefix: Prefix, values: Values): Shown {
  if (entry.kind === 'histogram') return new WorkerHistogram(store, entry, values)
  const family = store.family(entry.metric)
  const fixed = entry.labels ?? {}
  const table = new SeriesTable((labels) => family.seriesUnder(prefix as LabelPrefix<readonly string[]>, { ...labels, ...fixed }))
  return {
    show: (record, role) => table.show(entry.notOf?.includes(role) === true ? [] : rowsOf(type, entry, record, role)),
    remove: () => table.remove(),
  }
}

type Tabled = Exclude<WorkerSeries, { readonly kind: 'histogram' }>

function rowsOf(type: LearningType, entry: Tabled, record: TaskRecord, role: string): readonly TableRow[] {
  switch (entry.kind) {
    case 'number':
      return rowOf(numberOf(record.metrics[entry.field], true))
    case 'counter':
      return rowOf(countOf(type, entry.field, record) ?? (entry.zeroOf.includes(role) ? 0 : undefined))
    case 'words':
      return wordRows(type, entry, record)
    case 'facts':
      return factRows(type, entry.fields, record)
    case 'drift':
      return (driftOf(record.metrics[entry.field]) ?? []).map(({ feature, method, score }) => ({
        labels: { feature, method },
        value: score,
      }))
    default:
      return entry satisfies never
  }
}

const rowOf = (value: number | undefined): readonly TableRow[] => (value === undefined ? [] : [{ labels: {}, value }])

function countOf({ fields }: LearningType, field: string, { counters }: TaskRecord): number | undefined {
  const name = fields[field]?.kind === 'iteration' ? countedAs.iteration(field) : field
  return Object.hasOwn(counters, name) ? totalOf(counters[name]) : undefined
}

function wordRows(type: LearningType, entry: Extract<Tabled, { kind: 'words' }>, record: TaskRecord): readonly TableRow[] {
  const shape = type.fields[entry.field]
  const present = wordOf(shape, record.metrics[entry.field])
  if (present === undefined || shape?.kind !== 'word') return []
  return shape.words.map((word) => ({ labels: { [entry.label]: word }, value: Number(word === present) }))
}

function factRows(type: LearningType, fields: Readonly<Record<string, string>>, record: TaskRecord): readonly TableRow[] {
  const labels = Object.entries(fields).map(
    ([label, field]) => [label, wordOf(type.fields[field], record.metrics[field]) ?? ''] as const,
  )
  return labels.every(([, text]) => text === '') ? [] : [{ labels: Object.fromEntries(labels), value: 1 }]
}

/** A histogram that the worker keeps itself. */
class WorkerHistogram implements Shown {
  readonly #create: () => HistogramSeries | undefined
  readonly #entry: Extract<WorkerSeries, { kind: 'histogram' }>
  #series: HistogramSeries | undefined

  constructor(store: ExpositionStore, entry: Extract<WorkerSeries, { kind: 'histogram' }>, values: Values) {
    const family = store.histogram(entry.metric)
    this.#entry = entry
    this.#create = () => family.series({ ...values, ...entry.labels })
  }

  show({ counters }: TaskRecord): void {
    const { field, metric } = this.#entry
    const total = totalOf(counters[countedAs.count(field)])
    if (total === undefined) return
    const upTo = metric.buckets.map((bound) => totalOf(counters[countedAs.upTo(field, bound)]) ?? 0)
    const counts = [...upTo, total].map((count, at, all) => count - (all[at - 1] ?? 0))
    this.#series ??= this.#create()
    this.#series?.set({ counts, sum: totalOf(counters[countedAs.sum(field)]) ?? 0 })
  }

  remove(): void {
    this.#series?.remove()
    this.#series = undefined
  }
}
