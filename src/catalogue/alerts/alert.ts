/** Alerts as data: when each fires, what it says, and which dashboard shows more. */
import { type DashboardKey, dashboards } from '../dashboards.ts'
import type { Query, Span } from '../promql.ts'

/** `critical` pages somebody, `warning` opens a ticket, `info` is only shown. */
export const severities = ['critical', 'warning', 'info'] as const
export type Severity = (typeof severities)[number]

/** How the value of an expression is read: a whole number, a share in percent, or seconds as a length of time. */
export type ValueForm = 'count' | 'share' | 'duration'

/** What a description may fill in: labels that the expression keeps, and its value. */
export type Slots<L extends string> = {
  readonly label: (name: L) => string
  readonly value: (form: ValueForm) => string
}

type VariableOf<K extends DashboardKey> = (typeof dashboards)[K]['variables'][number]

/** How an alert is written down. A label that does not survive `expr`, or is no variable of the dashboard, does not compile. */
type AlertSpec<L extends string, K extends DashboardKey> = {
  readonly name: `${'Enginescope' | 'Sedna'}${string}`
  readonly severity: Severity
  /** How long the expression must hold without a break. */
  readonly for: Span
  readonly expr: Query<L>
  /** What every series of the alert carries besides its own labels and the severity. */
  readonly labels?: Readonly<Record<string, string>>
  /** One sentence that is true of every series. */
  readonly summary: string
  /** One or two sentences about this series. */
  readonly description: (slots: Slots<L>) => string
  readonly dashboard: K
  /** Labels that the link hands to the dashboard, besides `job`. */
  readonly variables: readonly (NoInfer<L> & VariableOf<K>)[]
}

/** An alert, ready to be written in any form. */
export type Alert = {
  readonly name: string
  readonly severity: Severity
  readonly for: Span
  readonly expr: Query
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  readonly description: (slots: Slots<string>) => string
  readonly dashboard: DashboardKey
  readonly variables: readonly string[]
}

/** Checks an alert as it is written down and forgets which labels it has. */
export function alert<const L extends string, const K extends DashboardKey>(spec: AlertSpec<L, K>): Alert {
  const description = spec.description as (slots: Slots<string>) => string
  return { ...spec, labels: { severity: spec.severity, ...spec.labels }, description }
}

/** Anchor of an alert in the runbook. */
export function anchorOf({ name }: Pick<Alert, 'name'>): string {
  return name.toLowerCase()
}

/** Path and query of the dashboard that shows more. @param value of a label, fit for a URL */
export function dashboardPath({ dashboard, variables }: Alert, value: (label: string) => string): string {
  const filled = ['job', ...variables].map((name) => `var-${name}=${value(name)}`)
  return `/d/${dashboards[dashboard].uid}?${filled.join('&')}&from=now-1h&to=now`
}
