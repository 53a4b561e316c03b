import { families } from '../families.ts'
import { increase, promql, sumWithout } from '../promql.ts'
import { select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { runtimeMessages, runtimeMessagesBehind, runtimePollLag, runtimeResets, runtimeUp } = families

/** Alerts about the monitors of runtimes. */
export function sourceAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  return [
    alert({
      name: 'EnginescopeRuntimeUnreachable',
      severity: 'warning',
      for: '5m',
      expr: promql`${select(runtimeUp)} == 0`,
      summary: 'A runtime cannot be polled; what its programs do is not seen.',
      description: ({ label }) => `Runtime ${label('runtime')} in namespace ${label('namespace')} does not answer its monitor.`,
      dashboard: 'runtimes',
      variables: ['namespace', 'runtime'],
    }),
    alert({
      name: 'EnginescopeRuntimeLagging',
      severity: 'warning',
      for: '5m',
      expr: promql`${select(runtimePollLag)} > ${thresholds.runtimePollLagSecondsMax}`,
      summary: 'A runtime has not been polled with success for too long.',
      description: ({ label, value }) =>
        `The last good answer of runtime ${label('runtime')} in namespace ${label('namespace')} is ${value('duration')} old.`,
      dashboard: 'runtimes',
      variables: ['namespace', 'runtime'],
    }),
    alert({
      name: 'EnginescopeRuntimeBehind',
      severity: 'warning',
      for: '10m',
      expr: promql`${sumWithout(['topic'], select(runtimeMessagesBehind))} > ${thresholds.runtimeMessagesBehindMax}`,
      summary: 'A runtime publishes faster than its messages are taken in.',
      description: ({ label, value }) =>
        `${value('count')} messages of runtime ${label('runtime')} in namespace ${label('namespace')} are not yet taken in.`,
      dashboard: 'runtimes',
      variables: ['namespace', 'runtime'],
    }),
    alert({
      name: 'EnginescopeRuntimeMessagesLost',
      severity: 'warning',
      for: '0m',
      expr: promql`${sumWithout(['instance', 'outcome', 'topic'], increase(select(runtimeMessages, { outcome: 'lost' }), '15m'))} > 0`,
      summary: 'Messages of runtimes were gone before they were fetched.',
      description: ({ value }) => `${value('count')} messages left the logs of runtimes unread within 15 minutes.`,
      dashboard: 'runtimes',
      variables: [],
    }),
    alert({
      name: 'EnginescopeRuntimeLogLost',
      severity: 'warning',
      for: '0m',
      expr: promql`${sumWithout(['instance', 'reason'], increase(select(runtimeResets, { reason: 'log_lost' }), '15m'))} > 0`,
      summary: 'A runtime lost the log that was being read, under the same epoch.',
      description: ({ value }) => `${value('count')} topics of runtimes were read anew within 15 minutes.`,
      dashboard: 'runtimes',
      variables: [],
    }),
  ]
}
