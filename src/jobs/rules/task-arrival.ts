/** What the rules of a task go by, and what they are given. */
import type { LearningType, MergeKind } from '../../catalogue/index.ts'
import type { Report } from '../../report/report.ts'
import type { GapLimits } from './order.ts'

/** Says of an algorithm metric whether it is a cumulative value. */
export type MetricKind = (taskType: string, field: string) => MergeKind

export type TaskRules = {
  readonly gaps: GapLimits
  readonly metricKind: MetricKind
  /** Task types whose fields have meanings of their own. */
  readonly learning: ReadonlyMap<string, LearningType>
}

/** One report with the moment it reached us. */
export type Arrival = { readonly report: Report; readonly atMs: number; readonly stampUs: number }
