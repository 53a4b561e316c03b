import { families } from '../families.ts'
import { clusterSeries, sednaSeries } from '../kube/index.ts'
import { learningTypes } from '../learning/index.ts'
import { promql } from '../promql.ts'
import { oneOf, select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { taskCompletion, taskLastReport } = families
const ofSedna = { task_type: oneOf(...learningTypes.map(({ name }) => name)) } as const

/** Alerts about Sedna's workers, resources and components; those of the cluster rest on kube-state-metrics. */
export function sednaAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  const incremental = sednaSeries.incrementalLearning
  return [
    alert({
      name: 'SednaWorkerSilent',
      severity: 'critical',
      for: '0m',
      expr: promql`time() - ${select(taskLastReport, ofSedna)} > ${thresholds.sednaWorkerSilentSecondsMax}
        unless on (namespace, job_id, task) ${select(taskCompletion, ofSedna)}`,
      summary: 'A worker has not been heard of for minutes and has not ended.',
      description: ({ label, value }) =>
        `Worker ${label('task')} of job ${label('job_id')} has been silent for ${value('duration')}.`,
      dashboard: 'task',
      variables: ['namespace', 'job_id', 'task'],
    }),
    alert({
      name: 'SednaStageStuckWaiting',
      severity: 'warning',
      for: '0m',
      expr: promql`time() - ${select(incremental.status_last_transition_timestamp_seconds)} > ${thresholds.sednaStageWaitSecondsMax}
        and on (namespace, name) ${select(incremental.status_condition, { condition: 'Waiting' })} == 1
        and on (namespace, name) ${select(incremental.status_stage, { stage: oneOf('Eval', 'Deploy') })} == 1`,
      summary: 'The evaluation or deployment of an incremental learning job has been waiting for over an hour.',
      description: ({ label, value }) =>
        `Job ${label('name')} in namespace ${label('namespace')} has been waiting for ${value('duration')}.`,
      dashboard: 'sedna',
      variables: ['namespace'],
    }),
    alert({
      name: 'SednaResourceFailed',
      severity: 'critical',
      for: '1m',
      expr: promql`${select(sednaSeries.jointInference.status_condition, { condition: 'Failed' })} == 1
        or ${select(incremental.status_condition, { condition: 'Failed' })} == 1
        or ${select(sednaSeries.federatedLearning.status_phase, { phase: 'Failed' })} == 1`,
      summary: 'A service or job of Sedna has failed.',
      description: ({ label }) => `${label('name')} in namespace ${label('namespace')} has failed, as the cluster knows it.`,
      dashboard: 'sedna',
      variables: ['namespace'],
    }),
    alert({
      name: 'SednaComponentDown',
      severity: 'critical',
      for: '5m',
      expr: promql`${select(clusterSeries.podPhase, { phase: oneOf('Pending', 'Failed', 'Unknown') })} == 1
        and on (namespace, pod) ${select(clusterSeries.podLabels, { label_sedna: oneOf('gm', 'lc', 'kb') })}`,
      summary: 'A component of Sedna itself does not run.',
      description: ({ label }) => `Pod ${label('pod')} of Sedna is ${label('phase')}.`,
      dashboard: 'sedna',
      variables: ['namespace'],
    }),
  ]
}
