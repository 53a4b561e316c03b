import type { HistogramMetric, LabelValues, Metric, SharedGroup, SingleMetric } from '../catalogue/index.ts'
import { boundText, labelPairs } from './exposition-text.ts'
import type { FamilyLines } from './family-lines.ts'
import { type HandleOwner, HistogramSeries, Series } from './series-handles.ts'

/** Shared series are scraped with `honor_labels`: an empty instance keeps Prometheus from adding the target's. */
const instanceLabel = 'instance=""'

/** A metric that is printed by one replica at a time. */
export type Shared<M extends Metric> = M & { readonly group: SharedGroup }

/** Escaped text of the first labels of a family, made once and used for many families that begin with them. */
export type LabelPrefix<Labels extends readonly string[]> = { readonly labels: Labels; readonly text: string }

/** Escapes label values that several series share. */
export function labelPrefix<const Labels extends readonly string[]>(
  labels: Labels,
  values: Readonly<Record<Labels[number], string>>,
): LabelPrefix<Labels> {
  return { labels, text: labelPairs(labels, values) }
}

/** The labels of a metric that come after a prefix; `never` if it does not begin with it. */
type RestOf<M extends Pick<Metric, 'labels'>, Prefix extends readonly string[]> = M['labels'] extends readonly [
  ...Prefix,
  ...infer Rest extends readonly string[],
]
  ? Readonly<Record<Rest[number], string>>
  : never

/** The series of one gauge or counter. */
export class SeriesFamily<M extends Shared<SingleMetric>> {
  readonly #owner: HandleOwner<M>
  readonly #hasRoom: () => boolean

  constructor(metric: M, lines: FamilyLines, hasRoom: () => boolean) {
    this.#owner = { metric, lines }
    this.#hasRoom = hasRoom
  }

  /**
   * A new series with value 0; `undefined` when the group has no room, which is counted.
   * Two series of one family must differ in their labels: nobody checks, since that would cost more memory than the lines.
   */
  series(values: LabelValues<M>): Series | undefined {
    return this.#insert(labelPairs(this.#owner.metric.labels, values))
  }

  /** The same for labels whose first part was escaped before. */
  seriesUnder<const Prefix extends readonly string[]>(prefix: LabelPrefix<Prefix>, rest: RestOf<M, Prefix>): Series | undefined {
    const restText = labelPairs(this.#owner.metric.labels.slice(prefix.labels.length), rest)
    return this.#insert(restText === '' ? prefix.text : `${prefix.text},${restText}`)
  }

  #insert(labels: string): Series | undefined {
    if (!this.#hasRoom()) return undefined
    return new Series(this.#owner, this.#owner.lines.insert([lineText(this.#owner.metric.name, labels)]))
  }
}

/** The series of one histogram. */
export class HistogramFamily<M extends Shared<HistogramMetric>> {
  readonly #owner: HandleOwner<M>
  readonly #hasRoom: () => boolean

  constructor(metric: M, lines: FamilyLines, hasRoom: () => boolean) {
    this.#owner = { metric, lines }
    this.#hasRoom = hasRoom
  }

  /** All lines of a label set, each 0; `undefined` when the group has no room, which is counted. */
  series(values: LabelValues<M>): HistogramSeries | undefined {
    if (!this.#hasRoom()) return undefined
    const { name, buckets } = this.#owner.metric
    const labels = labelPairs(this.#owner.metric.labels, values)
    const bucketText = (bound: number) => lineText(`${name}_bucket`, labels, `,le="${boundText(bound)}"`)
    const texts = [...buckets, Number.POSITIVE_INFINITY].map(bucketText)
    texts.push(lineText(`${name}_sum`, labels), lineText(`${name}_count`, labels))
    return new HistogramSeries(this.#owner, this.#owner.lines.insert(texts))
  }
}

function lineText(name: string, labels: string, bound = ''): string {
  return `${name}{${labels}${labels === '' ? '' : ','}${instanceLabel}${bound}} `
}

/** Lines of one label set: a histogram has its buckets, +Inf, sum and count. */
export function linesPerSeries(metric: Metric): number {
  return metric.type === 'histogram' ? metric.buckets.length + 3 : 1
}
