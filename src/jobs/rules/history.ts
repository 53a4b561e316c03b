import type { JobRecord } from '../records.ts'
import type { Effects } from './effects.ts'

const sampleShareOfAge = 100
const sampleEveryMsMin = 1_000

/** Keeps a sample when something is worth one: the distance grows with the job's age, so that their number stays small. */
export function sampleHistory(job: JobRecord, atMs: number, effects: Effects): void {
  const everyMs = Math.max(sampleEveryMsMin, (atMs - job.firstArrivalAtMs) / sampleShareOfAge)
  const isDue = job.lastSampleAtMs === undefined || atMs - job.lastSampleAtMs >= everyMs
  if (!isDue && job.lastSampleStatus === job.status) return
  job.lastSampleAtMs = atMs
  job.lastSampleStatus = job.status
  effects.samples.push({ at: atMs, status: job.status, progress: job.progress, tasks: job.taskCount })
}
