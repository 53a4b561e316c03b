import { families } from '../families.ts'
import { countWithout, deriv, increase, minWithout, promql, quantileWithout, sumWithout } from '../promql.ts'
import { recorded, recordingRules, wentWrong } from '../rules.ts'
import { select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { taskProgress, tasksFinished, taskStart, tasksLost, tasksOldestWaiting, tasksStalled, taskStatus } = families

const running = promql`${select(taskStatus, { status: 'running' })} == 1`

/** Alerts about kinds of tasks: failing, waiting, standing still. */
export function taskAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  const finished = recorded(recordingRules.tasksFinished10m)
  const failures = increase(select(tasksFinished, { status: wentWrong }), '10m')
  const oldest = minWithout(['instance'], select(tasksOldestWaiting))
  return [
    alert({
      name: 'EnginescopeTasksLost',
      severity: 'critical',
      for: '0m',
      expr: promql`${sumWithout(['instance'], increase(select(tasksLost), '10m'))} > 0`,
      summary: 'Tasks were given up because their engine fell silent or started anew without them.',
      description: ({ label, value }) =>
        `${value('count')} tasks of type ${label('task_type')} in namespace ${label('namespace')} were lost within 10 minutes.`,
      dashboard: 'types',
      variables: ['namespace', 'task_type', 'engine_type'],
    }),
    alert({
      name: 'EnginescopeTaskFailureRateHigh',
      severity: 'warning',
      for: '1m',
      expr: promql`${sumWithout(['namespace', 'status', 'instance'], failures)}
        / ${finished} > ${thresholds.failureRatioMax}
        and ${finished} >= ${thresholds.failureTasksMin}`,
      summary: 'Too many of the tasks that end are failing.',
      description: ({ label, value }) =>
        `${value('share')} of the ${label('task_type')} tasks on ${label('engine_type')} engines failed within 10 minutes.`,
      dashboard: 'types',
      variables: ['task_type', 'engine_type'],
    }),
    ...budgetAlerts(thresholds),
    alert({
      name: 'EnginescopeQueueWaitHigh',
      severity: 'warning',
      for: '10m',
      expr: promql`${recorded(recordingRules.queueP95)} > ${thresholds.queueWaitSecondsMax}`,
      summary: 'One task in twenty waits too long before it starts.',
      description: ({ label, value }) =>
        `One in twenty ${label('task_type')} tasks waits ${value('duration')} or longer for a ${label('engine_type')} engine.`,
      dashboard: 'fleet',
      variables: ['task_type', 'engine_type'],
    }),
    alert({
      name: 'EnginescopeQueueStuck',
      severity: 'warning',
      for: '5m',
      expr: promql`time() - ${oldest} > ${thresholds.oldestWaitingSecondsMax}`,
      summary: 'A task has been waiting for so long that the queue must be stuck.',
      description: ({ label, value }) =>
        `The oldest ${label('task_type')} task for ${label('engine_type')} engines has waited ${value('duration')}.`,
      dashboard: 'fleet',
      variables: ['task_type', 'engine_type'],
    }),
    alert({
      name: 'EnginescopeTasksStalled',
      severity: 'warning',
      for: '10m',
      expr: promql`${sumWithout(['instance'], select(tasksStalled))} > 0`,
      summary: 'Running tasks make no progress for longer than is usual for their type.',
      description: ({ label, value }) =>
        `${value('count')} ${label('task_type')} tasks on ${label('engine_type')} engines stand still.`,
      dashboard: 'live',
      variables: ['task_type', 'engine_type'],
    }),
  ]
}

/** The budget of failures that the objective leaves: spent fast, or leaking. */
function budgetAlerts(thresholds: RuleOptions['thresholds']): readonly Alert[] {
  const budgetRatio = 1 - thresholds.successObjectiveRatio
  // Binary fractions: 14.4 * 0.01 would be written as 0.14400000000000013.
  const limit = (timesMax: number) => Number((timesMax * budgetRatio).toPrecision(6))
  const rules = recordingRules
  return [
    alert({
      name: 'EnginescopeTaskFailureBudgetBurnFast',
      severity: 'critical',
      for: '2m',
      expr: promql`${recorded(rules.failuresPerFinished1h)} > ${limit(thresholds.budgetBurnFastMax)}
        and ${recorded(rules.failuresPerFinished5m)} > ${limit(thresholds.budgetBurnFastMax)}`,
      summary: 'Failures use up the error budget of a month within two days.',
      description: ({ label, value }) =>
        `${value('share')} of the ${label('task_type')} tasks on ${label('engine_type')} engines failed within the last hour.`,
      dashboard: 'types',
      variables: ['task_type', 'engine_type'],
    }),
    alert({
      name: 'EnginescopeTaskFailureBudgetBurnSlow',
      severity: 'warning',
      for: '3h',
      expr: promql`${recorded(rules.failuresPerFinished1d)} > ${limit(thresholds.budgetBurnSlowMax)}
        and ${recorded(rules.failuresPerFinished2h)} > ${limit(thresholds.budgetBurnSlowMax)}`,
      summary: 'Failures use up the error budget of a month within ten days.',
      description: ({ label, value }) =>
        `${value('share')} of the ${label('task_type')} tasks on ${label('engine_type')} engines failed within the last day.`,
      dashboard: 'types',
      variables: ['task_type', 'engine_type'],
    }),
  ]
}

/** Alerts about one task: far slower than its kind, or than its siblings. */
export function singleTaskAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  const usual = recorded(recordingRules.durationP95)
  const slope = deriv(select(taskProgress), '10m')
  const apart = ['task', 'engine', 'engine_type', 'task_type', 'instance'] as const
  return [
    alert({
      name: 'EnginescopeTaskOverdue',
      severity: 'info',
      for: '5m',
      expr: promql`(time() - ${select(taskStart)})
        > on (job, task_type, engine_type) group_left () (${thresholds.overdueTimesMax} * ${usual})
        and on (job, task_type, engine_type) (${recorded(recordingRules.succeeded7d)} >= ${thresholds.overdueTasksMin})
        and on (job, namespace, job_id, task) ${running}`,
      summary: 'A task runs far longer than nearly all tasks of its kind.',
      description: ({ label, value }) =>
        `Task ${label('task')} of job ${label('job_id')} (${label('task_type')}) has been running for ${value('duration')}.`,
      dashboard: 'task',
      variables: ['namespace', 'job_id', 'task'],
    }),
    alert({
      name: 'EnginescopeTaskStraggler',
      severity: 'info',
      for: '10m',
      expr: promql`(${slope}
        < on (job, namespace, job_id) group_left () (${quantileWithout(apart, 0.5, slope)} / ${thresholds.stragglerTimesMax}))
        and on (job, namespace, job_id) (${countWithout(apart, select(taskProgress))} >= ${thresholds.stragglerSiblingsMin})
        and on (job, namespace, job_id, task) ${running}`,
      summary: 'One task of a job is far slower than its siblings.',
      description: ({ label }) =>
        `Task ${label('task')} of job ${label('job_id')} on ${label('engine')} falls behind the other tasks of the job.`,
      dashboard: 'task',
      variables: ['namespace', 'job_id', 'task'],
    }),
  ]
}
