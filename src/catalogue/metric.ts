/**
 * The catalogue says every series once: what it is called, what it means, where its numbers come from and what bounds it.
 * Series, panels, rules, alerts and the reference pages are all made from it.
 */

export type MetricType = 'gauge' | 'counter' | 'histogram'

/** `timestamp` is seconds since the epoch, `flag` 0 or 1, `info` always 1: what is said stands in the labels. */
export type MetricUnit = 'seconds' | 'timestamp' | 'bytes' | 'ratio' | 'cores' | 'count' | 'flag' | 'info'

/**
 * What a family belongs to. `own` describes one replica; all others are shared: printed by exactly one replica at a time.
 * The words are also the values of the label `family` of `enginescope_series`.
 */
export type MetricGroup = 'fleet' | 'engine' | 'task' | 'task_metric' | 'own'

/** Groups whose series are printed by one replica at a time. */
export type SharedGroup = Exclude<MetricGroup, 'own'>

type MetricBase = {
  readonly name: string
  /** One sentence, in one line, without quotes or backslashes, so that no format has to escape it. */
  readonly help: string
  readonly unit: MetricUnit
  readonly labels: readonly string[]
  /** Field of the report, or the event, that the number comes from. */
  readonly source: string
  readonly group: MetricGroup
  /** Every value of a label that has a closed set of them. */
  readonly values?: Readonly<Record<string, readonly string[]>>
  /** What keeps the number of series finite, where it is not plain from the labels. */
  readonly bound?: string
}

export type GaugeMetric = MetricBase & { readonly type: 'gauge' }
export type CounterMetric = MetricBase & { readonly type: 'counter' }
/** `buckets`: upper bounds, rising, without +Inf. */
export type HistogramMetric = MetricBase & { readonly type: 'histogram'; readonly buckets: readonly number[] }

export type Metric = GaugeMetric | CounterMetric | HistogramMetric

/** A metric that prints one line a series. */
export type SingleMetric = GaugeMetric | CounterMetric

/** A value for each label of a metric. */
export type LabelValues<M extends Pick<Metric, 'labels'>> = Readonly<Record<M['labels'][number], string>>

/** Labels of a task's series, first and in this order on every family of the group `task`. */
export const taskLabels = ['namespace', 'job_id', 'task', 'task_type', 'engine', 'engine_type'] as const

/** Labels of an engine's series, first and in this order on every family of the group `engine`. */
export const engineLabels = ['engine', 'engine_type'] as const
