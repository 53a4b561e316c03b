import { stringify } from 'yaml'
import { type DashboardEntry, dashboards } from '../../../catalogue/dashboards.ts'
import type { Rule } from './rule-names.ts'

/** A rule that some panels are let off, and why. The file `.lint` beside the dashboards says the same to the linter of Grafana. */
export type Exception = {
  readonly rule: Rule
  /** Uid of the dashboard; without it all. */
  readonly dashboard?: string
  /** Titles of the panels; without them the whole dashboard. */
  readonly panels?: readonly string[]
  readonly reason: string
}

export const exceptions: readonly Exception[] = [
  {
    rule: 'target-instance',
    reason: 'Shared series move from replica to replica and have no instance; own series are added up over replicas.',
  },
  {
    rule: 'template-instance',
    reason: 'Only the page of the aggregator itself is about replicas, and that page has the variable.',
  },
  {
    rule: 'target-rate-interval',
    dashboard: 'enginescope-fleet',
    panels: ['Top 10 slowest types'],
    reason: 'One mean over the whole time range.',
  },
  {
    rule: 'target-job',
    dashboard: 'enginescope-sedna',
    reason: 'Series of the cluster are scraped by jobs of their own.',
  },
  {
    rule: 'target-job',
    dashboard: 'enginescope-incremental-learning',
    panels: ['Gain of the new model'],
    reason: 'What a deployment asks for is a series of the cluster, scraped by a job of its own.',
  },
  {
    rule: 'target-counter-agg',
    dashboard: 'enginescope-joint-inference',
    panels: ['Edge inferences', 'Cloud inferences', 'Hard samples', 'Samples'],
    reason: 'Totals of a service since it began.',
  },
  {
    rule: 'panel-units',
    panels: [
      'Liveness',
      'Up',
      'Status',
      'Durable',
      'Condition',
      'Stage',
      'State of the stage',
      'Deployment',
      'Training of the jobs',
      'Training on the nodes',
    ],
    reason: 'States have words, not units.',
  },
]

/** The exceptions as the linter of Grafana reads them: by the titles of dashboards and panels. */
export function exceptionsText(): string {
  const exclusions = Object.fromEntries(
    exceptions.map(({ rule, dashboard, panels, reason }) => {
      const title = entries.find(({ uid }) => uid === dashboard)?.title
      const of = panels?.map((panel) => ({ ...(title !== undefined && { dashboard: title }), panel }))
      return [`${rule}-rule`, { reason, ...(of !== undefined && { entries: of }) }]
    }),
  )
  return `# Generated from src/generate/dashboards/lint/exceptions.ts. Do not edit.\n${stringify({ exclusions })}`
}

const entries: readonly DashboardEntry[] = Object.values(dashboards)
