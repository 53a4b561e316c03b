import {
  type CustomResource,
  completionTimestamp,
  createdTimestamp,
  identity,
  newestCondition,
  startTimestamp,
} from './resource.ts'

const trainEnvironment = (name: string) => [
  ...['spec', 'trainSpec', 'template', 'spec', 'containers', '0', 'env'],
  ...[`[name=${name}]`, 'value'],
]

/** Sedna's jobs of incremental learning. */
export const incrementalLearningJob = {
  kind: 'IncrementalLearningJob',
  plural: 'incrementallearningjobs',
  prefix: 'kube_sedna_incrementallearningjob',
  labelPaths: identity,
  fields: {
    created_timestamp_seconds: createdTimestamp,
    status_start_timestamp_seconds: startTimestamp,
    status_completion_timestamp_seconds: {
      ...completionTimestamp,
      help: 'When the job came to its end, which Sedna has never set so far.',
    },
    status_last_transition_timestamp_seconds: {
      type: 'Gauge',
      unit: 'timestamp',
      help: 'When the newest condition came.',
      path: [...newestCondition, 'lastTransitionTime'],
    },
    status_stage: {
      type: 'StateSet',
      unit: 'flag',
      help: 'Stage that the newest condition speaks of.',
      label: 'stage',
      states: ['Train', 'Eval', 'Deploy'],
      path: [...newestCondition, 'stage'],
    },
    status_condition: {
      type: 'StateSet',
      unit: 'flag',
      help: 'Newest condition of the job, within its stage.',
      label: 'condition',
      states: ['Waiting', 'Ready', 'Starting', 'Running', 'Completed', 'Failed'],
      path: newestCondition,
      valueFrom: ['type'],
    },
    spec_train_ratio: {
      type: 'Gauge',
      unit: 'ratio',
      help: 'Share of the samples that are trained with; the others evaluate.',
      path: ['spec', 'dataset', 'trainProb'],
    },
    spec_deploy_trigger_threshold: {
      type: 'Gauge',
      unit: 'count',
      help: 'What a candidate must reach to be deployed, in the unit of its metric.',
      path: ['spec', 'deploySpec', 'trigger', 'condition'],
      valueFrom: ['threshold'],
      labelPaths: { metric: ['metric'], operator: ['operator'] },
    },
    spec_dataset_info: {
      type: 'Info',
      unit: 'info',
      help: 'Data set and models that the job was given.',
      path: ['spec'],
      labelPaths: {
        dataset: ['dataset', 'name'],
        initial_model: ['initialModel', 'name'],
        deploy_model: ['deploySpec', 'model', 'name'],
      },
    },
    spec_batch_size: {
      type: 'Gauge',
      unit: 'count',
      help: 'Samples in a batch of training, where the worker takes it from the variable batch_size.',
      path: trainEnvironment('batch_size'),
    },
    spec_epochs: {
      type: 'Gauge',
      unit: 'count',
      help: 'Epochs of a training, where the worker takes it from the variable epochs.',
      path: trainEnvironment('epochs'),
    },
    spec_learning_rate: {
      type: 'Gauge',
      unit: 'count',
      help: 'Learning rate, where the worker takes it from the variable learning_rate.',
      path: trainEnvironment('learning_rate'),
    },
  },
} as const satisfies CustomResource
