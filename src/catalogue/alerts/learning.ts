import { families } from '../families.ts'
import { increase, maxWithout, promql, quantileWithout } from '../promql.ts'
import { recorded, recordingRules } from '../rules.ts'
import { select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const m = families
const apart = ['task', 'task_type', 'engine', 'engine_type', 'node', 'instance'] as const

/** Alerts about federated learning: rounds that stand still, nodes that hold the others up. */
export function federatedAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  const round = select(m.flAggregationRound)
  const running = promql`${select(m.flTrainStatus, { status: 'running' })} == 1`
  const trained = select(m.flRoundTrain)
  return [
    alert({
      name: 'SednaFederatedRoundStalled',
      severity: 'warning',
      for: '5m',
      expr: promql`${round} == ${round} offset 15m
        and on (namespace, job_id) ${running}`,
      summary: 'A federated training runs, and its rounds do not go on.',
      description: ({ label, value }) => `Job ${label('job_id')} has been in round ${value('count')} for 15 minutes or longer.`,
      dashboard: 'federated',
      variables: ['namespace', 'job_id'],
    }),
    alert({
      name: 'SednaFederatedNoFirstRound',
      severity: 'warning',
      for: '20m',
      expr: promql`${running}
        and on (namespace, job_id) ${select(m.flWorkerInfo, { worker_role: 'aggregation' })}
        unless on (namespace, job_id) ${round}`,
      summary: 'A federated training runs and has not come through its first round.',
      description: ({ label }) =>
        `Job ${label('job_id')} in namespace ${label('namespace')} trains, but nothing was aggregated yet.`,
      dashboard: 'federated',
      variables: ['namespace', 'job_id'],
    }),
    alert({
      name: 'SednaFederatedNodeStale',
      severity: 'warning',
      for: '2m',
      expr: promql`${recorded(recordingRules.federatedStaleness)} > ${thresholds.federatedStaleRoundsMax}`,
      summary: 'A node of a federated training is rounds behind the others.',
      description: ({ label, value }) => `Node ${label('node')} is ${value('count')} rounds behind in job ${label('job_id')}.`,
      dashboard: 'federated',
      variables: ['namespace', 'job_id', 'node'],
    }),
    alert({
      name: 'SednaFederatedStraggler',
      severity: 'info',
      for: '1m',
      expr: promql`${trained}
        > on (job, namespace, job_id) group_left () (${thresholds.federatedStragglerTimesMax} * ${quantileWithout(apart, 0.5, trained)})`,
      summary: 'One node trains far longer than the others, who all wait for it.',
      description: ({ label, value }) =>
        `Node ${label('node')} trained ${value('duration')} in its last round of job ${label('job_id')}.`,
      dashboard: 'federated',
      variables: ['namespace', 'job_id', 'node'],
    }),
  ]
}

/** Alerts about incremental learning: models that are no better, deployments and iterations that fail. */
export function modelAlerts(_options: RuleOptions): readonly Alert[] {
  const scoreOf = (model: 'candidate' | 'deployed') =>
    maxWithout(['model', 'class', 'task_type', 'instance'], select(m.ilModelScore, { model, class: 'all' }))
  return [
    alert({
      name: 'SednaCandidateModelWorse',
      severity: 'info',
      for: '0m',
      expr: promql`${scoreOf('candidate')}
        < on (job, namespace, job_id, metric) ${scoreOf('deployed')}`,
      summary: 'A newly trained model scores lower than the one in service.',
      description: ({ label, value }) =>
        `The new model of job ${label('job_id')} has a ${label('metric')} of only ${value('share')}.`,
      dashboard: 'incremental',
      variables: ['namespace', 'job_id'],
    }),
    alert({
      name: 'SednaDeployNotOk',
      severity: 'warning',
      for: '0m',
      expr: promql`${select(m.ilDeployStatus, { status: 'not_ok' })} == 1`,
      summary: 'A model could not be deployed.',
      description: ({ label }) => `The newest deployment of job ${label('job_id')} in namespace ${label('namespace')} failed.`,
      dashboard: 'incremental',
      variables: ['namespace', 'job_id'],
    }),
    alert({
      name: 'SednaIterationFailed',
      severity: 'warning',
      for: '0m',
      expr: promql`${increase(select(m.ilIterations, { outcome: 'failed' }), '1h')} > 0`,
      summary: 'An iteration of incremental learning failed.',
      description: ({ label, value }) => `${value('count')} iterations of job ${label('job_id')} failed within the last hour.`,
      dashboard: 'incremental',
      variables: ['namespace', 'job_id'],
    }),
  ]
}

/** Alerts about joint inference, and about inputs that drift. */
export function inferenceAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  const { driftScoreMax } = thresholds
  return [
    alert({
      name: 'SednaHardSampleRatioHigh',
      severity: 'warning',
      for: '10m',
      expr: promql`${recorded(recordingRules.hardSampleRatio)} > ${thresholds.hardSampleRatioMax}`,
      summary: 'The model at the edge finds too many samples hard.',
      description: ({ label, value }) => `${value('share')} of the samples of service ${label('job_id')} are hard.`,
      dashboard: 'jointInference',
      variables: ['namespace', 'job_id'],
    }),
    alert({
      name: 'SednaCloudInferenceErrors',
      severity: 'warning',
      for: '5m',
      expr: promql`${recorded(recordingRules.cloudErrorRatio)} > ${thresholds.cloudErrorRatioMax}`,
      summary: 'Inferences in the cloud fail.',
      description: ({ label, value }) => `${value('share')} of the inferences in the cloud for service ${label('job_id')} fail.`,
      dashboard: 'jointInference',
      variables: ['namespace', 'job_id'],
    }),
    alert({
      name: 'SednaDriftHigh',
      severity: 'warning',
      for: '15m',
      expr: promql`${select(m.jiDrift)} > ${driftScoreMax}
        or ${select(m.ilDrift)} > ${driftScoreMax}
        or ${select(m.flDrift)} > ${driftScoreMax}`,
      summary: 'What a model is given has drifted from what it was trained on.',
      description: ({ label }) => `Feature ${label('feature')} of job ${label('job_id')} has drifted on node ${label('node')}.`,
      dashboard: 'task',
      variables: ['namespace', 'job_id', 'task'],
    }),
  ]
}
