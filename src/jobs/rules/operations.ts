/** What the owner of a shard does to jobs by itself: giving up, taking up, closing gaps, forgetting. Each may run twice. */
import { isOpen, type TaskStatus } from '../../report/status.ts'
import { type EngineRecord, type JobRecord, recordAt, type TaskLabels, type TaskRecord } from '../records.ts'
import type { RunProfile } from '../run-profile.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects, setWaiting, timerOf } from './effects.ts'
import { isHeld } from './engine-link.ts'
import { isStalled, lookAt, markStraggler, withPace } from './findings.ts'
import { jobChanged, jobScopedRecord } from './job-changes.ts'
import { copyOfJob, type JobRules, type JobState, scheduleGaps } from './job-state.ts'
import { concludeJob, isOpenJob, replaceInSummary } from './job-summary.ts'
import { takeGivenUp } from './learned-job.ts'
import { jobFinishedEntry } from './log-entry.ts'
import { closeOldGaps } from './order.ts'
import { countChange, isWaitingStatus, observeTimes } from './task-counts.ts'
import { giveUpTask, takeUpTask } from './task-status.ts'

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
    return { next: lostAsOf(engine, record, 'ENGINE_LOST', `engine ${engine.instance} has been silent for ${silentSeconds} s`) }
  }
  const isOfOldStart = record.incarnation !== '' && engine.incarnation !== '' && record.incarnation !== engine.incarnation
  if (!isOfOldStart) return { next: takenUpAsOf(engine, record) }
  const givenUpAtMs = Math.max(record.lastReportAtMs, engine.restartedAtMs?.at(-1) ?? 0) + lostAfterMs
  if (nowMs < givenUpAtMs) return { lookAgainAtMs: givenUpAtMs }
  return {
    next: lostAsOf(engine, record, 'ENGINE_RESTARTED', `engine ${engine.instance} began anew and did not take this task up`),
  }
}

/**
 * Two owners may sweep for a moment, one of them with a view of the engine that is outdated. Which of two views is newer is
 * told by the engine's last report; with the same one, the loss came later.
 */
function lostAsOf(
  { lastReportAtMs }: EngineRecord,
  record: TaskRecord,
  code: 'ENGINE_LOST' | 'ENGINE_RESTARTED',
  message: string,
): TaskRecord | undefined {
  if (lastReportAtMs < (record.alignedAsOfMs ?? 0)) return undefined
  const lost = giveUpTask(record, code, message)
  return lost === undefined ? undefined : { ...lost, alignedAsOfMs: lastReportAtMs }
}

function takenUpAsOf({ lastReportAtMs }: EngineRecord, record: TaskRecord): TaskRecord | undefined {
  if (lastReportAtMs <= (record.alignedAsOfMs ?? 0)) return undefined
  const open = takeUpTask(record)
  return open === undefined ? undefined : { ...open, alignedAsOfMs: lastReportAtMs }
}

/** Gives up what has been missing for too long, and counts it. */
export function closeGaps(state: JobState, execId: string, nowMs: number, rules: JobRules, effects: Effects): void {
  const close = (record: TaskRecord) => withoutGaps(state, record, nowMs - rules.gapTimeoutMs, rules, effects)
  const exec = state.execs.get(execId)
  if (exec !== undefined) {
    const current = Object.entries(exec.current).map(([key, record]) => {
      const closed = close(record)
      if (closed !== record) effects.events.push({ kind: 'task', record: closed })
      return [key, closed] as const
    })
    state.execs.set(execId, { ...exec, current: Object.fromEntries(current) })
  }
  const older = state.older.get(execId)
  if (older !== undefined) state.older.set(execId, older.map(close))
  scheduleGaps(state, execId, rules, effects)
}

function withoutGaps(state: JobState, record: TaskRecord, openedBeforeMs: number, rules: JobRules, effects: Effects): TaskRecord {
  const { streams, lost } = closeOldGaps(record.streams, openedBeforeMs)
  if (lost === 0) return record
  addTo(effects, counterFields.reportsLost(), lost)
  const closed = { ...record, streams }
  observeTimes(closed, rules.bounds, effects)
  const learned = rules.learning.get(closed.labels.taskType)
  if (learned !== undefined) takeIntoJob(state, (job) => takeGivenUp(job, learned, closed), effects)
  return closed
}

/** @param take says whether it has changed the job that it is given */
function takeIntoJob(state: JobState, take: (job: JobRecord) => boolean, effects: Effects): void {
  const job = copyOfJob(state)
  if (!take(job)) return
  state.job = job
  effects.events.push({ kind: 'job', record: job })
}

