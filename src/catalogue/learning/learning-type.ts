/**
 * Learning tasks at the edge and in the cloud: task types whose fields have meanings of their own and whose job, not only its
 * tasks, has series. What each field may hold and which series it fills is data here; `jobs/learning` reads it, `series` prints it.
 */
import { type CounterMetric, type GaugeMetric, type HistogramMetric, taskLabels } from '../metric.ts'

/** Labels of a worker's series: those of its task, and the node it works on (empty when unknown). */
export const workerLabels = [...taskLabels, 'node'] as const

/** Labels of a job's own series. */
export const jobLabels = ['namespace', 'job_id', 'task_type'] as const

/** What a field of `algorithmMetrics` may hold. What does not fit costs that field alone, and is counted. */
export type FieldShape =
  | { readonly kind: 'number'; readonly isSigned?: true }
  /** Cumulative since the worker began. */
  | { readonly kind: 'counter' }
  /** A number that begins anew with each `iterationNo`: shown as reported, and summed. */
  | { readonly kind: 'iteration' }
  /** Read without regard to case, spaces, hyphens and underscores. `synonyms`: other spellings → word of the set. */
  | { readonly kind: 'word'; readonly words: readonly string[]; readonly synonyms?: Readonly<Record<string, string>> }
  /** A text or `{url, format}`. */
  | { readonly kind: 'url' }
  /** By name of the score: a ratio, or one per class. */
  | { readonly kind: 'scores' }
  /** `{feature: number}`, or a list of `{feature, method, score}`. */
  | { readonly kind: 'drift' }
  /** `{count, sum, buckets}`, cumulative since the worker began. `buckets`: the bounds that are kept. */
  | { readonly kind: 'histogram'; readonly buckets: readonly number[] }
  | { readonly kind: 'names'; readonly namesMax: number }

export type LearningField = FieldShape & {
  readonly aliases?: readonly string[]
  /** Workers whose word counts for the job; everybody's when absent. */
  readonly from?: readonly string[]
}

type ExtraLabels = Readonly<Record<string, string>>
export type LearningSingle = (GaugeMetric | CounterMetric) & { readonly group: 'task_metric' }
export type LearningHistogram = HistogramMetric & { readonly group: 'task_metric' }

/** Series of each worker. */
export type WorkerSeries = {
  readonly labels?: ExtraLabels
  /** Roles of workers that have no such series. */
  readonly notOf?: readonly string[]
} & (
  | { readonly kind: 'number'; readonly metric: LearningSingle; readonly field: string }
  /** Those of `zeroOf` have it with 0 from the first report on: a first step would have no increase otherwise. */
  | {
      readonly kind: 'counter'
      readonly metric: LearningSingle
      readonly field: string
      readonly zeroOf: readonly string[]
      /** The same, summed over all workers of the job, living and gone. */
      readonly twin: LearningSingle
    }
  | { readonly kind: 'words'; readonly metric: LearningSingle; readonly field: string; readonly label: string }
  | { readonly kind: 'facts'; readonly metric: LearningSingle; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: 'drift'; readonly metric: LearningSingle; readonly field: string }
  | { readonly kind: 'histogram'; readonly metric: LearningHistogram; readonly field: string }
)

/** States that the rules derive for a job. */
export type JobWord = 'condition' | 'stage' | 'stageStatus' | 'deployStatus' | 'trainStatus'

/** Series of the job itself. */
export type JobSeries = { readonly labels?: ExtraLabels } & (
  | { readonly kind: 'number' | 'count' | 'names' | 'url' | 'scores'; readonly metric: LearningSingle; readonly field: string }
  | { readonly kind: 'words'; readonly metric: LearningSingle; readonly word: JobWord; readonly label: string }
  | { readonly kind: 'remaining' | 'outcomes'; readonly metric: LearningSingle }
  /** Kept by the rules under `observed`. */
  | { readonly kind: 'histogram'; readonly metric: LearningHistogram; readonly observed: string }
)

export type LearningType = {
  readonly fields: Readonly<Record<string, LearningField>>
  /** What a worker is that does not say it, unless a field of `roleBy` tells. */
  readonly roleDefault: string
  readonly roleBy?: Readonly<Record<string, string>>
  /** An unnamed start is told by a fall of one of these, where a report has them; else each counter is judged by itself. */
  readonly restartFields?: readonly string[]
  /** How the job goes on: as a service, by stages of iterations, or by rounds. */
  readonly course: 'service' | 'stages' | 'rounds'
  readonly workers: readonly WorkerSeries[]
  readonly job: readonly JobSeries[]
}

/** A learning type as the catalogue lists it. */
export type LearningEntry = {
  readonly name: string
  readonly title: string
  readonly about: string
  readonly learning: LearningType
}

/** Every family of a type, each once. */
export function learningMetrics({ workers, job }: LearningType): readonly (LearningSingle | LearningHistogram)[] {
  const all = [
    ...workers.flatMap((entry) => ('twin' in entry ? [entry.metric, entry.twin] : [entry.metric])),
    ...job.map(({ metric }) => metric),
  ]
  return [...new Map(all.map((metric) => [metric.name, metric])).values()]
}

/** Names under which `algorithmMetrics` are counted for a field, besides the field itself. */
export const countedAs = {
  iteration: (field: string) => `${field}.total`,
  count: (field: string) => `${field}.count`,
  sum: (field: string) => `${field}.sum`,
  /** Observations up to this bound. */
  upTo: (field: string, bound: number) => `${field}.le.${bound}`,
} as const

/** Every name that a type's fields are kept and counted under. */
export function learningNames({ fields }: LearningType): readonly string[] {
  return Object.entries(fields).flatMap(([field, shape]) => {
    if (shape.kind === 'iteration') return [field, countedAs.iteration(field)]
    if (shape.kind !== 'histogram') return [field]
    return [field, countedAs.count(field), countedAs.sum(field), ...shape.buckets.map((bound) => countedAs.upTo(field, bound))]
  })
}
