import type { ExecRecord, JobRecord, TaskRecord } from '../records.ts'
import { type Effects, timerOf } from './effects.ts'
import { oldestGapAtMs } from './order.ts'
import type { TaskRules } from './task-arrival.ts'
import type { Bounds } from './task-counts.ts'

/** As much of a job as is loaded. Values are replaced, never changed, so that a failed commit leaves no trace. */
export type JobState = {
  job: JobRecord | undefined
  readonly execs: Map<string, ExecRecord | undefined>
  readonly older: Map<string, readonly TaskRecord[]>
}

export type JobRules = TaskRules & {
  readonly bounds: Bounds
  readonly gapTimeoutMs: number
  readonly retentionMs: number
  readonly lostAfterMs: number
  readonly lingerMs: number
  readonly stalledAfterMs: number
  /** Tasks of one job. */
  readonly tasksMax: number
  /** Attempts of one task kept for the job's history. */
  readonly attemptsMax: number
}

export function copyOfJob(state: JobState): JobRecord {
  if (state.job === undefined) throw new Error('a job that was not loaded cannot be changed')
  return { ...state.job }
}

/**
 * Sets the timers at which the oldest gap of a task is given up, or takes them away. Older attempts have one of their own:
 * it is left alone while they are not loaded.
 */
export function scheduleGaps(state: JobState, execId: string, rules: JobRules, effects: Effects): void {
  const { job } = state
  if (job === undefined) return
  const timer = (member: string, records: readonly TaskRecord[]) => {
    const oldest = records.map((record) => oldestGapAtMs(record.streams)).filter((at) => at !== undefined)
    effects.timers.push({ member, atMs: oldest.length === 0 ? undefined : Math.min(...oldest) + rules.gapTimeoutMs })
  }
  timer(timerOf.gaps(execId, job), Object.values(state.execs.get(execId)?.current ?? {}))
  const older = state.older.get(execId)
  if (older !== undefined) timer(timerOf.olderGaps(execId, job), older)
}
