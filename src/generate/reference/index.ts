import type { RuleGroup } from '../../catalogue/alerts/groups.ts'
import type { Thresholds } from '../../catalogue/alerts/options.ts'
import type { Contribution } from '../artefact.ts'
import { alertsPage } from './alerts-page.ts'
import { type ErrorTable, errorsPage } from './errors-page.ts'
import { metricsPage } from './metrics-page.ts'
import { type SettingRow, settingsPage } from './settings-page.ts'

export type { ErrorTable } from './errors-page.ts'
export type { SettingRow } from './settings-page.ts'

const folder = 'docs/reference'

/** What the reference pages are made from. */
export type ReferenceSources = {
  readonly groups: readonly RuleGroup[]
  readonly thresholds: Thresholds
  readonly settings: readonly SettingRow[]
  readonly errors: ErrorTable
}

/** The reference pages. */
export function referenceContribution({ groups, thresholds, settings, errors }: ReferenceSources): Contribution {
  const pages = {
    metrics: metricsPage(),
    alerts: alertsPage(groups, thresholds),
    settings: settingsPage(settings),
    errors: errorsPage(errors),
  }
  return {
    folders: [folder],
    artefacts: Object.entries(pages).map(([name, text]) => ({ path: `${folder}/${name}.md`, text })),
  }
}
