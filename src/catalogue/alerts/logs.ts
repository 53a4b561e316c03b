import { families } from '../families.ts'
import { increase, maxWithout, promql, sumWithout } from '../promql.ts'
import { oneOf, select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { logLines, logOutboxAge, logOutboxBytes, logOutboxLimit, lokiRequests } = families

/** Alerts about log lines on their way to Loki. */
export function logAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  const deadLettered = increase(select(logLines, { outcome: 'dead_lettered' }), '10m')
  const misconfigured = increase(select(lokiRequests, { code: oneOf('401', '403', '404') }), '5m')
  return [
    alert({
      name: 'EnginescopeLogLinesDeadLettered',
      severity: 'warning',
      for: '0m',
      expr: promql`${sumWithout(['outcome', 'instance'], deadLettered)} > 0`,
      summary: 'Loki refused log lines for good; they are kept as dead letters.',
      description: ({ value }) => `${value('count')} lines became dead letters within 10 minutes.`,
      dashboard: 'logs',
      variables: [],
    }),
    alert({
      name: 'EnginescopeLogShippingLag',
      severity: 'warning',
      for: '5m',
      expr: promql`${maxWithout(['instance'], select(logOutboxAge))} > ${thresholds.logOutboxAgeSecondsMax}`,
      summary: 'Log lines reach Loki late.',
      description: ({ value }) => `The oldest line has waited ${value('duration')} for Loki.`,
      dashboard: 'self',
      variables: [],
    }),
    alert({
      name: 'EnginescopeLogOutboxNearlyFull',
      severity: 'critical',
      for: '5m',
      expr: promql`${sumWithout(['instance'], select(logOutboxBytes))}
        / ${maxWithout(['instance'], select(logOutboxLimit))} > ${thresholds.logOutboxFilledRatioMax}`,
      summary: 'The outbox for Loki fills up; at its limit log lines are refused.',
      description: ({ value }) => `${value('share')} of the outbox is taken.`,
      dashboard: 'self',
      variables: [],
    }),
    alert({
      name: 'EnginescopeLokiMisconfigured',
      severity: 'critical',
      for: '2m',
      expr: promql`${sumWithout(['code', 'instance'], misconfigured)} > 0`,
      summary: 'Loki refuses us: wrong address, token or tenant. Shipping has stopped.',
      description: ({ value }) => `${value('count')} requests were answered with 401, 403 or 404 within 5 minutes.`,
      dashboard: 'self',
      variables: [],
    }),
  ]
}
