/** Series of jobs of learning types: there as long as the job is open, then as long as any of its tasks has series. */
import { countedAs, type JobSeries, jobLabels, type LearningType, type WorkerSeries } from '../catalogue/index.ts'
import { jobWord } from '../jobs/learning/job-words.ts'
import type { LearningRecord } from '../jobs/learning/learning-record.ts'
import type { ModelUrl, Score } from '../jobs/learning/values.ts'
import type { JobRecord } from '../jobs/records.ts'
import type { ExpositionStore } from './exposition-store.ts'
import { type LabelPrefix, labelPrefix } from './series-family.ts'
import type { HistogramSeries } from './series-handles.ts'
import { SeriesTable, type TableRow } from './series-table.ts'

type Values = Readonly<Record<(typeof jobLabels)[number], string>>
type Shown = { show(record: LearningJobRecord): void; remove(): void }
export type LearningJobRecord = JobRecord & { readonly learning: LearningRecord }

const scoresMax = 8

/** All series of one job. */
export class LearningJobSeries {
  readonly #shown: readonly Shown[]

  constructor(store: ExpositionStore, type: LearningType, record: JobRecord) {
    const values: Values = { namespace: record.namespace, job_id: record.jobId, task_type: record.labels.taskType }
    const prefix = labelPrefix(jobLabels, values)
    this.#shown = [
      ...type.job.map((entry) => shownOf(store, entry, prefix, values)),
      ...type.workers.flatMap((entry) => ('twin' in entry ? [twinOf(store, type, entry, prefix)] : [])),
    ]
  }

  update(record: LearningJobRecord): void {
    for (const shown of this.#shown) shown.show(record)
  }

  remove(): void {
    for (const shown of this.#shown) shown.remove()
  }
}

/** A counter of all workers, living and gone. It is there with 0 from the first report on. */
function twinOf(
  store: ExpositionStore,
  type: LearningType,
  { twin, field, labels = {} }: Extract<WorkerSeries, { kind: 'counter' }>,
  prefix: LabelPrefix<typeof jobLabels>,
): Shown {
  const table = tableOf(store, twin, prefix, labels)
  const name = type.fields[field]?.kind === 'iteration' ? countedAs.iteration(field) : field
  return {
    show: ({ learning }) => table.show([{ labels: {}, value: learning.totals[name] ?? 0 }]),
    remove: () => table.remove(),
  }
}

function tableOf(
  store: ExpositionStore,
  metric: Extract<WorkerSeries, { kind: 'counter' }>['twin'],
  prefix: LabelPrefix<typeof jobLabels>,
  fixed: Readonly<Record<string, string>>,
): SeriesTable {
  const family = store.family(metric)
  return new SeriesTable((labels) => family.seriesUnder(prefix as LabelPrefix<readonly string[]>, { ...labels, ...fixed }))
}

function shownOf(store: ExpositionStore, entry: JobSeries, prefix: LabelPrefix<typeof jobLabels>, values: Values): Shown {
  if (entry.kind === 'histogram') return new JobHistogram(store, entry, values)
  const table = tableOf(store, entry.metric, prefix, entry.labels ?? {})
  return { show: (record) => table.show(rowsOf(entry, record)), remove: () => table.remove() }
}

type Tabled = Exclude<JobSeries, { readonly kind: 'histogram' }>

function rowsOf(entry: Tabled, record: LearningJobRecord): readonly TableRow[] {
  const { learning } = record
  switch (entry.kind) {
    case 'words':
      return wordRows(entry, record)
    case 'remaining':
      return remainingRows(learning)
    case 'outcomes':
      return (entry.metric.values?.['outcome'] ?? []).map((outcome) => ({
        labels: { outcome },
        value: learning.outcomes?.[outcome as 'failed'] ?? 0,
      }))
    default:
      return factRows(entry.kind, learning.facts[entry.field]?.[0])
  }
}

function wordRows(entry: Extract<Tabled, { kind: 'words' }>, record: LearningJobRecord): readonly TableRow[] {
  const present = jobWord(entry.word, record)
  if (present === undefined) return []
  const stage = entry.word === 'stageStatus' ? { stage: record.learning.stage?.stage ?? '' } : {}
  const words = entry.metric.values?.[entry.label] ?? []
  return words.map((word) => ({ labels: { ...stage, [entry.label]: word }, value: Number(word === present) }))
}

function remainingRows({ stage }: LearningRecord): readonly TableRow[] {
  if (stage === undefined || stage.status !== 'running' || stage.remaining === undefined) return []
  return [{ labels: { stage: stage.stage }, value: stage.remaining }]
}

function factRows(kind: 'number' | 'count' | 'names' | 'url' | 'scores', value: unknown): readonly TableRow[] {
  if (value === undefined) return []
  switch (kind) {
    case 'number':
      return [{ labels: {}, value: value as number }]
    case 'count':
      return [{ labels: {}, value: (value as readonly string[]).length }]
    case 'names':
      return (value as readonly string[]).map((node) => ({ labels: { node }, value: 1 }))
    case 'url':
      return [{ labels: { url: (value as ModelUrl).url, format: (value as ModelUrl).format }, value: 1 }]
    case 'scores':
      return scoreRows(value as Readonly<Record<string, Score>>)
    default:
      return kind satisfies never
  }
}

function scoreRows(scores: Readonly<Record<string, Score>>): readonly TableRow[] {
  return Object.entries(scores)
    .slice(0, scoresMax)
    .flatMap(([metric, score]) => score.map(([name, value]) => ({ labels: { metric, class: name }, value })))
}

class JobHistogram implements Shown {
  readonly #create: () => HistogramSeries | undefined
  readonly #observed: string
  #series: HistogramSeries | undefined

  constructor(store: ExpositionStore, { metric, observed, labels }: Extract<JobSeries, { kind: 'histogram' }>, values: Values) {
    const family = store.histogram(metric)
    this.#observed = observed
    this.#create = () => family.series({ ...values, ...labels })
  }

  /** There with 0 from the first report of the job on. */
  show({ learning }: LearningJobRecord): void {
    this.#series ??= this.#create()
    this.#series?.set(learning.observed[this.#observed] ?? { counts: [], sum: 0 })
  }

  remove(): void {
    this.#series?.remove()
    this.#series = undefined
  }
}
