import { type CustomResource, createdTimestamp, identity, newestCondition, startTimestamp } from './resource.ts'

const reported = (key: string) => ['status', 'metrics', `[key=${key}]`, 'value']

/** Sedna's services of joint inference. */
export const jointInferenceService = {
  kind: 'JointInferenceService',
  plural: 'jointinferenceservices',
  prefix: 'kube_sedna_jointinferenceservice',
  labelPaths: identity,
  fields: {
    created_timestamp_seconds: createdTimestamp,
    status_condition: {
      type: 'StateSet',
      unit: 'flag',
      help: 'Newest condition of the service.',
      label: 'condition',
      states: ['Pending', 'Running', 'Failed'],
      path: [...newestCondition, 'type'],
    },
    status_start_timestamp_seconds: startTimestamp,
    status_active_workers: {
      type: 'Gauge',
      unit: 'count',
      help: 'Workers of the service that run.',
      path: ['status', 'active'],
    },
    status_failed_workers: {
      type: 'Gauge',
      unit: 'count',
      help: 'Workers of the service that failed.',
      path: ['status', 'failed'],
    },
    status_reported_inferences: {
      type: 'Gauge',
      unit: 'count',
      help: 'Inferences as the status has them; of several workers the last writer only.',
      path: reported('inferenceNumber'),
    },
    status_reported_hard_samples: {
      type: 'Gauge',
      unit: 'count',
      help: 'Hard samples as the status has them; of several workers the last writer only.',
      path: reported('hardExampleNumber'),
    },
    status_reported_upload_ratio: {
      type: 'Gauge',
      unit: 'ratio',
      help: 'Share of uploads as the status has it, hard samples counted twice below the line; of several workers the last writer only.',
      path: reported('uploadCloudRatio'),
    },
    spec_model_info: {
      type: 'Info',
      unit: 'info',
      help: 'Models of the service, its way of finding hard samples, and the nodes of its workers.',
      path: ['spec'],
      labelPaths: {
        edge_model: ['edgeWorker', 'model', 'name'],
        cloud_model: ['cloudWorker', 'model', 'name'],
        hard_example_mining: ['edgeWorker', 'hardExampleMining', 'name'],
        edge_node: ['edgeWorker', 'template', 'spec', 'nodeName'],
        cloud_node: ['cloudWorker', 'template', 'spec', 'nodeName'],
      },
    },
  },
} as const satisfies CustomResource
