import { type Alert, anchorOf, dashboardPath, type Slots, type ValueForm } from '../../catalogue/alerts/alert.ts'
import type { RuleOptions } from '../../catalogue/alerts/options.ts'

/** What a notification carries besides labels. */
export type Annotations = {
  readonly summary: string
  readonly description: string
  readonly runbook_url: string
  readonly dashboard_url: string
}

/** increase() extrapolates: 2 lost tasks may read as 2.22, so that counts are rounded. */
const valueTemplates: Readonly<Record<ValueForm, string>> = {
  count: '{{ $value | printf "%.0f" }}',
  share: '{{ $value | humanizePercentage }}',
  duration: '{{ $value | humanizeDuration }}',
}

/** Slots as Prometheus' templates, filled in when the alert fires. */
const templateSlots: Slots<string> = {
  label: (name) => `{{ $labels.${name} }}`,
  value: (form) => valueTemplates[form],
}

/** The annotations of an alert as they stand in the rule file. */
export function annotationTemplates(alert: Alert, options: RuleOptions): Annotations {
  // Templates see the labels of the series, not those that the alert adds.
  const value = (label: string) => {
    const added = alert.labels[label]
    return added === undefined ? `{{ $labels.${label} | urlquery }}` : inQuery(added)
  }
  return annotations(alert, options, alert.description(templateSlots), value)
}

/** The annotations of a firing alert. @param description as its users should read it @param labels of the series that fires */
export function annotationsFired(
  alert: Alert,
  options: RuleOptions,
  description: string,
  labels: Readonly<Record<string, string>>,
): Annotations {
  return annotations(alert, options, description, (label) => inQuery(labels[label] ?? ''))
}

/** As Go's `urlquery` writes it: a blank becomes a plus sign. */
function inQuery(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+')
}

function annotations(
  alert: Alert,
  { grafanaUrl, runbookUrl }: RuleOptions,
  description: string,
  value: (label: string) => string,
): Annotations {
  return {
    summary: alert.summary,
    description,
    runbook_url: `${runbookUrl}#${anchorOf(alert)}`,
    dashboard_url: `${grafanaUrl}${dashboardPath(alert, value)}`,
  }
}
