/** The numbers of a job's record that every report of its tasks moves, in a fixed order. */
import type { JobRecord } from '../records.ts'

/** What every report of a job's tasks moves. */
type Moving = 'progress' | 'progressSumE9' | 'lastReportAtMs' | 'tailNo' | 'lastSampleAtMs'

/** All the rest of a record. A new field does not compile until it stands here or among the numbers. */
const settled: Record<Exclude<keyof JobRecord, Moving>, true> = {
  namespace: true,
  jobId: true,
  taskType: true,
  engineType: true,
  taskTypeFrom: true,
  engineTypeFrom: true,
  labels: true,
  engine: true,
  user: true,
  status: true,
  taskCount: true,
  taskCountByStatus: true,
  jobScopedTask: true,
  submittedAtMs: true,
  scheduledAtMs: true,
  startedAtMs: true,
  endedAtMs: true,
  tasksEndedAtMs: true,
  firstArrivalAtMs: true,
  endedArrivalAtMs: true,
  error: true,
  attributes: true,
  uid: true,
  formerUids: true,
  metadata: true,
  lineage: true,
  workflowToken: true,
  lastSampleStatus: true,
  fetched: true,
  learning: true,
}
const settledFields = Object.keys(settled) as (keyof typeof settled)[]

/** Numbers of a job's record; undefined when it differs in anything else. Times are told by their distance: it is shorter. */
export function jobNumbers(before: JobRecord, after: JobRecord): number[] | undefined {
  for (const field of settledFields) if (before[field] !== after[field]) return undefined
  if (before.lastSampleAtMs === undefined || after.lastSampleAtMs === undefined) return undefined
  const sinceReportMs = after.lastReportAtMs - before.lastReportAtMs
  const sinceSampleMs = after.lastSampleAtMs - before.lastSampleAtMs
  return [after.progress, after.progressSumE9, sinceReportMs, after.tailNo, sinceSampleMs]
}

/** Places of {@link jobNumbers}. */
export const jobPlaceOf = { progress: 0, progressSumE9: 1, sinceReportMs: 2, tailNo: 3, sinceSampleMs: 4 } as const

/** The record that numbers were taken of, from the one they were taken over, which stays as it is. */
export function withJobNumbers(job: JobRecord, numbers: readonly number[]): JobRecord {
  const [progress = job.progress, progressSumE9 = job.progressSumE9, sinceReportMs = 0, tailNo = job.tailNo, sinceSampleMs = 0] =
    numbers
  const record = { ...job, progress, progressSumE9, lastReportAtMs: job.lastReportAtMs + sinceReportMs, tailNo }
  if (job.lastSampleAtMs !== undefined) record.lastSampleAtMs = job.lastSampleAtMs + sinceSampleMs
  return record
}
