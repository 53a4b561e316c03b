import { engineMetrics } from './engine.ts'
import { fleetMetrics } from './fleet.ts'
import { ownMetrics } from './own.ts'
import { taskMetrics } from './task.ts'

/** Every series of the aggregator, said once. A name that is not here does not compile. */
export const metrics = { ...fleetMetrics, ...engineMetrics, ...taskMetrics, ...ownMetrics } as const

export { durationBoundsSeconds, queueBoundsSeconds } from './buckets.ts'
export {
  countedAs,
  type JobSeries,
  type JobWord,
  jobLabels,
  type LearningField,
  type LearningType,
  learningNames,
  type WorkerSeries,
  workerLabels,
} from './learning/learning-type.ts'
export {
  type CounterMetric,
  engineLabels,
  type GaugeMetric,
  type HistogramMetric,
  type LabelValues,
  type Metric,
  type MetricType,
  type SharedGroup,
  type SingleMetric,
  taskLabels,
} from './metric.ts'
export { runtimeMetrics } from './runtime.ts'
export {
  infoMetric,
  learningTypesOf,
  type MergeKind,
  metricKinds,
  numberMetric,
  stateKey,
  statesMetric,
  type TaskType,
  type TaskTypeMetric,
  taskTypeLines,
  taskTypes,
} from './task-types.ts'
export { readTaskTypes } from './task-types-file.ts'
