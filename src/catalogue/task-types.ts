export type MetricKind = 'gauge' | 'counter'

/** Task types whose algorithm metrics are known, each with its fields. */
const fieldsByTaskType: ReadonlyMap<string, ReadonlyMap<string, MetricKind>> = new Map()

/**
 * Whether a field of `algorithmMetrics` is a value of the moment, or one that only grows and is merged by maximum per incarnation.
 * A field that no task type knows is a gauge.
 */
export function metricKindOf(taskType: string, field: string): MetricKind {
  return fieldsByTaskType.get(taskType)?.get(field) ?? 'gauge'
}
