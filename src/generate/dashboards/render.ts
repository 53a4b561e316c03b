import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  type DashboardLink,
  DashboardLinkBuilder,
  DashboardLinkType,
  type Panel as GrafanaPanel,
  RowBuilder,
  type RowPanel,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboards } from '../../catalogue/dashboards.ts'
import { annotationsOf, grafanaAnnotation } from './annotations.ts'
import { gridColumns, pack } from './layout.ts'
import type { DashboardOptions, Page, Row } from './model.ts'
import { note } from './panels/text.ts'
import { consoleUrl } from './placeholder.ts'
import { grafanaPanel } from './render-panel.ts'
import { variablesOf } from './variables.ts'

/** The oldest form of the model that all of ours is written in: Grafana 10.2 opens it as it is, later ones bring it up to date. */
const schemaVersion = 39

const refreshIntervals = ['10s', '30s', '1m', '5m', '15m', '1h']

/** A page in the classic JSON model of Grafana 10 to 13. */
function renderPage(page: Page, options: DashboardOptions): Dashboard {
  const { uid, title, variables } = dashboards[page.key]
  const made = new DashboardBuilder(title)
    .uid(uid)
    .description(page.description)
    .tags(['enginescope'])
    .readonly()
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: `now-${page.from}`, to: 'now' })
    .refresh(page.refresh)
    .build()
  return {
    ...made,
    schemaVersion,
    timepicker: { refresh_intervals: refreshIntervals },
    templating: { list: variablesOf(page.key, page.needsLoki, options) },
    annotations: { list: annotationsOf(variables, page.needsLoki, page.key === 'incremental').map(grafanaAnnotation) },
    links: pageLinks(),
    panels: place(page, variables),
  }
}

/** Text of the file: stable, and with a newline at its end. */
export function dashboardText(page: Page, options: DashboardOptions): string {
  return `${JSON.stringify(renderPage(page, options), null, 2)}\n`
}

/** What stands above the rows: for whom the page is. */
function opening({ audience }: Page): Row {
  const size = { title: '', description: 'For whom this page is and how to read it.', width: gridColumns, height: 3 }
  return { title: '', panels: [note(audience, size)] }
}

function place(page: Page, variables: readonly string[]): (GrafanaPanel | RowPanel)[] {
  const panels: (GrafanaPanel | RowPanel)[] = []
  let top = 0
  for (const row of [opening(page), ...page.rows]) {
    if (row.title !== '') {
      panels.push(heading(row, panels.length + 1, top))
      top += 1
    }
    const { places, bottom } = pack(row.panels, top)
    row.panels.forEach((panel, index) => {
      const at = places[index]
      if (at !== undefined) panels.push(grafanaPanel(panel, { id: panels.length + 1, at, page: page.key, variables }))
    })
    top = bottom
  }
  return panels
}

function heading({ title, repeatBy }: Row, id: number, y: number): RowPanel {
  const row = new RowBuilder(title).id(id).gridPos({ x: 0, y, w: gridColumns, h: 1 }).build()
  return repeatBy === undefined ? row : { ...row, repeat: repeatBy }
}

function pageLinks(): DashboardLink[] {
  const others = new DashboardLinkBuilder('Enginescope')
    .type(DashboardLinkType.Dashboards)
    .tags(['enginescope'])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true)
    .icon('external link')
    .tooltip('The other pages, with what is chosen here')
  const console = new DashboardLinkBuilder('Console')
    .type(DashboardLinkType.Link)
    .url(`${consoleUrl}/`)
    .targetBlank(true)
    .icon('external link')
    .tooltip('Jobs, engines and log lines without Grafana')
  return [others, console].map((link) => {
    const { placement: _placement, ...made } = link.build()
    return made
  })
}
