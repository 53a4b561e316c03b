/** What the owner of a shard does to jobs by itself: giving up, taking up, closing gaps, forgetting. Each may run twice. */
import { isOpen, type TaskStatus } from '../../report/status.ts'
import type { EngineRecord, JobRecord, TaskRecord } from '../records.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects, timerOf } from './effects.ts'
import { isHeld } from './engine-link.ts'
import { jobChanged, jobScopedRecord } from './job-rules.ts'
import { copyOfJob, type JobRules, type JobState, scheduleGaps } from './job-state.ts'
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
    verdict = { isHeld: true, lookAgainAtMs: earlier(lookAgainAtMs, verdict.lookAgainAtMs) }
    if (next !== undefined) replaceRecord(state, execId, key, record, next, nowMs, rules, effects)
  }
  return verdict
}

/** The earlier of two moments, either of which may be unknown. */
export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}

function alignRecord(
  record: TaskRecord,
  engine: EngineRecord,
  nowMs: number,
  lostAfterMs: number,
): { readonly next?: TaskRecord | undefined; readonly lookAgainAtMs?: number } {
  if (engine.state === 'lost') {
    // Where the engine's own record was not written, the task's tells when it last spoke.
    const spokeAtMs = Math.max(record.lastReportAtMs, engine.lastReportAtMs)
    if (nowMs < spokeAtMs + lostAfterMs) return { lookAgainAtMs: spokeAtMs + lostAfterMs }
    const silentSeconds = Math.round((nowMs - spokeAtMs) / 1000)
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

/** When a job that has ended is forgotten; undefined while it is open. One whose tasks go on waits until they, too, are silent. */
export function expiresAtMs(job: JobRecord, retentionMs: number): number | undefined {
  if (isOpenJob(job)) return undefined
  const hasOpenTasks = Object.keys(job.taskCountByStatus).some((status) => isOpen(status as TaskStatus))
  return Math.max(job.endedArrivalAtMs ?? 0, hasOpenTasks ? job.lastReportAtMs : 0) + retentionMs
}

/** As much of a task as its removal must know. */
export type TaskTrace = { readonly task: string; readonly engine: string } & Pick<TaskRecord, 'labels' | 'status'>

/** Takes a job out of the totals and says that it is no more. @param tasks all of its tasks */
export function announceRemoval(job: JobRecord, tasks: readonly TaskTrace[], effects: Effects): void {
  const { namespace, jobId } = job
  effects.timers.push({ member: timerOf.expire(job), atMs: undefined })
  effects.events.push({ kind: 'job-gone', namespace, jobId })
  for (const { task, engine, labels, status } of tasks) {
    if (isOpen(status)) addTo(effects, counterFields.tasks(labels, status), -1)
    effects.timers.push({ member: timerOf.gaps(task, job), atMs: undefined })
    effects.timers.push({ member: timerOf.olderGaps(task, job), atMs: undefined })
    effects.timers.push({ member: timerOf.register(job, task, engine), atMs: undefined })
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
  const jobBefore = state.job
  const job = copyOfJob(state)
  state.job = job
  countChange(before, after, effects)
  replaceInSummary(job, before, after)
  concludeJob(job, jobScopedRecord(state, job), after, atMs)
  jobChanged(job, jobBefore, atMs, rules, effects)
  effects.events.push({ kind: 'task', record: after }, { kind: 'job', record: job })
}
