/** What the owner of a shard does to jobs by itself: giving up, taking up, closing gaps, forgetting. Each may run twice. */
import type { EngineRecord, TaskRecord } from '../records.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects, timerOf } from './effects.ts'
import { copyOfJob, isHeld, type JobRules, type JobState, jobChanged, jobScopedRecord, scheduleGaps } from './job-rules.ts'
import { concludeJob, isOpenJob, replaceInSummary } from './job-summary.ts'
import { closeOldGaps } from './order.ts'
import { countChange, observeTimes } from './task-counts.ts'
import { giveUpTask, takeUpTask } from './task-rules.ts'

/** What is left to do for a task of an engine that fell silent, came back or began anew. */
export type TaskVerdict = { readonly isHeld: boolean; readonly lookAgainAtMs: number | undefined }

/** Brings the records of one task in line with the state of its engine. */
export function alignWithEngine(
  state: JobState,
  execId: string,
  engine: EngineRecord,
  nowMs: number,
  rules: JobRules,
  effects: Effects,
): TaskVerdict {
  let verdict: TaskVerdict = { isHeld: false, lookAgainAtMs: undefined }
  for (const [key, record] of Object.entries(state.execs.get(execId)?.current ?? {})) {
    if (record.engine.instance !== engine.instance || !isHeld(record)) continue
    const { next, lookAgainAtMs } = alignRecord(record, engine, nowMs, rules.lostAfterMs)
    verdict = { isHeld: true, lookAgainAtMs: lookAgainAtMs ?? verdict.lookAgainAtMs }
    if (next !== undefined) replaceRecord(state, execId, key, record, next, nowMs, rules, effects)
  }
  return verdict
}

function alignRecord(record: TaskRecord, engine: EngineRecord, nowMs: number, lostAfterMs: number) {
  if (engine.state === 'lost') {
    if (record.lastReportAtMs > engine.lastReportAtMs) return { lookAgainAtMs: record.lastReportAtMs + lostAfterMs }
    const silentSeconds = Math.round((nowMs - engine.lastReportAtMs) / 1000)
    return { next: giveUpTask(record, 'ENGINE_LOST', `engine ${engine.instance} has been silent for ${silentSeconds} s`) }
  }
  const isOfOldStart = record.incarnation !== '' && engine.incarnation !== '' && record.incarnation !== engine.incarnation
  if (!isOfOldStart) return { next: takeUpTask(record) }
  const givenUpAtMs = record.lastReportAtMs + lostAfterMs
  if (nowMs < givenUpAtMs) return { lookAgainAtMs: givenUpAtMs }
  return { next: giveUpTask(record, 'ENGINE_RESTARTED', `engine ${engine.instance} began anew and did not take this task up`) }
}

/** Gives up what has been missing for too long, and counts it. */
export function closeGaps(state: JobState, execId: string, nowMs: number, rules: JobRules, effects: Effects): void {
  const openedBeforeMs = nowMs - rules.gapTimeoutMs
  const exec = state.execs.get(execId)
  if (exec !== undefined) {
    const current: Record<string, TaskRecord> = {}
    for (const [key, record] of Object.entries(exec.current)) {
      current[key] = withoutGaps(record, openedBeforeMs, rules, effects)
      if (current[key] !== record) effects.events.push({ kind: 'task', record: current[key] })
    }
    state.execs.set(execId, { ...exec, current })
  }
  const older = state.older.get(execId)
  if (older !== undefined) {
    state.older.set(
      execId,
      older.map((record) => withoutGaps(record, openedBeforeMs, rules, effects)),
    )
  }
  scheduleGaps(state, execId, rules, effects)
}

function withoutGaps(record: TaskRecord, openedBeforeMs: number, rules: JobRules, effects: Effects): TaskRecord {
  const { streams, lost } = closeOldGaps(record.streams, openedBeforeMs)
  if (lost === 0) return record
  addTo(effects, counterFields.reportsLost(), lost)
  const closed = { ...record, streams }
  observeTimes(closed, rules.bounds, effects)
  return closed
}

/** Whether a job has been at its end for so long that it is forgotten. */
export function isExpired(state: JobState, nowMs: number, retentionMs: number): boolean {
  const job = state.job
  return job !== undefined && !isOpenJob(job) && (job.endedArrivalAtMs ?? 0) + retentionMs <= nowMs
}

/** Says that a job is no more. @param tasks all of its tasks */
export function announceRemoval(state: JobState, tasks: readonly { task: string; engine: string }[], effects: Effects): void {
  const job = state.job
  if (job === undefined) return
  const { namespace, jobId } = job
  effects.timers.push({ member: timerOf.expire(job), atMs: undefined })
  effects.events.push({ kind: 'job-gone', namespace, jobId })
  for (const { task, engine } of tasks) {
    effects.timers.push({ member: timerOf.gaps(task, job), atMs: undefined })
    effects.events.push({ kind: 'task-gone', namespace, jobId, task, engine })
  }
}

function replaceRecord(
  state: JobState,
  execId: string,
  key: string,
  before: TaskRecord,
  after: TaskRecord,
  atMs: number,
  rules: JobRules,
  effects: Effects,
): void {
  const exec = state.execs.get(execId)
  if (exec === undefined) return
  state.execs.set(execId, { ...exec, current: { ...exec.current, [key]: after } })
  const job = copyOfJob(state)
  const wasOpen = isOpenJob(job)
  state.job = job
  countChange(before, after, effects)
  replaceInSummary(job, before, after)
  concludeJob(job, jobScopedRecord(state, job), after, atMs)
  jobChanged(job, { wasOpen, isNewJob: false }, atMs, rules, effects)
  effects.events.push({ kind: 'task', record: after }, { kind: 'job', record: job })
}
