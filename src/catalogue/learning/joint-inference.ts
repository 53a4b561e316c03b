import {
  conditionMetric,
  conditionSeries,
  driftMetric,
  driftSeries,
  jobCounter,
  sharedFields,
  workerCounter,
  workerEntry,
  workerGauge,
} from './common-fields.ts'
import { jobLabels, type LearningEntry, type LearningType, workerLabels } from './learning-type.ts'

const named = { type: 'joint_inference', title: 'a joint inference service' } as const
const locations = ['edge', 'cloud'] as const
const latencyBoundsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

const inferencesSource = 'algorithmMetrics.edgeInferenceCount, algorithmMetrics.cloudInferenceCount'

/** Every series of joint inference services. */
export const jointInferenceMetrics = {
  jiInferences: {
    ...workerCounter,
    name: 'enginescope_joint_inference_inferences_total',
    labels: [...workerLabels, 'location'],
    values: { location: locations },
    help: 'Inferences that a worker has asked for, by where they were made; in the cloud those included that failed.',
    source: inferencesSource,
  },
  jiJobInferences: {
    ...jobCounter,
    name: 'enginescope_joint_inference_job_inferences_total',
    labels: [...jobLabels, 'location'],
    values: { location: locations },
    help: 'Inferences of all workers of a service, those included that are gone.',
    source: inferencesSource,
  },
  jiHardSamples: {
    ...workerCounter,
    name: 'enginescope_joint_inference_hard_samples_total',
    help: 'Samples that a worker found hard.',
    source: 'algorithmMetrics.hardSampleNum',
  },
  jiJobHardSamples: {
    ...jobCounter,
    name: 'enginescope_joint_inference_job_hard_samples_total',
    help: 'Samples that the workers of a service found hard, those included that are gone.',
    source: 'algorithmMetrics.hardSampleNum',
  },
  jiSamples: {
    ...workerCounter,
    name: 'enginescope_joint_inference_samples_total',
    help: 'Samples that a worker has seen.',
    source: 'algorithmMetrics.sampleNum',
  },
  jiJobSamples: {
    ...jobCounter,
    name: 'enginescope_joint_inference_job_samples_total',
    help: 'Samples that the workers of a service have seen, those included that are gone.',
    source: 'algorithmMetrics.sampleNum',
  },
  jiCloudErrors: {
    ...workerCounter,
    name: 'enginescope_joint_inference_cloud_errors_total',
    help: 'Inferences in the cloud that failed.',
    source: 'algorithmMetrics.cloudErrorCount',
  },
  jiJobCloudErrors: {
    ...jobCounter,
    name: 'enginescope_joint_inference_job_cloud_errors_total',
    help: 'Inferences in the cloud that failed, of all workers of a service, those included that are gone.',
    source: 'algorithmMetrics.cloudErrorCount',
  },
  jiDuration: {
    ...workerEntry,
    name: 'enginescope_joint_inference_inference_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    labels: [...workerLabels, 'location'],
    values: { location: locations },
    buckets: latencyBoundsSeconds,
    help: 'How long an inference took, as the worker measured it.',
    source: 'algorithmMetrics.edgeInferenceSeconds, algorithmMetrics.cloudInferenceSeconds',
  },
  jiWorkerInfo: {
    ...workerGauge,
    name: 'enginescope_joint_inference_worker_info',
    unit: 'info',
    labels: [...workerLabels, 'worker_role', 'mining_mode'],
    help: 'What a worker of a joint inference service does, and how it finds hard samples.',
    source: 'algorithmMetrics.workerRole, algorithmMetrics.miningMode',
  },
  jiCondition: conditionMetric(named),
  jiDrift: driftMetric(named),
} as const

const edge = ['edge_inference'] as const

const learning: LearningType = {
  course: 'service',
  roleDefault: 'edge_inference',
  restartFields: ['inferenceNumber', 'hardExampleNumber'],
  fields: {
    ...sharedFields,
    miningMode: { kind: 'word', words: ['inference-then-mining', 'mining-then-inference'] },
    edgeInferenceCount: { kind: 'counter' },
    cloudInferenceCount: { kind: 'counter' },
    hardSampleNum: { kind: 'counter' },
    sampleNum: { kind: 'counter' },
    cloudErrorCount: { kind: 'counter' },
    edgeInferenceSeconds: { kind: 'histogram', buckets: latencyBoundsSeconds },
    cloudInferenceSeconds: { kind: 'histogram', buckets: latencyBoundsSeconds },
    inferenceNumber: { kind: 'counter' },
    hardExampleNumber: { kind: 'counter' },
  },
  workers: [
    ...locations.map(
      (location) =>
        ({
          kind: 'counter',
          metric: jointInferenceMetrics.jiInferences,
          twin: jointInferenceMetrics.jiJobInferences,
          field: `${location}InferenceCount`,
          labels: { location },
          zeroOf: edge,
        }) as const,
    ),
    {
      kind: 'counter',
      metric: jointInferenceMetrics.jiHardSamples,
      twin: jointInferenceMetrics.jiJobHardSamples,
      field: 'hardSampleNum',
      zeroOf: edge,
    },
    {
      kind: 'counter',
      metric: jointInferenceMetrics.jiSamples,
      twin: jointInferenceMetrics.jiJobSamples,
      field: 'sampleNum',
      zeroOf: edge,
    },
    {
      kind: 'counter',
      metric: jointInferenceMetrics.jiCloudErrors,
      twin: jointInferenceMetrics.jiJobCloudErrors,
      field: 'cloudErrorCount',
      zeroOf: edge,
    },
    { kind: 'histogram', metric: jointInferenceMetrics.jiDuration, field: 'edgeInferenceSeconds', labels: { location: 'edge' } },
    {
      kind: 'histogram',
      metric: jointInferenceMetrics.jiDuration,
      field: 'cloudInferenceSeconds',
      labels: { location: 'cloud' },
    },
    {
      kind: 'facts',
      metric: jointInferenceMetrics.jiWorkerInfo,
      fields: { worker_role: 'workerRole', mining_mode: 'miningMode' },
    },
    driftSeries(jointInferenceMetrics.jiDrift),
  ],
  job: [conditionSeries(jointInferenceMetrics.jiCondition)],
}

/** Inference at the edge, with a larger model in the cloud for hard samples. */
export const jointInference: LearningEntry = {
  name: 'joint_inference',
  title: 'Joint inference',
  about: 'Inference at the edge that sends hard samples on to a larger model in the cloud.',
  learning,
}
