import {
  type CustomResource,
  completionTimestamp,
  createdTimestamp,
  identity,
  newestCondition,
  startTimestamp,
} from './resource.ts'

const ofContainer = (name: string) => ['template', 'spec', 'containers', '0', 'env', `[name=${name}]`, 'value']
/** What tells the workers of a job apart: several may train on one node, and one need not name its node. */
const worker = { node: ['template', 'spec', 'nodeName'], dataset: ['dataset', 'name'] } as const

/** Sedna's jobs of federated learning. */
export const federatedLearningJob = {
  kind: 'FederatedLearningJob',
  plural: 'federatedlearningjobs',
  prefix: 'kube_sedna_federatedlearningjob',
  labelPaths: identity,
  fields: {
    created_timestamp_seconds: createdTimestamp,
    status_start_timestamp_seconds: startTimestamp,
    status_completion_timestamp_seconds: completionTimestamp,
    status_phase: {
      type: 'StateSet',
      unit: 'flag',
      help: 'Phase of the job: what is true, whatever its newest condition says.',
      label: 'phase',
      states: ['Pending', 'Running', 'Succeeded', 'Failed'],
      path: ['status', 'phase'],
    },
    status_condition: {
      type: 'StateSet',
      unit: 'flag',
      help: 'Newest condition of the job; a late report of a worker may put Training after Failed.',
      label: 'condition',
      states: ['Training', 'Complete', 'Failed'],
      path: [...newestCondition, 'type'],
    },
    status_active_pods: { type: 'Gauge', unit: 'count', help: 'Pods of the job that run.', path: ['status', 'active'] },
    status_succeeded_pods: {
      type: 'Gauge',
      unit: 'count',
      help: 'Pods of the job that succeeded.',
      path: ['status', 'succeeded'],
    },
    status_failed_pods: { type: 'Gauge', unit: 'count', help: 'Pods of the job that failed.', path: ['status', 'failed'] },
    spec_training_worker_info: {
      type: 'Info',
      unit: 'info',
      help: 'Nodes that train, with the data set of each.',
      path: ['spec', 'trainingWorkers'],
      labelPaths: worker,
    },
    spec_learning_rate: {
      type: 'Gauge',
      unit: 'count',
      help: 'Learning rate of a worker, where it takes it from the variable learning_rate.',
      path: ['spec', 'trainingWorkers'],
      valueFrom: ofContainer('learning_rate'),
      labelPaths: worker,
    },
    spec_batch_size: {
      type: 'Gauge',
      unit: 'count',
      help: 'Samples in a batch of a worker, where it takes it from the variable batch_size.',
      path: ['spec', 'trainingWorkers'],
      valueFrom: ofContainer('batch_size'),
      labelPaths: worker,
    },
    spec_exit_round: {
      type: 'Gauge',
      unit: 'count',
      help: 'Round after which the job ends, where the aggregation takes it from the variable exit_round.',
      path: ['spec', 'aggregationWorker', ...ofContainer('exit_round')],
    },
  },
} as const satisfies CustomResource
