import { dashboards } from '../../catalogue/dashboards.ts'
import { annotationsOf } from './annotations.ts'
import type { DashboardOptions, Page } from './model.ts'
import type { Expression } from './query/expression.ts'
import { variablesOf } from './variables.ts'

/** One query of a dashboard in plain form. */
export type PanelQuery = {
  readonly dashboard: string
  /** Title of the panel or annotation, or name of the variable. */
  readonly title: string
  readonly from: 'panel' | 'annotation' | 'variable'
  readonly language: 'promql' | 'logql'
  /** As Grafana has it, with `$name` for what it fills in. */
  readonly expression: string
  /** Whether it is asked once, for the end of the time range. */
  readonly isInstant: boolean
  /** Every variable of the dashboard with the value it has at first; `All` is a pattern for anything. */
  readonly variables: Readonly<Record<string, string>>
}

/** What Grafana fills in by itself, for a range of an hour at a scrape every few seconds. */
const windows: Readonly<Record<string, string>> = {
  __rate_interval: '1m',
  __interval: '1m',
  __range: '1h',
  __auto: '1m',
}

/** Every query of a page: panels, then annotations, then variables. */
export function queriesOf(page: Page, options: DashboardOptions): PanelQuery[] {
  const { uid, variables } = dashboards[page.key]
  const models = variablesOf(page.key, page.needsLoki, options)
  const defaults = Object.fromEntries(models.map(({ name, current, allValue }) => [name, defaultOf(current?.value, allValue)]))
  const common = { dashboard: uid, variables: defaults }
  const plain = ({ text, language }: Expression) => ({ expression: text, language })
  return [
    ...page.rows.flatMap(({ panels }) =>
      panels.flatMap(({ title, targets }) =>
        targets.map(
          ({ expression, isInstant = false }): PanelQuery => ({
            ...common,
            ...plain(expression),
            title,
            from: 'panel',
            isInstant,
          }),
        ),
      ),
    ),
    ...annotationsOf(variables, page.needsLoki, page.key === 'incremental').map(
      ({ name, expression }): PanelQuery => ({
        ...common,
        ...plain(expression),
        title: name,
        from: 'annotation',
        isInstant: false,
      }),
    ),
    ...models.flatMap(({ name, type, query }): PanelQuery[] => {
      if (type !== 'query' || typeof query !== 'string') return []
      return [{ ...common, language: 'promql', expression: seriesOf(query), title: name, from: 'variable', isInstant: true }]
    }),
  ]
}

/**
 * The query as its data source gets it.
 * @param values what to put for variables in place of what they have at first, such as `{ job_id: '48213' }`
 */
export function filledIn(
  { expression, variables }: Pick<PanelQuery, 'expression' | 'variables'>,
  values: Readonly<Record<string, string>> = {},
): string {
  return expression.replace(/\$(?:\{(\w+)(?::(\w+))?\}|(\w+))/g, (whole, braced?: string, format?: string, bare?: string) => {
    const name = braced ?? bare ?? ''
    const value = values[name] ?? windows[name] ?? variables[name]
    if (value === undefined) return whole
    return format === 'regex' ? value.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&') : value
  })
}

function defaultOf(value: string | string[] | undefined, allValue: string | undefined): string {
  const first = Array.isArray(value) ? value[0] : value
  return first === '$__all' ? (allValue ?? '') : (first ?? '')
}

/** `label_values(series, label)` asks for series; this is which. */
function seriesOf(query: string): string {
  return query.replace(/^label_values\((.*), \w+\)$/, '$1')
}
