import type { HistogramMetric, Metric } from './metric.ts'
import type { Query } from './promql.ts'

/** What a selector needs to know of a series. */
type Selectable = Pick<Metric, 'name' | 'labels' | 'group' | 'values'>

/** `job` stands on everything that is scraped, `instance` only on what one replica says of itself. */
type ScrapeLabel<M extends Selectable> = 'job' | (M['group'] extends 'own' ? 'instance' : never)

/** Every label that a series of the metric carries in Prometheus. */
type LabelOf<M extends Selectable> = M['labels'][number] | ScrapeLabel<M>

/** What a label may be: one of its values where the catalogue lists them all, else any text. */
type ValueOf<M extends Selectable, L extends string> = M extends {
  readonly values: Readonly<Record<L, readonly (infer V extends string)[]>>
}
  ? V
  : string

/** A matcher other than plain equality. `V` are the values it speaks of. */
export type Matcher<V extends string = string> = {
  readonly operator: '!=' | '=~' | '!~'
  readonly text: string
  /** Never set: it lets the compiler hold the values against those of the label. */
  readonly of?: V
}

/** For each label a value that it must have, or a {@link Matcher}. */
type Matchers<M extends Selectable> = { readonly [L in LabelOf<M>]?: ValueOf<M, L> | Matcher<ValueOf<M, L>> }

/** A query that is a bare selector: the only thing that takes a window. */
export type Selector<L extends string = string> = Query<L> & { readonly isSelector: true }

/** `label!="value"` */
export function not<const V extends string>(value: V): Matcher<V> {
  return { operator: '!=', text: value }
}

/** `label=~"one|other"`: any of these values, each taken literally. */
export function oneOf<const V extends string>(...values: readonly V[]): Matcher<V> {
  return { operator: '=~', text: values.map(literally).join('|') }
}

/** `label!~"one|other"`: none of these values, each taken literally. */
export function noneOf<const V extends string>(...values: readonly V[]): Matcher<V> {
  return { operator: '!~', text: values.map(literally).join('|') }
}

/** `label=~"pattern"`: an RE2 pattern for the whole value. */
export function like(pattern: string): Matcher<never> {
  return { operator: '=~', text: pattern }
}

/** The series of a metric that fit. A label that it does not have, or a value that is none of the label's, does not compile. */
export function select<const M extends Selectable>(metric: M, matchers: Matchers<M> = {}): Selector<LabelOf<M>> {
  return selector(metric, '', [], matchers)
}

/** The buckets of a histogram, cumulative by `le`. */
export function selectBuckets<const M extends HistogramMetric>(
  metric: M,
  matchers: Matchers<M> = {},
): Selector<LabelOf<M> | 'le'> {
  return selector(metric, '_bucket', ['le'], matchers)
}

/** How many values a histogram has taken in. */
export function selectCount<const M extends HistogramMetric>(metric: M, matchers: Matchers<M> = {}): Selector<LabelOf<M>> {
  return selector(metric, '_count', [], matchers)
}

function selector<L extends string>(
  { name, labels, group }: Selectable,
  suffix: string,
  more: readonly string[],
  matchers: Readonly<Record<string, string | Matcher | undefined>>,
): Selector<L> {
  const conditions = Object.entries(matchers).flatMap(([label, matcher]) => {
    if (matcher === undefined) return []
    const { operator, text } = typeof matcher === 'string' ? { operator: '=', text: matcher } : matcher
    return [`${label}${operator}${quoted(text)}`]
  })
  const braces = conditions.length === 0 ? '' : `{${conditions.join(',')}}`
  const known = ['job', ...(group === 'own' ? ['instance'] : []), ...labels, ...more]
  return { text: `${name}${suffix}${braces}`, labels: known as readonly string[] as readonly L[], isSelector: true }
}

/** A PromQL string: backslash, quote and line end escaped. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

function literally(value: string): string {
  return value.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')
}
