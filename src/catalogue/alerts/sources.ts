import { families } from '../families.ts'
import { promql } from '../promql.ts'
import { select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { runtimeUp } = families

/** Alerts about the monitors of runtimes. */
export function sourceAlerts(_options: RuleOptions): readonly Alert[] {
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
  ]
}
