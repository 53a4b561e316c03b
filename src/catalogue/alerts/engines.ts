import { families } from '../families.ts'
import { increase, promql, sumWithout } from '../promql.ts'
import { recorded, recordingRules } from '../rules.ts'
import { oneOf, select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { engineUp, engines, engineRestarts, engineTasks, tasks } = families

/** Alerts about engines: gone, unstable, too few. */
export function engineAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  const apart = ['engine_type', 'state', 'instance'] as const
  const suspect = sumWithout(apart, select(engines, { state: 'suspect' }))
  const notLost = sumWithout(apart, select(engines, { state: oneOf('live', 'suspect') }))
  const live = sumWithout(['state', 'instance'], select(engines, { state: 'live' }))
  const waiting = select(tasks, { status: oneOf('inited', 'scheduled', 'waiting_for_retry') })
  const pending = sumWithout(['engine', 'state', 'instance'], select(engineTasks, { state: 'pending' }))
  return [
    alert({
      name: 'EnginescopeEngineDown',
      severity: 'warning',
      for: '2m',
      expr: promql`${select(engineUp)} == 0`,
      summary: 'An engine has not reported for over two minutes.',
      description: ({ label }) =>
        `Engine ${label('engine')} (${label('engine_type')}) is silent. Its open tasks are lost unless it speaks again.`,
      dashboard: 'engines',
      variables: ['engine'],
    }),
    alert({
      name: 'EnginescopeManyEnginesSuspect',
      severity: 'critical',
      for: '1m',
      expr: promql`${suspect}
        / ${notLost} > ${thresholds.suspectEnginesRatioMax}
        and ${suspect} >= ${thresholds.suspectEnginesMin}`,
      summary: 'Many engines fell silent together: look at the network and the aggregator before the engines.',
      description: ({ value }) => `${value('share')} of the engines that were there have stopped reporting.`,
      dashboard: 'self',
      variables: [],
    }),
    alert({
      name: 'EnginescopeEngineFlapping',
      severity: 'warning',
      for: '0m',
      expr: promql`${increase(select(engineRestarts), '15m')} > ${thresholds.engineRestartsMax}`,
      summary: 'An engine starts over and over.',
      description: ({ label, value }) =>
        `Engine ${label('engine')} (${label('engine_type')}) started ${value('count')} times within 15 minutes.`,
      dashboard: 'engines',
      variables: ['engine'],
    }),
    alert({
      name: 'EnginescopeNoLiveEngine',
      severity: 'critical',
      for: '2m',
      expr: promql`${sumWithout(['namespace', 'task_type', 'status', 'instance'], waiting)} > 0
        unless on (job, engine_type) (${live} > 0)`,
      summary: 'Tasks wait and no engine of their type is alive.',
      description: ({ label, value }) => `${value('count')} tasks wait for an engine of type ${label('engine_type')}.`,
      dashboard: 'engines',
      variables: ['engine_type'],
    }),
    alert({
      name: 'EnginescopeEnginesSaturated',
      severity: 'warning',
      for: '15m',
      expr: promql`${recorded(recordingRules.tasksPerLimit)} > ${thresholds.slotsTakenRatioMax}
        and on (job, engine_type) (${pending} > 0)`,
      summary: 'All slots of an engine type are taken and tasks wait.',
      description: ({ label, value }) =>
        `Engines of type ${label('engine_type')} have ${value('share')} of their slots taken, and more tasks wait.`,
      dashboard: 'engines',
      variables: ['engine_type'],
    }),
  ]
}
