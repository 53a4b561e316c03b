import {
  conditionMetric,
  conditionSeries,
  conditions,
  conditionWord,
  driftMetric,
  driftSeries,
  jobEntry,
  jobGauge,
  samplesProcessedMetrics,
  samplesProcessedSeries,
  sharedFields,
  workerGauge,
  workerInfoMetric,
  workerInfoSeries,
} from './common-fields.ts'
import { jobLabels, type LearningEntry, type LearningType, workerLabels } from './learning-type.ts'

const named = { type: 'federated_learning', title: 'a federated learning job' } as const

const roundSeconds = {
  ...jobEntry,
  type: 'histogram',
  unit: 'seconds',
  buckets: [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
} as const
const nodesMax = 1_000
const samplesProcessed = samplesProcessedMetrics(named)

/** Every series of federated learning jobs. */
export const federatedLearningMetrics = {
  flTrainNodes: {
    ...jobGauge,
    name: 'enginescope_federated_learning_train_nodes',
    help: 'Nodes that take part in the training.',
    source: 'algorithmMetrics.trainNodes',
  },
  flNodeInfo: {
    ...jobGauge,
    name: 'enginescope_federated_learning_node_info',
    unit: 'info',
    labels: [...jobLabels, 'node'],
    help: 'A node that takes part in the training.',
    source: 'algorithmMetrics.trainNodes',
    bound: '1,000 nodes a job',
  },
  flTrainStatus: {
    ...jobGauge,
    name: 'enginescope_federated_learning_train_status',
    unit: 'flag',
    labels: [...jobLabels, 'status'],
    values: { status: conditions },
    help: '1 for how the training of the job stands, 0 for every other state.',
    source: 'algorithmMetrics.trainStatus of the aggregator, else the status of the workers',
  },
  flNodeTrainStatus: {
    ...workerGauge,
    name: 'enginescope_federated_learning_node_train_status',
    unit: 'flag',
    labels: [...workerLabels, 'status'],
    values: { status: conditions },
    help: '1 for how the training on a node stands, 0 for every other state.',
    source: 'algorithmMetrics.trainStatus of the train worker',
  },
  flNodeSamples: {
    ...workerGauge,
    name: 'enginescope_federated_learning_node_samples',
    help: 'Samples that a node trains on.',
    source: 'algorithmMetrics.nodeSampleNum',
  },
  flSamples: {
    ...jobGauge,
    name: 'enginescope_federated_learning_samples',
    help: 'Samples of all nodes, as the aggregation counts them.',
    source: 'algorithmMetrics.totalSampleNum',
  },
  flNodeIteration: {
    ...workerGauge,
    name: 'enginescope_federated_learning_node_iteration',
    help: 'Round that a node is in by its own count.',
    source: 'algorithmMetrics.iterationNo',
  },
  flAggregationRound: {
    ...jobGauge,
    name: 'enginescope_federated_learning_aggregation_round',
    help: 'Rounds that the aggregator has put together.',
    source: 'algorithmMetrics.aggregationNo',
  },
  flExitRound: {
    ...jobGauge,
    name: 'enginescope_federated_learning_exit_round',
    help: 'Round after which the training ends.',
    source: 'algorithmMetrics.exitRound',
  },
  flTrainLoss: {
    ...workerGauge,
    name: 'enginescope_federated_learning_train_loss',
    help: 'Loss of the training on a node.',
    source: 'algorithmMetrics.trainLoss',
  },
  flLearningRate: {
    ...workerGauge,
    name: 'enginescope_federated_learning_learning_rate',
    help: 'Learning rate of the training on a node.',
    source: 'algorithmMetrics.learningRate',
  },
  flBatchSize: {
    ...workerGauge,
    name: 'enginescope_federated_learning_batch_size',
    help: 'Samples that a node trains on at once.',
    source: 'algorithmMetrics.batchSize',
  },
  flRoundTrain: {
    ...workerGauge,
    name: 'enginescope_federated_learning_round_train_seconds',
    unit: 'seconds',
    help: 'Time that a node trained in its newest round.',
    source: 'algorithmMetrics.roundTrainSeconds',
  },
  flAggregatedLoss: {
    ...jobGauge,
    name: 'enginescope_federated_learning_aggregated_loss',
    help: 'Loss of the aggregated model.',
    source: 'algorithmMetrics.aggregatedLoss',
  },
  flRoundWait: {
    ...roundSeconds,
    name: 'enginescope_federated_learning_round_wait_seconds',
    help: 'Time that the aggregator waited in a round from the first arrival to the last.',
    source: 'algorithmMetrics.waitSeconds',
  },
  flRoundDuration: {
    ...roundSeconds,
    name: 'enginescope_federated_learning_round_duration_seconds',
    help: 'Time from one aggregation to the next.',
    source: 'algorithmMetrics.roundDurationSeconds, else reportedAt of consecutive rounds',
  },
  flSamplesProcessed: samplesProcessed.worker,
  flJobSamplesProcessed: samplesProcessed.job,
  flWorkerInfo: workerInfoMetric(named),
  flCondition: conditionMetric(named),
  flDrift: driftMetric(named),
} as const

const m = federatedLearningMetrics
const aggregation = ['aggregation'] as const
/** The aggregator trains nothing: it has no series of a node. */
const node = { notOf: aggregation } as const

const learning: LearningType = {
  course: 'rounds',
  roleDefault: 'train',
  roleBy: { aggregationNo: 'aggregation', trainNodes: 'aggregation' },
  fields: {
    ...sharedFields,
    trainNodes: { kind: 'names', namesMax: nodesMax, from: aggregation },
    trainStatus: conditionWord,
    nodeSampleNum: { kind: 'number' },
    totalSampleNum: { kind: 'number', aliases: ['sampleNum'] },
    iterationNo: { kind: 'number' },
    aggregationNo: { kind: 'number', from: aggregation },
    exitRound: { kind: 'number', from: aggregation },
    trainLoss: { kind: 'number', isSigned: true },
    learningRate: { kind: 'number' },
    batchSize: { kind: 'number' },
    roundTrainSeconds: { kind: 'number' },
    aggregatedLoss: { kind: 'number', isSigned: true, from: aggregation },
    waitSeconds: { kind: 'number', from: aggregation },
    roundDurationSeconds: { kind: 'number', from: aggregation },
    samplesProcessed: { kind: 'counter' },
  },
  workers: [
    { kind: 'words', metric: m.flNodeTrainStatus, field: 'trainStatus', label: 'status', ...node },
    { kind: 'number', metric: m.flNodeSamples, field: 'nodeSampleNum', ...node },
    { kind: 'number', metric: m.flNodeIteration, field: 'iterationNo', ...node },
    { kind: 'number', metric: m.flTrainLoss, field: 'trainLoss', ...node },
    { kind: 'number', metric: m.flLearningRate, field: 'learningRate', ...node },
    { kind: 'number', metric: m.flBatchSize, field: 'batchSize', ...node },
    { kind: 'number', metric: m.flRoundTrain, field: 'roundTrainSeconds', ...node },
    { ...samplesProcessedSeries(samplesProcessed), ...node },
    workerInfoSeries(m.flWorkerInfo),
    driftSeries(m.flDrift),
  ],
  job: [
    conditionSeries(m.flCondition),
    { kind: 'count', metric: m.flTrainNodes, field: 'trainNodes' },
    { kind: 'names', metric: m.flNodeInfo, field: 'trainNodes' },
    { kind: 'words', metric: m.flTrainStatus, word: 'trainStatus', label: 'status' },
    { kind: 'number', metric: m.flSamples, field: 'totalSampleNum' },
    { kind: 'number', metric: m.flAggregationRound, field: 'aggregationNo' },
    { kind: 'number', metric: m.flExitRound, field: 'exitRound' },
    { kind: 'number', metric: m.flAggregatedLoss, field: 'aggregatedLoss' },
    { kind: 'histogram', metric: m.flRoundWait, observed: 'roundWait' },
    { kind: 'histogram', metric: m.flRoundDuration, observed: 'roundDuration' },
  ],
}

/** Training on many nodes whose models an aggregator puts together, round by round. */
export const federatedLearning: LearningEntry = {
  name: 'federated_learning',
  title: 'Federated learning',
  about: 'Training on many nodes whose models an aggregator puts together, round by round.',
  learning,
}
