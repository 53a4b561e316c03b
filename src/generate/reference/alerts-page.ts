import { type Alert, anchorOf } from '../../catalogue/alerts/alert.ts'
import type { RuleGroup } from '../../catalogue/alerts/groups.ts'
import type { Thresholds } from '../../catalogue/alerts/options.ts'
import { dashboards } from '../../catalogue/dashboards.ts'
import type { RecordingRule } from '../../catalogue/rules.ts'
import { code, page, table } from './markdown.ts'

/** Every alert: how grave, when it fires, and where to go on from it. */
export function alertsPage(groups: readonly RuleGroup[], thresholds: Thresholds): string {
  const alerts = groups.flatMap((group) => group.alerts)
  const records = groups.flatMap((group) => group.records)
  return page(
    'src/catalogue',
    '# Alerts',
    'What fires, and when. `critical` pages somebody, `warning` opens a ticket, `info` is only shown. What to do stands in the [runbook](../runbook.md).',
    table(['Alert', 'Severity', 'For', 'Summary', 'Dashboard'], alerts.map(row)),
    '## Thresholds',
    'Settings of the generator, in `src/catalogue/alerts/options.ts`. The addresses in links and the name of the scrape job are flags of `enginescope generate`.',
    table(
      ['Threshold', 'Value'],
      Object.entries(thresholds).map(([name, value]) => [code(name), String(value)]),
    ),
    '## Expressions',
    ...alerts.flatMap((alert) => [`### ${alert.name}`, promqlBlock(alert.expr.text)]),
    '## Recording rules',
    'Evaluated before the alerts, in the same group.',
    ...records.flatMap(recordText),
  )
}

function row(alert: Alert): readonly string[] {
  const { name, severity, summary, dashboard } = alert
  return [`[${name}](../runbook.md#${anchorOf(alert)})`, severity, alert.for, summary, dashboards[dashboard].title]
}

function recordText({ record, expr, help }: RecordingRule): readonly string[] {
  return [`### ${code(record)}`, help, promqlBlock(expr.text)]
}

function promqlBlock(text: string): string {
  return `\`\`\`promql\n${text}\n\`\`\``
}
