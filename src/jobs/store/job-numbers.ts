import type { JobRecord } from '../records.ts'

/** What every report of a job's tasks moves. */
type Moving = 'progress' | 'progressSumE9' | 'lastReportAtMs' | 'tailNo' | 'lastSampleAtMs'

/** All the rest of a record. A new field does not compile until it stands here or among the numbers. */
const settled: Record<Exclude<keyof JobRecord, Moving>, true> = {
  namespace: true,
  jobId: true,
  taskType: true,
  engineType: true,
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

/** Puts numbers into the record they were taken over. */
export function putJobNumbers(job: JobRecord, numbers: readonly string[]): void {
  const [progress, progressSumE9, sinceReportMs, tailNo, sinceSampleMs] = numbers.map(Number)
  job.progress = progress ?? job.progress
  job.progressSumE9 = progressSumE9 ?? job.progressSumE9
  job.lastReportAtMs += sinceReportMs ?? 0
  job.tailNo = tailNo ?? job.tailNo
  if (job.lastSampleAtMs !== undefined) job.lastSampleAtMs += sinceSampleMs ?? 0
}
