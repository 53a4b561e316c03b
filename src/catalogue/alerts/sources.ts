import { families } from '../families.ts'
import { maxWithout, promql } from '../promql.ts'
import { select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { hubQueueOldestAge, runtimeUp } = families

/** Alerts about the monitors of runtimes and about the hub. */
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
      name: 'EnginescopeHubQueueStuck',
      severity: 'warning',
      for: '5m',
      expr: promql`${maxWithout(['instance'], select(hubQueueOldestAge))} > ${thresholds.hubQueueAgeSecondsMax}`,
      summary: 'A process in the queue of the hub is taken by no dispatcher.',
      description: ({ value }) => `The oldest process has waited ${value('duration')} for a dispatcher.`,
      dashboard: 'hub',
      variables: [],
    }),
  ]
}
