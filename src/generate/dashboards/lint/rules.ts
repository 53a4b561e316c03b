/**
 * The rules of Grafana's dashboard linter that the project keeps, over the finished JSON, so that the tests need no Grafana
 * and no Go program. A finding that is not excepted fails the tests.
 */
import type { Dashboard, Panel, RowPanel, VariableModel } from '@grafana/grafana-foundation-sdk/dashboard'
import { filledIn } from '../panel-queries.ts'
import { placeholder } from '../placeholder.ts'
import type { Rule } from './rule-names.ts'
import { logqlFaults, promqlFaults, selectorsOf } from './syntax.ts'

export type Finding = { readonly rule: Rule; readonly dashboard: string; readonly panel?: string; readonly message: string }

/** A query of a panel as it stands in the JSON. */
type Target = { readonly expr: string; readonly datasource: { readonly type: string; readonly uid: string } }

/** Panels that show text or what Grafana itself knows: they ask no data source. */
const withoutQueries: ReadonlySet<string> = new Set(['text', 'row', 'alertlist'])

/** Everything that the rules object to. */
export function lint(dashboard: Dashboard): Finding[] {
  const uid = dashboard.uid ?? ''
  const ofPage = pageFindings(dashboard).map(([rule, message]): Finding => ({ rule, dashboard: uid, message }))
  const ofPanels = panelsOf(dashboard).flatMap((panel) =>
    panelFindings(panel).map(([rule, message]): Finding => ({ rule, dashboard: uid, panel: panel.title ?? '', message })),
  )
  return [...ofPage, ...ofPanels]
}

/** Panels of a dashboard, without the headings of rows. */
export function panelsOf({ panels = [] }: Dashboard): Panel[] {
  return panels.filter((panel): panel is Panel => !isRow(panel))
}

export function targetsOf(panel: Panel): Target[] {
  return (panel.targets ?? []) as unknown as Target[]
}

/** A query with every variable filled in. */
export function withValues(expression: string): string {
  const values = { job_id: 'j1', search: 'a.b' }
  const patterns = 'job namespace engine_type task_type engine instance level task runtime node'
    .split(' ')
    .map((name) => [name, '.+'])
  const query = { expression, variables: { ...Object.fromEntries(patterns), ...values } }
  return filledIn(query)
}

type Found = readonly [Rule, string]

function isRow(panel: Panel | RowPanel): panel is RowPanel {
  return panel.type === 'row'
}

function pageFindings(dashboard: Dashboard): Found[] {
  const variables = dashboard.templating.list ?? []
  const byName = new Map(variables.map((variable) => [variable.name, variable]))
  const found: Found[] = []
  if (dashboard.editable !== false) found.push(['uneditable-dashboard', 'can be edited'])
  const source = byName.get('prometheus_datasource')
  if (source?.type !== 'datasource' || source.query !== 'prometheus' || source.label !== 'Prometheus data source')
    found.push(['template-datasource', 'has no variable for the Prometheus data source'])
  for (const name of ['job', 'instance'] as const)
    if (!isChoice(byName.get(name))) found.push([`template-${name}`, `has no multi variable ${name} with All as .+`])
  return [...found, ...variables.filter(({ type }) => type === 'query').flatMap(queryVariableFindings)]
}

function queryVariableFindings({ name, refresh, query }: VariableModel): Found[] {
  const found: Found[] = []
  if (refresh !== 2) found.push(['template-on-time-change-reload', `${name} is not read anew`])
  const inner = /^label_values\((.+), (\w+)\)$/.exec(String(query))
  if (inner === null || promqlFaults(withValues(inner[1] ?? '')).length > 0)
    found.push(['template-label-promql', `${name}: ${String(query)}`])
  return found
}

function isChoice(variable: VariableModel | undefined): boolean {
  return (
    variable !== undefined &&
    variable.multi === true &&
    variable.allValue === '.+' &&
    variable.datasource?.uid === placeholder('prometheus_datasource')
  )
}

function panelFindings(panel: Panel): Found[] {
  const found: Found[] = []
  const { title = '', description = '', type } = panel
  if (description === '' || (title === '' && type !== 'text'))
    found.push(['panel-title-description', 'has no title or description'])
  if (withoutQueries.has(type)) return found
  if (!/^\$\{\w+_datasource\}$/.test(panel.datasource?.uid ?? ''))
    found.push(['panel-datasource', 'has a data source of its own'])
  if ((panel.targets ?? []).length === 0) found.push(['panel-no-targets', 'asks nothing'])
  if (type !== 'logs' && [undefined, '', 'none'].includes(panel.fieldConfig?.defaults.unit))
    found.push(['panel-units', 'has no unit'])
  return [...found, ...targetsOf(panel).flatMap(targetFindings)]
}

function targetFindings({ expr, datasource }: Target): Found[] {
  if (datasource.type === 'loki') return logqlFindings(expr)
  const filled = withValues(expr)
  const faults = promqlFaults(filled)
  if (faults.length > 0) return [['target-promql', `${expr}: ${faults.join('; ')}`]]
  const plain = selectorsOf(withValues(expr.replaceAll('$__rate_interval', '4m')))
  return plain.flatMap((selector): Found[] => {
    const found: Found[] = []
    const [call] = selector.around
    if (!selector.labels.includes('job')) found.push(['target-job', `${selector.name} of any job`])
    if (!selector.labels.includes('instance')) found.push(['target-instance', `${selector.name} of any instance`])
    if ((call?.name === 'rate' || call?.name === 'irate') && selector.window !== '4m')
      found.push(['target-rate-interval', `${selector.name} over ${selector.window}`])
    if (selector.name.endsWith('_total') && !['rate', 'irate', 'increase'].includes(call?.name ?? ''))
      found.push(['target-counter-agg', `${selector.name} without rate or increase`])
    return found
  })
}

function logqlFindings(expr: string): Found[] {
  const faults = logqlFaults(withValues(expr))
  if (faults.length > 0) return [['target-logql', `${expr}: ${faults.join('; ')}`]]
  // A table asks once, for the whole range; everything over time leaves the interval to Grafana.
  const windows = [...expr.matchAll(/\[([^\]]+)\]/g)].map(([, window]) => window)
  return windows
    .filter((window) => window !== '$__auto' && window !== '$__range')
    .map((window): Found => ['target-logql-auto', String(window)])
}
