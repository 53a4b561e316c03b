import type { FieldConfig, Panel as GrafanaPanel } from '@grafana/grafana-foundation-sdk/dashboard'
import { ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder as LokiQueryBuilder } from '@grafana/grafana-foundation-sdk/loki'
import {
  DataqueryBuilder as PrometheusQueryBuilder,
  PromQueryFormat,
  QueryEditorMode,
} from '@grafana/grafana-foundation-sdk/prometheus'
import type { DashboardKey } from '../../catalogue/dashboards.ts'
import { type Override, stateOverrides } from './colours.ts'
import type { Place } from './layout.ts'
import { type DataLink, dataLink, type LinkPlace } from './links.ts'
import type { Destination, Panel, Target, Thresholds } from './model.ts'
import { refId, type TablePanel } from './panels/table.ts'
import { logLevels } from './query/logql.ts'
import { unitOf } from './units.ts'
import { lokiSource, prometheusSource } from './variables.ts'

/** What a panel has from the page it stands on. */
export type PanelPlace = {
  readonly id: number
  readonly at: Place
  readonly page: DashboardKey
  readonly variables: readonly string[]
}

/** Most lines that a panel of log lines asks for. */
const linesMax = 1000

/** A panel in Grafana's form: its look, and what the catalogue and the page say of it. */
export function grafanaPanel(panel: Panel, place: PanelPlace): GrafanaPanel {
  const look = panel.look.build()
  const { type, options, fieldConfig, transformations } = look
  const source = sourceOf(panel.targets)
  return {
    type,
    id: place.id,
    title: panel.title,
    description: panel.description,
    gridPos: place.at,
    ...(panel.isTransparent === true && { transparent: true }),
    ...(source !== undefined && { datasource: source }),
    ...(panel.interval !== undefined && { interval: panel.interval }),
    ...(panel.targets.length > 0 && { targets: panel.targets.map(grafanaTarget) }),
    ...(transformations !== undefined && { transformations }),
    options,
    fieldConfig: {
      defaults: { ...fieldConfig?.defaults, ...fieldDefaults(panel, place) },
      overrides: [...overridesOf(panel, place)],
    },
  }
}

/** The columns of a table have units of their own: what is left is a plain number. */
function defaultUnit(panel: Panel, { expression }: Target) {
  const unit = unitOf(expression)
  return isTable(panel) && unit === 'none' ? 'short' : unit
}

function sourceOf(targets: readonly Target[]) {
  if (targets.length === 0) return undefined
  return targets.every(({ expression }) => expression.language === 'logql') ? lokiSource : prometheusSource
}

function grafanaTarget({ expression, legend, isInstant = false, format }: Target, index: number) {
  if (expression.language === 'logql') {
    return new LokiQueryBuilder()
      .datasource(lokiSource)
      .expr(expression.text)
      .refId(refId(index))
      .queryType(isInstant ? 'instant' : 'range')
      .maxLines(linesMax)
      .legendFormat(legend ?? '')
      .build()
  }
  const query = new PrometheusQueryBuilder()
    .datasource(prometheusSource)
    .editorMode(QueryEditorMode.Code)
    .expr(expression.text)
    .refId(refId(index))
    .legendFormat(legend ?? '__auto')
  if (format !== undefined) query.format(format === 'table' ? PromQueryFormat.Table : PromQueryFormat.Heatmap)
  return (isInstant ? query.instant() : query.range()).build()
}

function fieldDefaults(panel: Panel, place: PanelPlace): FieldConfig {
  const first = panel.targets[0]
  const unit = panel.unit ?? (first === undefined ? undefined : defaultUnit(panel, first))
  const { thresholds, min, max, decimals, noValue, mappings } = panel
  const links = isTable(panel) && panel.columns.some((column) => column.links !== undefined) ? [] : panelLinks(panel, place)
  return {
    ...(unit !== undefined && { unit }),
    ...(thresholds !== undefined && { thresholds: grafanaThresholds(thresholds) }),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(decimals !== undefined && { decimals }),
    ...(noValue !== undefined && { noValue }),
    ...(mappings !== undefined && { mappings: [...mappings] }),
    ...colourMode(panel),
    // Links of values have no place in a list of pages: Grafana reads title, url and targetBlank alone.
    ...(links.length > 0 && { links: links as FieldConfig['links'] }),
  } as FieldConfig
}

