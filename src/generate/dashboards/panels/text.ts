import { LogsDedupStrategy, LogsSortOrder } from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder as AnyPanelBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as LogsBuilder } from '@grafana/grafana-foundation-sdk/logs'
import { PanelBuilder as TextBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text'
import type { Panel, PanelSpec } from '../model.ts'

/** A note in Markdown. */
export function note(content: string, size: Pick<PanelSpec, 'title' | 'description' | 'width' | 'height'>): Panel {
  const look = new TextBuilder().mode(TextMode.Markdown).content(content)
  return { ...size, targets: [], isTransparent: true, look }
}

/** Log lines, the newest first. */
export function logLines(spec: PanelSpec): Panel {
  const look = new LogsBuilder()
    .showTime(true)
    .showLabels(false)
    .showCommonLabels(false)
    .wrapLogMessage(true)
    .prettifyLogMessage(false)
    .enableLogDetails(true)
    .dedupStrategy(LogsDedupStrategy.None)
    .sortOrder(LogsSortOrder.Descending)
  return { ...spec, look }
}

/** Alerts that fire now, from every source that Grafana knows. */
export function firingAlerts(spec: Omit<PanelSpec, 'targets'>, namePattern: string): Panel {
  const panel = new AnyPanelBuilder().build()
  panel.type = 'alertlist'
  panel.options = {
    viewMode: 'list',
    groupMode: 'default',
    groupBy: [],
    maxItems: 20,
    sortOrder: 3,
    dashboardAlerts: false,
    alertName: '',
    alertInstanceLabelFilter: `{alertname=~"${namePattern}"}`,
    stateFilter: { firing: true, pending: false, noData: false, normal: false, error: true },
    showInstances: true,
  }
  return { ...spec, targets: [], look: { build: () => panel } }
}
