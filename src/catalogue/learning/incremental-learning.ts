import {
  conditionSeries,
  conditionWord,
  driftSeries,
  samplesProcessedSeries,
  sharedFields,
  workerInfoSeries,
} from './common-fields.ts'
import { incrementalLearningMetrics, stages } from './incremental-learning-metrics.ts'
import type { JobSeries, LearningEntry, LearningType } from './learning-type.ts'

const m = incrementalLearningMetrics

const factSeries = {
  learningRate: m.ilLearningRate,
  epochNum: m.ilEpochs,
  epoch: m.ilEpoch,
  batchSize: m.ilBatchSize,
  sampleNum: m.ilSamples,
  iterationNo: m.ilIteration,
  trainLoss: m.ilTrainLoss,
} as const

const learning: LearningType = {
  course: 'stages',
  roleDefault: '',
  fields: {
    ...sharedFields,
    learningRate: { kind: 'number' },
    epochNum: { kind: 'number' },
    epoch: { kind: 'number' },
    batchSize: { kind: 'number' },
    sampleNum: { kind: 'number' },
    trainSampleNum: { kind: 'number' },
    evalSampleNum: { kind: 'number' },
    taskStage: {
      kind: 'word',
      words: stages,
      synonyms: {
        training: 'train',
        evaluation: 'eval',
        deploying: 'deploy',
        'training stage': 'train',
        'eval stage': 'eval',
        'deploying stage': 'deploy',
      },
    },
    currentStatus: conditionWord,
    iterationNo: { kind: 'number' },
    iterationInferenceCount: { kind: 'iteration' },
    iterationHardSampleNum: { kind: 'iteration' },
    evalNewModelUrl: { kind: 'url' },
    accuracyMetricForNewModel: { kind: 'scores', aliases: ['accuracyNewModel'] },
    accuracyMetricForOldModel: { kind: 'scores', aliases: ['accuracyOldModel'] },
    trainOutputModelUrl: { kind: 'url' },
    deployModelUrl: { kind: 'url' },
    deployStatus: { kind: 'word', words: ['waiting', 'ok', 'not_ok', 'skipped'] },
    trainRemainingTime: { kind: 'number', aliases: ['trainRemainingSeconds'] },
    evalRemainingTime: { kind: 'number', aliases: ['evalRemainingSeconds'] },
    trainLoss: { kind: 'number', isSigned: true },
    samplesProcessed: { kind: 'counter' },
  },
  workers: [
    { kind: 'number', metric: m.ilIterationInferences, field: 'iterationInferenceCount' },
    { kind: 'number', metric: m.ilIterationHardSamples, field: 'iterationHardSampleNum' },
    { kind: 'counter', metric: m.ilInferences, twin: m.ilJobInferences, field: 'iterationInferenceCount', zeroOf: ['inference'] },
    {
      kind: 'counter',
      metric: m.ilHardSamples,
      twin: m.ilJobHardSamples,
      field: 'iterationHardSampleNum',
      zeroOf: ['inference'],
    },
    samplesProcessedSeries({ worker: m.ilSamplesProcessed, job: m.ilJobSamplesProcessed }),
    workerInfoSeries(m.ilWorkerInfo),
    driftSeries(m.ilDrift),
  ],
  job: [
    conditionSeries(m.ilCondition),
    ...Object.entries(factSeries).map(([field, metric]): JobSeries => ({ kind: 'number', metric, field })),
    { kind: 'number', metric: m.ilStageSamples, field: 'trainSampleNum', labels: { stage: 'train' } },
    { kind: 'number', metric: m.ilStageSamples, field: 'evalSampleNum', labels: { stage: 'eval' } },
    { kind: 'words', metric: m.ilStage, word: 'stage', label: 'stage' },
    { kind: 'words', metric: m.ilStageStatus, word: 'stageStatus', label: 'status' },
    { kind: 'words', metric: m.ilDeployStatus, word: 'deployStatus', label: 'status' },
    { kind: 'url', metric: m.ilModelInfo, field: 'evalNewModelUrl', labels: { role: 'candidate' } },
    { kind: 'url', metric: m.ilModelInfo, field: 'trainOutputModelUrl', labels: { role: 'train_output' } },
    { kind: 'url', metric: m.ilModelInfo, field: 'deployModelUrl', labels: { role: 'deployed' } },
    { kind: 'scores', metric: m.ilModelScore, field: 'accuracyMetricForNewModel', labels: { model: 'candidate' } },
    { kind: 'scores', metric: m.ilModelScore, field: 'accuracyMetricForOldModel', labels: { model: 'deployed' } },
    { kind: 'remaining', metric: m.ilRemaining },
    { kind: 'outcomes', metric: m.ilIterations },
    { kind: 'histogram', metric: m.ilStageDuration, observed: 'train', labels: { stage: 'train' } },
    { kind: 'histogram', metric: m.ilStageDuration, observed: 'eval', labels: { stage: 'eval' } },
  ],
}

/** Training, evaluation and deployment of a model, over and over, as hard samples come in. */
export const incrementalLearning: LearningEntry = {
  name: 'incremental_learning',
  title: 'Incremental learning',
  about: 'Training, evaluation and deployment of a model, over and over, as hard samples come in.',
  learning,
}
