/** What promtool is asked: for each alert the last minute in which it must be silent and the first in which it must fire. */
import type { LabelValues, Metric } from '../../../catalogue/index.ts'

/**
 * Samples of one series, one a minute, in promtool's notation: `1x4 0x20` is five times 1, then 21 times 0.
 * Of a series that every replica has: as one replica prints it, and as three do.
 */
export type Samples = string | { readonly one: string; readonly three: readonly [string, string, string] }

/** A series as Prometheus has it after the scrape, but for `job` and `instance`. */
export type InputSeries = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly samples: Samples
}

/** One alert and the input at which it begins to fire. Minutes, labels and texts are stated by hand. */
export type AlertCase = {
  readonly alert: string
  readonly input: readonly InputSeries[]
  /** Of the series that fires, without `job` and `severity`. */
  readonly labels: Readonly<Record<string, string>>
  /** As its users read it in the first firing minute. */
  readonly description: string
  readonly lastSilentMinute: number
  readonly firstFiringMinute: number
  /** Why the minutes are what they are, where the numbers do not show it. */
  readonly because?: string
}

/** Series that one replica prints for all. */
export function shared<const M extends Metric>(metric: M, labels: LabelValues<M>, samples: string): InputSeries {
  return { name: metric.name, labels, samples }
}

/** Series that each replica prints of itself. */
export function own<const M extends Pick<Metric, 'name' | 'labels'>>(
  metric: M,
  labels: LabelValues<M>,
  one: string,
  three: readonly [string, string, string],
): InputSeries {
  return { name: metric.name, labels, samples: { one, three } }
}

/** A bucket of a shared histogram. @param le upper bound as it is printed, with a decimal point */
export function bucket<const M extends Metric>(metric: M, labels: LabelValues<M>, le: string, samples: string): InputSeries {
  return { name: `${metric.name}_bucket`, labels: { ...labels, le }, samples }
}

/** Labels of a kind of work, for inputs in which it does not matter. */
export const sqlOnSpark = { task_type: 'sql', engine_type: 'spark' } as const

/** The same with the namespace. */
export const inDefault = { namespace: 'default', ...sqlOnSpark } as const

/** Labels of one task. */
export function aTask(task: string) {
  return { namespace: 'default', job_id: '48213', task, task_type: 'sql', engine: 'n1:1', engine_type: 'spark' } as const
}

/** One recording rule, and what it makes of an input, to three decimal places. */
export type RecordCase = {
  readonly record: string
  readonly input: readonly InputSeries[]
  /** Of the recorded series, without `job`. */
  readonly labels: Readonly<Record<string, string>>
  readonly minute: number
  readonly value: number
  /** Whatever else it records of this input. */
  readonly others?: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]
  readonly because?: string
}
