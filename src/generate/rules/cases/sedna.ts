import { families } from '../../../catalogue/families.ts'
import { clusterSeries, sednaSeries } from '../../../catalogue/kube/index.ts'
import { recordingRules } from '../../../catalogue/rules.ts'
import type { AlertCase, InputSeries, RecordCase } from './case.ts'
import { shared } from './case.ts'

const m = families

const fl = { namespace: 'default', job_id: 'defect-fl', task_type: 'federated_learning' } as const
const il = { namespace: 'default', job_id: 'helmet-il', task_type: 'incremental_learning' } as const
const ji = { namespace: 'default', job_id: 'helmet-ji', task_type: 'joint_inference' } as const

/** A worker of a job, on the node of the same number. */
function aWorker<const J extends { readonly namespace: string; readonly job_id: string; readonly task_type: string }>(
  job: J,
  number: string,
) {
  return { ...job, task: `worker-${number}`, engine: `engine-${number}`, engine_type: 'sedna', node: `edge${number}` } as const
}

/** A series of the cluster, of which only the labels given matter. */
const ofCluster = (
  { name }: { readonly name: string },
  labels: Readonly<Record<string, string>>,
  samples: string,
): InputSeries => ({
  name,
  labels,
  samples,
})

const running = shared(m.flTrainStatus, { ...fl, status: 'running' }, '1x60')
const three = ['1', '2', '3'] as const
const resource = { namespace: 'default', name: 'helmet-il' } as const

