import { families } from '../families.ts'
import { increase, promql, sumWithout } from '../promql.ts'
import { recorded, recordingRules } from '../rules.ts'
import { select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { reportsLost, seriesOverflow } = families

/** Alerts about what comes in and does not get where it belongs. */
export function ingestAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  return [
    alert({
      name: 'EnginescopeReportsRejected',
      severity: 'warning',
      for: '5m',
      expr: promql`${recorded(recordingRules.rejectedPerReport)} > ${thresholds.rejectedReportsRatioMax}`,
      summary: 'Engines send reports that cannot be read.',
      description: ({ value }) => `${value('share')} of the reports of the last 5 minutes were rejected.`,
      dashboard: 'self',
      variables: [],
    }),
    alert({
      name: 'EnginescopeReportsLost',
      severity: 'warning',
      for: '0m',
      expr: promql`${sumWithout(['instance'], increase(select(reportsLost), '15m'))} > 0`,
      summary: 'Numbered reports never arrived; their log lines are gone.',
      description: ({ value }) => `${value('count')} reports were given up waiting for within 15 minutes.`,
      dashboard: 'self',
      variables: [],
    }),
    alert({
      name: 'EnginescopeSeriesOverflow',
      severity: 'warning',
      for: '5m',
      expr: promql`${sumWithout(['instance'], increase(select(seriesOverflow), '10m'))} > 0`,
      summary: 'There are more tasks, engines or label values than there is room for series.',
      description: ({ label, value }) =>
        `The family ${label('family')} turned ${value('count')} series away within 10 minutes; the fleet series count them all.`,
      dashboard: 'self',
      variables: [],
    }),
  ]
}
