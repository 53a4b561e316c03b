import type { HistogramMetric, Metric } from '../../../catalogue/index.ts'
import { like, type Matcher, type Selector as PlainSelector, select } from '../../../catalogue/select.ts'
import type { Selector } from './expression.ts'

/** What a label of the metric must be: one of its values, or a matcher such as `like('$task')`. */
export type Conditions<M extends Metric> = NonNullable<Parameters<typeof select<M>>[1]>

/** Every label that a series of the metric carries once scraped. */
type LabelOf<M extends Metric> = ReturnType<typeof select<M>> extends PlainSelector<infer L> ? L : never

/** Selectors of one page: each starts with the job and the page's variables that the series has labels for. */
export type Scope = {
  readonly variables: readonly string[]
  readonly series: <const M extends Metric>(metric: M, conditions?: Conditions<M>) => Selector<LabelOf<M>>
  readonly bucket: <const M extends HistogramMetric>(metric: M, conditions?: Conditions<M>) => Selector<LabelOf<M> | 'le'>
  readonly sumOf: <const M extends HistogramMetric>(metric: M, conditions?: Conditions<M>) => Selector<LabelOf<M>>
  readonly countOf: <const M extends HistogramMetric>(metric: M, conditions?: Conditions<M>) => Selector<LabelOf<M>>
  /** A series that no entry of the catalogue writes, such as `up`, or one that a recording rule writes. */
  readonly foreign: <const L extends string>(
    series: { readonly name: string; readonly unit: Metric['unit']; readonly labels: readonly L[] },
    conditions?: { readonly [K in L]?: string | Matcher },
  ) => Selector<L>
}

type Named = Pick<Metric, 'name' | 'labels' | 'group' | 'unit'>

/**
 * @param variables names of the page's variables, which are also the names of the labels they are for; each is a pattern
 * @param exactly variables that are one value, not a pattern
 */
export function scopeOf(variables: readonly string[], exactly: readonly string[] = []): Scope {
  const choose = <L extends string>(named: Named, metric: Metric | undefined, conditions: object = {}): Selector<L> => {
    const known = ['job', ...(named.group === 'own' ? ['instance'] : []), ...named.labels]
    const fromPage = variables
      .filter((name) => known.includes(name))
      .map((name): [string, string | Matcher] => [name, exactly.includes(name) ? `$${name}` : like(`$${name}`)])
    const all: Readonly<Record<string, string | Matcher>> = { ...Object.fromEntries(fromPage), ...conditions }
    const { text } = select(named, all)
    const labels = known as readonly string[] as readonly L[]
    return { language: 'promql', text, labels, metric, unit: named.unit, isRate: false, isAtom: true, isSelector: true }
  }
  return {
    variables,
    series: (metric, conditions) => choose(metric, metric, conditions),
    bucket: (metric, conditions) =>
      choose({ ...metric, name: `${metric.name}_bucket`, labels: [...metric.labels, 'le'] }, metric, conditions),
    sumOf: (metric, conditions) => choose({ ...metric, name: `${metric.name}_sum` }, metric, conditions),
    countOf: (metric, conditions) => choose({ ...metric, name: `${metric.name}_count`, unit: 'count' }, metric, conditions),
    foreign: (series, conditions) => choose({ ...series, group: 'fleet' }, undefined, conditions),
  }
}