export const sednaCases: readonly AlertCase[] = [
  {
    alert: 'SednaFederatedRoundStalled',
    input: [running, shared(m.flAggregationRound, fl, '4x60')],
    labels: fl,
    description: 'Job defect-fl has been in round 4 for 15 minutes or longer.',
    lastSilentMinute: 19,
    firstFiringMinute: 20,
  },
  {
    alert: 'SednaFederatedNoFirstRound',
    input: [running, shared(m.flWorkerInfo, { ...aWorker(fl, '9'), worker_role: 'aggregation' }, '1x60')],
    labels: { ...fl, status: 'running' },
    description: 'Job defect-fl in namespace default trains, but nothing was aggregated yet.',
    lastSilentMinute: 19,
    firstFiringMinute: 20,
  },
  {
    alert: 'SednaFederatedNodeStale',
    input: [
      shared(m.flAggregationRound, fl, '5x30'),
      shared(m.flNodeIteration, aWorker(fl, '1'), '2x30'),
      shared(m.flNodeIteration, aWorker(fl, '2'), '5x30'),
    ],
    labels: { namespace: 'default', job_id: 'defect-fl', node: 'edge1' },
    description: 'Node edge1 is 3 rounds behind in job defect-fl.',
    lastSilentMinute: 1,
    firstFiringMinute: 2,
  },
  {
    alert: 'SednaFederatedStraggler',
    input: three.map((number) => shared(m.flRoundTrain, aWorker(fl, number), number === '3' ? '180x30' : '40x30')),
    labels: aWorker(fl, '3'),
    description: 'Node edge3 trained 3m 0s in its last round of job defect-fl.',
    lastSilentMinute: 0,
    firstFiringMinute: 1,
  },
  {
    alert: 'SednaCandidateModelWorse',
    input: [
      shared(m.ilModelScore, { ...il, model: 'candidate', metric: 'precision', class: 'all' }, '0.7x4 0.6x30'),
      shared(m.ilModelScore, { ...il, model: 'deployed', metric: 'precision', class: 'all' }, '0.65x40'),
    ],
    labels: { namespace: 'default', job_id: 'helmet-il', metric: 'precision' },
    description: 'The new model of job helmet-il has a precision of only 60%.',
    lastSilentMinute: 4,
    firstFiringMinute: 5,
  },
  {
    alert: 'SednaDeployNotOk',
    input: [shared(m.ilDeployStatus, { ...il, status: 'not_ok' }, '0x4 1x30')],
    labels: { ...il, status: 'not_ok' },
    description: 'The newest deployment of job helmet-il in namespace default failed.',
    lastSilentMinute: 4,
    firstFiringMinute: 5,
  },
  {
    alert: 'SednaIterationFailed',
    input: [shared(m.ilIterations, { ...il, outcome: 'failed' }, '0x4 2x30')],
    labels: { ...il, outcome: 'failed' },
    description: '2 iterations of job helmet-il failed within the last hour.',
    lastSilentMinute: 4,
    firstFiringMinute: 5,
  },
  {
    alert: 'SednaHardSampleRatioHigh',
    input: [shared(m.jiHardSamples, aWorker(ji, '1'), '0+5x60'), shared(m.jiSamples, aWorker(ji, '1'), '0+10x60')],
    labels: { namespace: 'default', job_id: 'helmet-ji' },
    description: '50% of the samples of service helmet-ji are hard.',
    lastSilentMinute: 10,
    firstFiringMinute: 11,
    because: 'an increase needs two samples: the share is known from the first minute on',
  },
  {
    alert: 'SednaCloudInferenceErrors',
    input: [
      shared(m.jiCloudErrors, aWorker(ji, '1'), '0+1x60'),
      shared(m.jiInferences, { ...aWorker(ji, '1'), location: 'cloud' }, '0+10x60'),
    ],
    labels: { namespace: 'default', job_id: 'helmet-ji' },
    description: '10% of the inferences in the cloud for service helmet-ji fail.',
    lastSilentMinute: 5,
    firstFiringMinute: 6,
    because: 'an increase needs two samples: the share is known from the first minute on',
  },
  ...(
    [
      [m.jiDrift, ji],
      [m.ilDrift, il],
      [m.flDrift, fl],
    ] as const
  ).map(
    ([metric, job]): AlertCase => ({
      alert: 'SednaDriftHigh',
      input: [shared(metric, { ...aWorker(job, '1'), feature: 'light', method: 'psi' }, '0.3x60')],
      labels: { ...aWorker(job, '1'), feature: 'light', method: 'psi' },
      description: `Feature light of job ${job.job_id} has drifted on node edge1.`,
      lastSilentMinute: 14,
      firstFiringMinute: 15,
    }),
  ),
  {
    alert: 'SednaWorkerSilent',
    input: [shared(m.taskLastReport, withoutNode(ji), '0x60')],
    labels: withoutNode(ji),
    description: 'Worker worker-1 of job helmet-ji has been silent for 3m 0s.',
    lastSilentMinute: 2,
    firstFiringMinute: 3,
  },
  {
    alert: 'SednaStageStuckWaiting',
    input: [
      ofCluster(sednaSeries.incrementalLearning.status_last_transition_timestamp_seconds, resource, '0x90'),
      ofCluster(sednaSeries.incrementalLearning.status_condition, { ...resource, condition: 'Waiting' }, '1x90'),
      ofCluster(sednaSeries.incrementalLearning.status_stage, { ...resource, stage: 'Eval' }, '1x90'),
    ],
    labels: resource,
    description: 'Job helmet-il in namespace default has been waiting for 1h 1m 0s.',
    lastSilentMinute: 60,
    firstFiringMinute: 61,
  },
  ...(
    [
      [sednaSeries.jointInference.status_condition, 'condition'],
      [sednaSeries.incrementalLearning.status_condition, 'condition'],
      [sednaSeries.federatedLearning.status_phase, 'phase'],
    ] as const
  ).map(
    ([metric, label]): AlertCase => ({
      alert: 'SednaResourceFailed',
      input: [ofCluster(metric, { ...resource, [label]: 'Failed' }, '1x30')],
      labels: { ...resource, [label]: 'Failed' },
      description: 'helmet-il in namespace default has failed, as the cluster knows it.',
      lastSilentMinute: 0,
      firstFiringMinute: 1,
    }),
  ),
  {
    alert: 'SednaComponentDown',
    input: [
      ofCluster(clusterSeries.podPhase, { namespace: 'sedna', pod: 'gm-1', phase: 'Pending' }, '1x30'),
      ofCluster(clusterSeries.podLabels, { namespace: 'sedna', pod: 'gm-1', label_sedna: 'gm' }, '1x30'),
      ofCluster(clusterSeries.podPhase, { namespace: 'other', pod: 'x-1', phase: 'Pending' }, '1x30'),
    ],
    labels: { namespace: 'sedna', pod: 'gm-1', phase: 'Pending' },
    description: 'Pod gm-1 of Sedna is Pending.',
    lastSilentMinute: 4,
    firstFiringMinute: 5,
  },
]

function withoutNode<const J extends { readonly namespace: string; readonly job_id: string; readonly task_type: string }>(
  job: J,
) {
  const { node: _node, ...task } = aWorker(job, '1')
  return task
}

const job = (id: string) => ({ namespace: 'default', job_id: id })
const onNode = (node: string) => ({ ...job('defect-fl'), node })
const rounds = [
  shared(m.flAggregationRound, fl, '5x30'),
  shared(m.flTrainNodes, fl, '4x30'),
  ...three.map((number) => shared(m.flNodeIteration, aWorker(fl, number), number === '3' ? '4x30' : '5x30')),
  ...three.map((number) => shared(m.flRoundTrain, aWorker(fl, number), number === '3' ? '180x30' : '40x30')),
]

