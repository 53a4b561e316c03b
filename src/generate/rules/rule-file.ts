import { stringify } from 'yaml'
import type { Alert } from '../../catalogue/alerts/alert.ts'
import type { RuleGroup } from '../../catalogue/alerts/groups.ts'
import type { RuleOptions } from '../../catalogue/alerts/options.ts'
import { families } from '../../catalogue/families.ts'
import { increase, promql, sumWithout } from '../../catalogue/promql.ts'
import type { RecordingRule } from '../../catalogue/rules.ts'
import { select } from '../../catalogue/select.ts'
import type { Artefact } from '../artefact.ts'
import { annotationTemplates } from './annotations.ts'
import { scaledSpan, scaledWindows } from './time-scale.ts'

/** The file of a group, for Prometheus 2.42 and later. */
export function ruleFile(group: RuleGroup, options: RuleOptions): Artefact {
  const rules = [
    ...group.records.map((record) => recordingRule(record, options)),
    ...group.alerts.map((alert) => alertingRule(alert, options)),
  ]
  const document = { groups: [{ name: group.name, interval: scaledSpan(`${group.intervalSeconds}s`, options.timeScale), rules }] }
  const header = '# Generated from src/catalogue by `npm run generate`; changes here are lost.\n'
  const body = stringify(document, { lineWidth: 0 })
  return { path: `prometheus/rules/${group.name}.yml`, text: `${header}${body}${expectedRunTemplate()}` }
}

function recordingRule({ record, expr }: RecordingRule, { timeScale }: RuleOptions) {
  return { record, expr: scaledWindows(expr.text, timeScale) }
}

function alertingRule(alert: Alert, options: RuleOptions) {
  return {
    alert: alert.name,
    expr: scaledWindows(alert.expr.text, options.timeScale),
    for: scaledSpan(alert.for, options.timeScale),
    labels: alert.labels,
    annotations: annotationTemplates(alert, options),
  }
}

/** A run that never came leaves no series behind: only its users know that it was due. */
function expectedRunTemplate(): string {
  const runs = select(families.tasksFinished, { task_type: 'nightly', status: 'succeeded' })
  const { text } = promql`${sumWithout(['namespace', 'status', 'instance'], increase(runs, '26h'))} < 1`
  const rule = {
    alert: 'NightlyRunMissing',
    expr: text,
    for: '10m',
    labels: { severity: 'warning' },
    annotations: { summary: 'The nightly run has not succeeded for over 26 hours.' },
  }
  const lines = stringify({ groups: [{ name: 'expected-runs', rules: [rule] }] }, { lineWidth: 0 }).trimEnd()
  const advice =
    'A run that never came cannot be known from the series. Copy what follows into a rule file of your own, and put in ' +
    'the type of the task and how often it is due. It needs a series to look at: it says nothing before the first run.'
  return `\n# ${advice}\n${commented(lines)}\n`
}

function commented(text: string): string {
  return text.replace(/^/gm, '# ')
}