/** Numbers take their colour from the thresholds where there are any; lines tell series apart. */
function colourMode({ thresholds, look }: Panel) {
  const isNumber = ['stat', 'bargauge', 'table'].includes(look.build().type)
  if (!isNumber) return {}
  return { color: thresholds === undefined ? { mode: 'fixed', fixedColor: 'blue' } : { mode: 'thresholds' } }
}

function grafanaThresholds(thresholds: Thresholds) {
  return { mode: ThresholdsMode.Absolute, steps: thresholds.map(({ from, colour }) => ({ value: from, color: colour })) }
}

function panelLinks(panel: Panel, place: PanelPlace): DataLink[] {
  if (panel.targets.length === 0) return []
  const where = linkPlace(panel, place)
  const wanted: Destination[] = [...(panel.links ?? []), 'logs']
  if (where.labels.includes('job_id')) wanted.unshift('task')
  const leading = [...new Set(wanted)].filter((destination) => destination !== place.page)
  return leading.map((destination) => dataLink(destination, where))
}

/** A link may rest on a label only if the answers of all queries have it. */
function linkPlace(panel: Panel, { variables }: PanelPlace): LinkPlace {
  const [first, ...others] = panel.targets
  const shared = (first?.expression.labels ?? []).filter((label) =>
    others.every(({ expression }) => (expression.labels as readonly string[]).includes(label)),
  )
  return { variables, labels: shared, values: isTable(panel) ? 'fields' : 'labels' }
}

function overridesOf(panel: Panel, place: PanelPlace): Override[] {
  if (isTable(panel)) return tableOverrides(panel, place)
  const capacity = panel.targets.flatMap(({ isCapacity }, index) => (isCapacity === true ? [capacityOverride(index)] : []))
  return [...stateOverrides([...statesOf(panel.targets)]), ...capacity, ...(panel.overrides ?? [])]
}

/** The column overrides stand last, in the order of the columns; those that lead somewhere get their links. */
function tableOverrides(panel: TablePanel, place: PanelPlace): Override[] {
  const overrides = panel.overrides ?? []
  const first = overrides.length - panel.columns.length
  return overrides.map((override, index) => {
    const links = panel.columns[index - first]?.links
    if (links === undefined) return override
    const value = links.map((destination) => dataLink(destination, columnPlace(panel, place)))
    return { ...override, properties: [...override.properties, { id: 'links', value }] }
  })
}

/** A row has a column's value only if the table shows that column. */
function columnPlace(panel: TablePanel, place: PanelPlace): LinkPlace {
  const shown = panel.columns.flatMap(({ of }) => ('label' in of ? [of.label] : []))
  const where = linkPlace(panel, place)
  return { ...where, labels: where.labels.filter((label) => shown.includes(label)) }
}

function capacityOverride(index: number): Override {
  const properties = [
    { id: 'color', value: { mode: 'fixed', fixedColor: 'red' } },
    { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } },
    { id: 'custom.drawStyle', value: 'line' },
    { id: 'custom.lineWidth', value: 2 },
    { id: 'custom.fillOpacity', value: 0 },
    { id: 'custom.stacking', value: { mode: 'none', group: 'capacity' } },
  ]
  return { matcher: { id: 'byFrameRefID', options: refId(index) }, properties }
}

/** Words of state in the names of a panel's series. */
function statesOf(targets: readonly Target[]): Set<string> {
  const words = targets.flatMap(({ expression, legend = '' }) =>
    ['status', 'state', 'outcome', 'level']
      .filter((label) => legend.endsWith(`{{${label}}}`))
      .flatMap((label) => expression.metric?.values?.[label] ?? (label === 'level' ? logLevels : [])),
  )
  return new Set(words)
}

function isTable(panel: Panel): panel is TablePanel {
  return 'columns' in panel
}
