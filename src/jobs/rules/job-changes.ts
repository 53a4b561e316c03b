/** What a change of a job brings with it: history, counts of open jobs, the end and what follows it. */
import { type JobRecord, recordAt, type TaskRecord } from '../records.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects, timerOf } from './effects.ts'
import { isHeld, isOtherEngine } from './engine-link.ts'
import { sampleHistory } from './history.ts'
import type { JobRules, JobState } from './job-state.ts'
import { isOpenJob } from './job-summary.ts'
import { jobFinishedEntry } from './log-entry.ts'

/** Sets off what the opening or the end of a job brings with it. */
export function jobChanged(job: JobRecord, before: JobRecord | undefined, atMs: number, rules: JobRules, effects: Effects): void {
  sampleHistory(job, atMs, effects)
  const wasOpen = before !== undefined && isOpenJob(before)
  const isNowOpen = isOpenJob(job)
  if (isNowOpen !== wasOpen) addTo(effects, counterFields.openJobs(job.labels.namespace), isNowOpen ? 1 : -1)
  if (isNowOpen && !wasOpen && before !== undefined) effects.timers.push({ member: timerOf.expire(job), atMs: undefined })
  // One that was given up as lost and then truly ends has its end told, too.
  const wasEnded = before !== undefined && !wasOpen && (before.status !== 'lost' || job.status === 'lost')
  if (isNowOpen || wasEnded) return
  effects.timers.push({ member: timerOf.expire(job), atMs: atMs + rules.retentionMs })
  effects.ownLines.push(jobFinishedEntry(job, atMs))
}

/** The record that speaks for the whole job, where there is one. */
export function jobScopedRecord(state: JobState, job: JobRecord): TaskRecord | undefined {
  return job.jobScopedTask === undefined ? undefined : recordAt(state.execs.get(job.jobScopedTask), '')
}

/**
 * Until a task's engine has surely been told of it, or the task has ended, the shard's owner looks after that. Likewise when
 * one that was given up is reported again, which the old start of an engine may do that is lost or has begun anew.
 */
export function scheduleRegister(
  job: JobRecord,
  before: TaskRecord | undefined,
  record: TaskRecord,
  atMs: number,
  rules: JobRules,
  effects: Effects,
): void {
  const isNews = before === undefined || isOtherEngine(before, record)
  if (before !== undefined && (isNews || (isHeld(before) && !isHeld(record))))
    effects.timers.push({ member: timerOf.register(job, before.task, before.engine.instance), atMs: undefined })
  const isBack = before?.status === 'lost' && record.status !== 'lost'
  if (!isHeld(record) || !(isNews || isBack)) return
  const member = timerOf.register(job, record.task, record.engine.instance)
  effects.timers.push({ member, atMs: atMs + rules.lostAfterMs })
}