/** When a job that has ended is forgotten; undefined while it is open. One whose tasks go on waits until they, too, are silent. */
export function expiresAtMs(job: JobRecord, retentionMs: number): number | undefined {
  if (isOpenJob(job)) return undefined
  const hasOpenTasks = Object.keys(job.taskCountByStatus).some((status) => isOpen(status as TaskStatus))
  return Math.max(job.endedArrivalAtMs ?? 0, hasOpenTasks ? job.lastReportAtMs : 0) + retentionMs
}

/** As much of a task as its removal must know. */
export type TaskTrace = {
  readonly task: string
  readonly engine: string
  readonly isStalled: boolean
  /** Reports that never came and have not been counted as lost yet. */
  readonly missing: number
  /** Key of the record within its `ExecRecord`. */
  readonly engineKey: string
} & Pick<TaskRecord, 'labels' | 'status'>

export function traceOf(record: TaskRecord, engineKey: string): TaskTrace {
  const { task, engine, labels, status, streams } = record
  const missing = closeOldGaps(streams, Number.POSITIVE_INFINITY).lost
  return { task, engine: engine.instance, labels, status, isStalled: isStalled(record), missing, engineKey }
}

/** Another job takes the name of this one: its open tasks are closed as cancelled, and it is no more. */
export function announceReplacement(job: JobRecord, tasks: readonly TaskTrace[], nowMs: number, effects: Effects): void {
  announceRemoval(job, tasks, effects)
  for (const { labels, status } of tasks) if (isOpen(status)) addTo(effects, counterFields.finished(labels, 'cancelled'), 1)
  if (!isOpenJob(job)) return
  addTo(effects, counterFields.openJobs(job.labels.namespace), -1)
  effects.ownLines.push(jobFinishedEntry({ ...job, status: 'cancelled' }, nowMs))
}

/** Takes a job out of the totals and says that it is no more. @param tasks all of its tasks */
export function announceRemoval(job: JobRecord, tasks: readonly TaskTrace[], effects: Effects): void {
  const { namespace, jobId } = job
  effects.timers.push({ member: timerOf.expire(job), atMs: undefined })
  effects.events.push({ kind: 'job-gone', namespace, jobId })
  for (const { task, engine, labels, status, isStalled: wasStalled, missing, engineKey } of tasks) {
    if (missing > 0) addTo(effects, counterFields.reportsLost(), missing)
    if (isOpen(status)) addTo(effects, counterFields.tasks(labels, status), -1)
    if (wasStalled) addTo(effects, counterFields.stalled(labels), -1)
    if (isWaitingStatus(status)) setWaiting({ namespace, jobId, task, engine, labels }, undefined, effects)
    if (status === 'running')
      effects.timers.push({ member: timerOf.watch({ namespace, jobId, task }, engineKey), atMs: undefined })
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
  next: TaskRecord,
  atMs: number,
  rules: JobRules,
  effects: Effects,
): void {
  const exec = state.execs.get(execId)
  if (exec === undefined) return
  const after = withPace(before, next, key, atMs, rules, effects)
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

/** Judges one running task by its pace and by earlier runs of its kind, and sets the time of the next look. */
export function watchTask(
  state: JobState,
  place: { readonly execId: string; readonly engineKey: string },
  nowMs: number,
  profileOf: (labels: TaskLabels) => RunProfile | undefined,
  rules: JobRules,
  effects: Effects,
): void {
  const record = recordAt(state.execs.get(place.execId), place.engineKey)
  if (record === undefined) return
  const look = lookAt(record, nowMs, profileOf(record.labels), rules)
  effects.timers.push({ member: timerOf.watch(record, place.engineKey), atMs: look.lookAgainAtMs })
  putFindings(state, place, record, look.record, effects)
}

/** Marks a running task as far behind its siblings, or takes the mark away. */
export function setStraggler(
  state: JobState,
  place: { readonly execId: string; readonly engineKey: string },
  isStraggler: boolean,
  nowMs: number,
  effects: Effects,
): void {
  const record = recordAt(state.execs.get(place.execId), place.engineKey)
  if (record !== undefined) putFindings(state, place, record, markStraggler(record, isStraggler, nowMs), effects)
}

/** Findings change neither status nor progress: the job's sums stay as they are. */
function putFindings(
  state: JobState,
  { execId, engineKey }: { readonly execId: string; readonly engineKey: string },
  before: TaskRecord,
  after: TaskRecord,
  effects: Effects,
): void {
  const exec = state.execs.get(execId)
  if (exec === undefined || after === before) return
  state.execs.set(execId, { ...exec, current: { ...exec.current, [engineKey]: after } })
  countChange(before, after, effects)
  effects.events.push({ kind: 'task', record: after })
}
