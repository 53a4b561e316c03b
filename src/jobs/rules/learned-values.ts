import type { LearningType } from '../../catalogue/index.ts'
import type { Report } from '../../report/report.ts'
import type { Fact, LearningRecord, Observed } from '../learning/learning-record.ts'
import type { TaskRecord } from '../records.ts'
import { bucketOf } from './counter-fields.ts'

/** One report as its job sees it. */
export type Heard = {
  readonly report: Report
  readonly atMs: number
  /** The task as the report found it: what it had counted by then is in the job's sums. */
  readonly start: Pick<TaskRecord, 'counters'>
  readonly record: TaskRecord
  /** `applied`: the newest word of its task; `late`: overtaken. Nothing else is said of the job itself. */
  readonly place: 'applied' | 'late' | 'other'
}

/** A lower iteration never replaces what came with a higher one. */
export function putFact(learning: LearningRecord, name: string, value: unknown, iteration: number | undefined): void {
  const known = learning.facts[name]?.[1]
  if (known !== undefined && iteration !== undefined && iteration < known) return
  const fact: Fact = iteration === undefined ? [value] : [value, iteration]
  learning.facts = { ...learning.facts, [name]: fact }
}

/** Adds an observation to a histogram of the job. */
export function observe(learning: LearningRecord, name: string, bounds: readonly number[], seconds: number): void {
  const known: Observed = learning.observed[name] ?? { counts: [...bounds, 0].map(() => 0), sum: 0 }
  const at = bucketOf(bounds, seconds * 1_000)
  const counts = known.counts.with(at, (known.counts[at] ?? 0) + 1)
  learning.observed = { ...learning.observed, [name]: { counts, sum: known.sum + seconds } }
}

/** Bounds of a histogram of the job. */
export function boundsOf(type: LearningType, observed: string): readonly number[] {
  const entry = type.job.find((each) => each.kind === 'histogram' && each.observed === observed)
  return entry?.kind === 'histogram' ? entry.metric.buckets : []
}
