/** What the three learning types have in common. Not a dumping ground: each entry is in all of them, or in two. */
import { type JobSeries, jobLabels, type LearningField, type WorkerSeries, workerLabels } from './learning-type.ts'

const workerBound = 'live tasks with series of their own are capped (ENGINESCOPE_TASK_SERIES_MAX)'
const jobBound = 'one set a job that is open or has a task with series'

/** What the metrics of a worker, and those of a job, have alike. */
export const workerEntry = { unit: 'count', labels: workerLabels, group: 'task_metric', bound: workerBound } as const
export const jobEntry = { unit: 'count', labels: jobLabels, group: 'task_metric', bound: jobBound } as const

export const workerGauge = { ...workerEntry, type: 'gauge' } as const
export const workerCounter = { ...workerEntry, type: 'counter' } as const
export const jobGauge = { ...jobEntry, type: 'gauge' } as const
export const jobCounter = { ...jobEntry, type: 'counter' } as const

export const conditions = ['waiting', 'ready', 'starting', 'running', 'completed', 'failed'] as const
const workerRoles = ['edge_inference', 'cloud_inference', 'train', 'eval', 'inference', 'controller', 'aggregation'] as const

/** Other words for the states of a stage. */
const conditionSynonyms = { complete: 'completed', training: 'running' } as const

export const conditionWord = { kind: 'word', words: conditions, synonyms: conditionSynonyms } as const satisfies LearningField

/** Fields that every learning task may send. */
export const sharedFields = {
  workerRole: { kind: 'word', words: workerRoles },
  stageConditionStatus: conditionWord,
  driftScore: { kind: 'drift' },
} as const satisfies Record<string, LearningField>

/** Where a family's name begins, and what it is called in words. */
type Named<T extends string> = { readonly type: T; readonly title: string }

export const conditionMetric = <const T extends string>({ type, title }: Named<T>) =>
  ({
    ...jobGauge,
    name: `enginescope_${type}_condition`,
    unit: 'flag',
    labels: [...jobLabels, 'condition'],
    values: { condition: conditions },
    help: `1 for the present condition of ${title}, 0 for every other one.`,
    source: 'algorithmMetrics.stageConditionStatus, else the status of the job',
  }) as const

export const driftMetric = <const T extends string>({ type, title }: Named<T>) =>
  ({
    ...workerGauge,
    name: `enginescope_${type}_drift_score`,
    labels: [...workerLabels, 'feature', 'method'],
    help: `How far a feature has drifted from what the model of ${title} was trained on, as the worker measures it.`,
    source: 'algorithmMetrics.driftScore',
    bound: '32 features a worker',
  }) as const

export const workerInfoMetric = <const T extends string>({ type, title }: Named<T>) =>
  ({
    ...workerGauge,
    name: `enginescope_${type}_worker_info`,
    unit: 'info',
    labels: [...workerLabels, 'worker_role'],
    help: `What a worker of ${title} does.`,
    source: 'algorithmMetrics.workerRole',
  }) as const

/** Samples that a worker has worked through, and the same of the whole job. */
export const samplesProcessedMetrics = <const T extends string>({ type, title }: Named<T>) =>
  ({
    worker: {
      ...workerCounter,
      name: `enginescope_${type}_samples_processed_total`,
      help: `Samples that a worker of ${title} has worked through.`,
      source: 'algorithmMetrics.samplesProcessed',
    },
    job: {
      ...jobCounter,
      name: `enginescope_${type}_job_samples_processed_total`,
      help: `Samples that all workers of ${title} have worked through, those included that are gone.`,
      source: 'algorithmMetrics.samplesProcessed',
    },
  }) as const

export const samplesProcessedSeries = ({ worker, job }: ReturnType<typeof samplesProcessedMetrics>) =>
  ({ kind: 'counter', metric: worker, twin: job, field: 'samplesProcessed', zeroOf: ['train'] }) as const satisfies WorkerSeries

export const workerInfoSeries = (metric: ReturnType<typeof workerInfoMetric>): WorkerSeries => ({
  kind: 'facts',
  metric,
  fields: { worker_role: 'workerRole' },
})

export const driftSeries = (metric: ReturnType<typeof driftMetric>): WorkerSeries => ({
  kind: 'drift',
  metric,
  field: 'driftScore',
})

export const conditionSeries = (metric: ReturnType<typeof conditionMetric>): JobSeries => ({
  kind: 'words',
  metric,
  word: 'condition',
  label: 'condition',
})
