import type { Selector } from './select.ts'

/** A PromQL expression, and the labels that each series of its answer may carry. */
export type Query<L extends string = string> = { readonly text: string; readonly labels: readonly L[] }

/** A length of time as PromQL writes it. */
export type Span = `${number}${'s' | 'm' | 'h' | 'd'}`

/**
 * PromQL as it is written, around typed parts. The answer has the labels of the first part that is a query: in every
 * binary operation that we use, the left side keeps its labels. Lines are kept, their indentation is not.
 */
export function promql<L extends string>(
  strings: TemplateStringsArray,
  first: Query<L>,
  ...others: readonly (Query | number)[]
): Query<L> {
  const parts = [first, ...others].map((part) => (typeof part === 'number' ? String(part) : part.text))
  const text = strings.map((string, index) => string + (parts[index] ?? '')).join('')
  return { text: text.trim().replace(/\s*\n\s*/g, '\n'), labels: first.labels }
}

/** `rate(series[window])`: per second, over counters. */
export function rate<L extends string>(series: Selector<L>, window: Span): Query<L> {
  return overWindow('rate', series, window)
}

/** `increase(series[window])`: how much a counter grew. */
export function increase<L extends string>(series: Selector<L>, window: Span): Query<L> {
  return overWindow('increase', series, window)
}

/** `deriv(series[window])`: the slope of a gauge, per second. */
export function deriv<L extends string>(series: Selector<L>, window: Span): Query<L> {
  return overWindow('deriv', series, window)
}

function overWindow<L extends string>(name: string, { text, labels }: Selector<L>, window: Span): Query<L> {
  return { text: `${name}(${text}[${window}])`, labels }
}

/**
 * What is added up, compared or counted over the labels that are taken away; the others stay, `job` among them.
 * `instance` may be taken away from what has none: series scraped without `honor_labels` carry it.
 */
export const sumWithout = aggregation('sum')
export const maxWithout = aggregation('max')
export const minWithout = aggregation('min')
export const countWithout = aggregation('count')

/** `quantile without (labels) (ratio, query)`: over series, not over the buckets of a histogram. */
export function quantileWithout<L extends string, const W extends readonly (NoInfer<L> | 'instance')[]>(
  without: W,
  ratio: number,
  query: Query<L>,
): Query<Exclude<L, W[number]>> {
  return aggregated(`quantile without (${without.join(', ')}) (${ratio}, ${query.text})`, without, query)
}

/** `histogram_quantile(ratio, buckets)`: from buckets that still have their `le`. */
export function histogramQuantile<L extends string>(ratio: number, buckets: Query<L | 'le'>): Query<Exclude<L, 'le'>> {
  return aggregated(`histogram_quantile(${ratio}, ${buckets.text})`, ['le'] as const, buckets) as Query<Exclude<L, 'le'>>
}

function aggregation(name: 'sum' | 'max' | 'min' | 'count') {
  return <L extends string, const W extends readonly (NoInfer<L> | 'instance')[]>(
    without: W,
    query: Query<L>,
  ): Query<Exclude<L, W[number]>> => aggregated(`${name} without (${without.join(', ')}) (${query.text})`, without, query)
}

function aggregated<L extends string, W extends readonly string[]>(
  text: string,
  without: W,
  { labels }: Query<L>,
): Query<Exclude<L, W[number]>> {
  return { text, labels: labels.filter((label): label is Exclude<L, W[number]> => !without.includes(label)) }
}
