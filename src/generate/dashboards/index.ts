/** Writes the Grafana dashboards: every page is typed data over the catalogue, rendered into the classic JSON model. */
import { dashboards } from '../../catalogue/dashboards.ts'
import { taskTypes } from '../../catalogue/task-types.ts'
import type { Artefact, Contribution } from '../artefact.ts'
import { exceptionsText } from './lint/exceptions.ts'
import type { DashboardOptions } from './model.ts'
import { pagesOf } from './pages.ts'
import { type PanelQuery, queriesOf } from './panel-queries.ts'
import { dashboardText } from './render.ts'

export type { DashboardOptions } from './model.ts'
export { filledIn, type PanelQuery } from './panel-queries.ts'

/** The folder becomes the folder in Grafana, both when provisioned and when imported. */
const dashboardFolder = 'dashboards/Enginescope'

const defaults: DashboardOptions = { consoleUrl: 'http://127.0.0.1:7717', taskTypes: taskTypes() }

/** One file for each dashboard, named by its uid. */
export function dashboardArtefacts(options: Partial<DashboardOptions> = {}): readonly Artefact[] {
  const all = { ...defaults, ...options }
  return pagesOf(all.taskTypes).map((page) => ({
    path: `${dashboardFolder}/${dashboards[page.key].uid}.json`,
    text: dashboardText(page, all),
  }))
}

/** The dashboards as `enginescope generate` wants them. */
export function dashboardContribution(options: Partial<DashboardOptions> = {}): Contribution {
  return { artefacts: [...dashboardArtefacts(options), exceptionsArtefact()], folders: [dashboardFolder] }
}

/** The same exceptions for the linter of Grafana, which looks for this file beside the dashboards. */
function exceptionsArtefact(): Artefact {
  return { path: `${dashboardFolder}/.lint`, text: exceptionsText() }
}

/** Every query of every dashboard in plain form, to be asked of real data sources. See {@link filledIn}. */
export function panelQueries(options: Partial<DashboardOptions> = {}): readonly PanelQuery[] {
  const all = { ...defaults, ...options }
  return pagesOf(all.taskTypes).flatMap((page) => queriesOf(page, all))
}
