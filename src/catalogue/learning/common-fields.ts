/** What the three learning types have in common. Not a dumping ground: each entry is in all of them, or in two. */
import { type JobSeries, jobLabels, type LearningField, type WorkerSeries, workerLabels } from './learning-type.ts'

export const workerBound = 'live tasks with series of their own are capped (ENGINESCOPE_TASK_SERIES_MAX)'
export const jobBound = 'one set a job that is open or has a task with series'

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
    name: `enginescope_${type}_condition`,
    type: 'gauge',
    unit: 'flag',
    labels: [...jobLabels, 'condition'],
    values: { condition: conditions },
    help: `1 for the present condition of ${title}, 0 for every other one.`,
    source: 'algorithmMetrics.stageConditionStatus, else the status of the job',
    group: 'task_metric',
    bound: jobBound,
  }) as const

export const driftMetric = <const T extends string>({ type, title }: Named<T>) =>
  ({
    name: `enginescope_${type}_drift_score`,
    type: 'gauge',
    unit: 'count',
    labels: [...workerLabels, 'feature', 'method'],
    help: `How far a feature has drifted from what the model of ${title} was trained on, as the worker measures it.`,
    source: 'algorithmMetrics.driftScore',
    group: 'task_metric',
    bound: '32 features a worker',
  }) as const

export const workerInfoMetric = <const T extends string>({ type, title }: Named<T>) =>
  ({
    name: `enginescope_${type}_worker_info`,
    type: 'gauge',
    unit: 'info',
    labels: [...workerLabels, 'worker_role'],
    help: `What a worker of ${title} does.`,
    source: 'algorithmMetrics.workerRole',
    group: 'task_metric',
    bound: workerBound,
  }) as const

/** Samples that a worker has worked through, and the same of the whole job. */
export const samplesProcessedMetrics = <const T extends string>({ type, title }: Named<T>) =>
  ({
    worker: {
      name: `enginescope_${type}_samples_processed_total`,
      type: 'counter',
      unit: 'count',
      labels: workerLabels,
      help: `Samples that a worker of ${title} has worked through.`,
      source: 'algorithmMetrics.samplesProcessed',
      group: 'task_metric',
      bound: workerBound,
    },
    job: {
      name: `enginescope_${type}_job_samples_processed_total`,
      type: 'counter',
      unit: 'count',
      labels: jobLabels,
      help: `Samples that all workers of ${title} have worked through, those included that are gone.`,
      source: 'algorithmMetrics.samplesProcessed',
      group: 'task_metric',
      bound: jobBound,
    },
  }) as const

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
