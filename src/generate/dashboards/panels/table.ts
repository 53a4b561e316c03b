import { BarGaugeDisplayMode, TableCellDisplayMode, TableCellHeight } from '@grafana/grafana-foundation-sdk/common'
import type { ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/table'
import { type Override, stateMappings } from '../colours.ts'
import type { Destination, Panel, PanelSpec, Target, Thresholds } from '../model.ts'
import { type GrafanaUnit, unitOf } from '../units.ts'

/** How a column of a table looks. */
export type Column = {
  /** A label, or the letter of the query whose value it is. */
  readonly of: { readonly label: string } | { readonly query: number }
  readonly title: string
  readonly widthPixels?: number
  readonly unit?: GrafanaUnit
  readonly thresholds?: Thresholds
  /** A bar from 0 to 1. */
  readonly isShare?: boolean
  /** Words that have colours. */
  readonly states?: readonly string[]
  readonly mappings?: readonly ValueMapping[]
  readonly links?: readonly Destination[]
}

/** A table's columns are known to the renderer, which makes the links of each. */
export type TablePanel = Panel & { readonly columns: readonly Column[] }

/** Rows joined by their labels out of the answers of all queries, one column for each label or value that is named. */
export function table(spec: Omit<PanelSpec, 'targets'>, queries: readonly Target[], columns: readonly Column[]): TablePanel {
  const targets = queries.map((target) => ({ ...target, isInstant: true, format: 'table' as const }))
  const named = columns.flatMap((column, index) =>
    fieldNames(column, targets).map((name) => ({ name, index, title: column.title })),
  )
  const hidden = hiddenFields(
    targets,
    named.map(({ name }) => name),
  )
  const look = new PanelBuilder()
    .showHeader(true)
    .cellHeight(TableCellHeight.Sm)
    .filterable(true)
    .transformations([
      ...(targets.length > 1 ? [{ id: 'merge', options: {} }] : []),
      {
        id: 'organize',
        options: {
          excludeByName: Object.fromEntries(hidden.map((name) => [name, true])),
          indexByName: Object.fromEntries(named.map(({ name, index }) => [name, index])),
          renameByName: Object.fromEntries(named.map(({ name, title }) => [name, title])),
        },
      },
    ])
  const overrides = [...(spec.overrides ?? []), ...columns.map((column) => columnOverride(column, targets))]
  return { ...spec, targets, overrides, columns, look }
}

/**
 * What Grafana calls a column: the label, or `Value` and the letter of the query. Of a single query Prometheus leaves the
 * letter out and Loki does not.
 */
function fieldNames({ of }: Column, targets: readonly Target[]): string[] {
  if ('label' in of) return [of.label]
  const lettered = `Value #${refId(of.query)}`
  return targets.length > 1 ? [lettered] : ['Value', lettered]
}

/** The letter of a query. */
export function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index)
}

function hiddenFields(targets: readonly Target[], shown: readonly string[]): string[] {
  const values = targets.length > 1 ? targets.map((_, index) => `Value #${refId(index)}`) : ['Value']
  const labels = targets.flatMap(({ expression }) => expression.labels)
  return [...new Set(['Time', ...labels, ...values])].filter((name) => !shown.includes(name))
}

function columnOverride(column: Column, targets: readonly Target[]): Override {
  const { title, widthPixels, thresholds, isShare, states, mappings } = column
  const properties: Override['properties'] = []
  const unit = column.unit ?? columnUnit(column, targets)
  if (unit !== undefined) properties.push({ id: 'unit', value: unit })
  if (widthPixels !== undefined) properties.push({ id: 'custom.width', value: widthPixels })
  if (isShare === true) {
    const cell = { type: TableCellDisplayMode.Gauge, mode: BarGaugeDisplayMode.Basic, valueDisplayMode: 'text' }
    properties.push({ id: 'min', value: 0 }, { id: 'max', value: 1 }, { id: 'custom.cellOptions', value: cell })
    properties.push({ id: 'color', value: { mode: 'fixed', fixedColor: 'blue' } })
  }
  if (states !== undefined) {
    properties.push({ id: 'mappings', value: stateMappings(states) })
    properties.push({ id: 'custom.cellOptions', value: { type: TableCellDisplayMode.ColorBackground, mode: 'basic' } })
  }
  if (mappings !== undefined) properties.push({ id: 'mappings', value: mappings })
  if (thresholds !== undefined) {
    const steps = thresholds.map(({ from, colour }) => ({ value: from, color: colour }))
    properties.push({ id: 'thresholds', value: { mode: 'absolute', steps } }, { id: 'color', value: { mode: 'thresholds' } })
    properties.push({ id: 'custom.cellOptions', value: { type: TableCellDisplayMode.ColorText } })
  }
  return { matcher: { id: 'byName', options: title }, properties }
}

function columnUnit({ of }: Column, targets: readonly Target[]): GrafanaUnit | undefined {
  const target = 'query' in of ? targets[of.query] : undefined
  return target === undefined ? undefined : unitOf(target.expression)
}
