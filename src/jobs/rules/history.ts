import type { JobRecord } from '../records.ts'
import type { Effects } from './effects.ts'

const sampleShareOfAge = 100
const sampleEveryMsMin = 1_000

/** Whether it is time for another sample: the distance grows with the job's age, so that their number stays small. */
export function isSampleDue(firstArrivalAtMs: number, lastSampleAtMs: number | undefined, atMs: number): boolean {
  const everyMs = Math.max(sampleEveryMsMin, (atMs - firstArrivalAtMs) / sampleShareOfAge)
  return lastSampleAtMs === undefined || atMs - lastSampleAtMs >= everyMs
}

/** Keeps a sample when something is worth one. */
export function sampleHistory(job: JobRecord, atMs: number, effects: Effects): void {
  if (!isSampleDue(job.firstArrivalAtMs, job.lastSampleAtMs, atMs) && job.lastSampleStatus === job.status) return
  job.lastSampleAtMs = atMs
  job.lastSampleStatus = job.status
  effects.samples.push({ at: atMs, status: job.status, progress: job.progress, tasks: job.taskCount })
}