export const sednaRecords: readonly RecordCase[] = [
  {
    record: recordingRules.hardSampleRatio.record,
    input: three.flatMap((number) => [
      shared(m.jiHardSamples, aWorker(ji, number), '0+1x30'),
      shared(m.jiSamples, aWorker(ji, number), number === '3' ? '0x30' : '0+6x30'),
    ]),
    labels: job('helmet-ji'),
    minute: 20,
    value: 0.25,
    because: 'three hard ones of twelve, over all workers',
  },
  {
    record: recordingRules.cloudErrorRatio.record,
    input: [
      shared(m.jiCloudErrors, aWorker(ji, '1'), '0+1x30'),
      shared(m.jiInferences, { ...aWorker(ji, '1'), location: 'cloud' }, '0+4x30'),
      shared(m.jiInferences, { ...aWorker(ji, '1'), location: 'edge' }, '0+40x30'),
    ],
    labels: job('helmet-ji'),
    minute: 20,
    value: 0.25,
  },
  {
    record: recordingRules.federatedWait.record,
    input: rounds,
    labels: onNode('edge1'),
    minute: 10,
    value: 140,
    others: [
      { labels: onNode('edge2'), value: 140 },
      { labels: onNode('edge3'), value: 0 },
    ],
    because: 'two nodes wait for the third, which trains 140 s longer',
  },
  {
    record: recordingRules.federatedStaleness.record,
    input: rounds,
    labels: onNode('edge3'),
    minute: 10,
    value: 1,
    others: [
      { labels: onNode('edge1'), value: 0 },
      { labels: onNode('edge2'), value: 0 },
    ],
  },
  {
    record: recordingRules.federatedParticipation.record,
    input: rounds,
    labels: job('defect-fl'),
    minute: 10,
    value: 0.5,
    because: 'two of four nodes are in the newest round; one has never reported',
  },
]

/** Work of all three types in which nothing goes wrong. */
export function healthySedna(minutes: number): readonly InputSeries[] {
  const always = (value: number) => `${value}x${minutes}`
  const now = Array.from({ length: minutes + 1 }, (_, minute) => minute * 60).join(' ')
  const quarter = Array.from({ length: minutes + 1 }, (_, minute) => Math.floor(minute / 10)).join(' ')
  const il_ = sednaSeries.incrementalLearning
  return [
    shared(m.flTrainStatus, { ...fl, status: 'running' }, always(1)),
    shared(m.flWorkerInfo, { ...aWorker(fl, '9'), worker_role: 'aggregation' }, always(1)),
    shared(m.flAggregationRound, fl, quarter),
    shared(m.flTrainNodes, fl, always(3)),
    ...three.flatMap((number) => [
      shared(m.flNodeIteration, aWorker(fl, number), quarter),
      shared(m.flRoundTrain, aWorker(fl, number), always(40)),
    ]),
    shared(m.ilModelScore, { ...il, model: 'candidate', metric: 'precision', class: 'all' }, always(0.7)),
    shared(m.ilModelScore, { ...il, model: 'deployed', metric: 'precision', class: 'all' }, always(0.65)),
    shared(m.ilDeployStatus, { ...il, status: 'not_ok' }, always(0)),
    shared(m.ilIterations, { ...il, outcome: 'failed' }, always(0)),
    shared(m.jiHardSamples, aWorker(ji, '1'), `0+2x${minutes}`),
    shared(m.jiSamples, aWorker(ji, '1'), `0+10x${minutes}`),
    // A service at rest gives no share, and no alert.
    shared(m.jiHardSamples, aWorker({ ...ji, job_id: 'idle' }, '1'), always(5)),
    shared(m.jiSamples, aWorker({ ...ji, job_id: 'idle' }, '1'), always(5)),
    shared(m.jiCloudErrors, aWorker(ji, '1'), always(0)),
    shared(m.jiInferences, { ...aWorker(ji, '1'), location: 'cloud' }, `0+2x${minutes}`),
    ...(
      [
        [m.jiDrift, ji],
        [m.ilDrift, il],
        [m.flDrift, fl],
      ] as const
    ).map(([metric, of]) => shared(metric, { ...aWorker(of, '1'), feature: 'light', method: 'psi' }, always(0.1))),
    shared(m.taskLastReport, withoutNode(ji), now),
    // One that has ended may be silent.
    shared(m.taskLastReport, withoutNode(il), always(0)),
    shared(m.taskCompletion, withoutNode(il), always(0)),
    ofCluster(il_.status_last_transition_timestamp_seconds, resource, always(0)),
    ofCluster(il_.status_condition, { ...resource, condition: 'Waiting' }, always(1)),
    ofCluster(il_.status_condition, { ...resource, condition: 'Failed' }, always(0)),
    ofCluster(il_.status_stage, { ...resource, stage: 'Train' }, always(1)),
    ofCluster(il_.status_stage, { ...resource, stage: 'Eval' }, always(0)),
    ofCluster(sednaSeries.jointInference.status_condition, { ...resource, condition: 'Failed' }, always(0)),
    ofCluster(sednaSeries.federatedLearning.status_phase, { ...resource, phase: 'Failed' }, always(0)),
    ofCluster(clusterSeries.podPhase, { namespace: 'sedna', pod: 'gm-1', phase: 'Pending' }, always(0)),
    ofCluster(clusterSeries.podPhase, { namespace: 'other', pod: 'x-1', phase: 'Failed' }, always(1)),
    ofCluster(clusterSeries.podLabels, { namespace: 'sedna', pod: 'gm-1', label_sedna: 'gm' }, always(1)),
  ]
}
