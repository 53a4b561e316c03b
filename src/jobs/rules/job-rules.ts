/** What one report does to its job: finds the record it speaks of, judges it, and keeps the job's sums true. */
import type { LearningType } from '../../catalogue/index.ts'
import type { ReportResult } from '../../report/report.ts'
import { type JobRecord, recordAt, type ScopeEvent, type TaskLabels, type TaskRecord } from '../records.ts'
import { withLateCount } from './carried.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects, timerOf } from './effects.ts'
import { type EngineLink, isHeld, isOtherEngine, linkOf } from './engine-link.ts'
import { applyFetched } from './fetched.ts'
import { withPace } from './findings.ts'
import { engineKey, type Found, findRecord, pushOlder } from './found-record.ts'
import { sampleHistory } from './history.ts'
import { copyOfJob, type JobRules, type JobState, scheduleGaps } from './job-state.ts'
import { concludeJob, isOpenJob, newJob, replaceInSummary } from './job-summary.ts'
import { isOfFormer, replacedUids, uidOf } from './job-uid.ts'
import { takeKeptFacts } from './kept-facts.ts'
import { takeLearning, takeOfOlder } from './learned-job.ts'
import type { Heard } from './learned-values.ts'
import { jobFinishedEntry, packLines } from './log-entry.ts'
import { hasGaps, missingOf } from './order.ts'
import { countChange, observeTimes } from './task-counts.ts'
import { type Arrival, type TaskChange, takeReport } from './task-rules.ts'

/** What only the caller knows while a report is judged. */
export type Circumstances = {
  /** Uids of the jobs whose place this one takes, where it is new. */
  readonly formerUids?: readonly string[] | undefined
  readonly labels: TaskLabels
  readonly hasRoomForJob: boolean
  readonly hasRoomForLines: boolean
}

export type JobOutcome = {
  readonly result: ReportResult
  /** How the report bears on its engine; absent when it was refused. */
  readonly engine?: EngineLink
  /** Nothing was done: the report is of another job under the same name, which would have replaced these uids. */
  readonly replaces?: readonly string[]
}

/** Applies one report to the loaded part of its job. */
export function applyReport(
  state: JobState,
  arrival: Arrival,
  circumstances: Circumstances,
  rules: JobRules,
  effects: Effects,
): JobOutcome {
  const apply = (taken: Arrival) => judge(state, taken, circumstances, rules, effects)
  return arrival.report.fetched === undefined
    ? apply(arrival)
    : applyFetched(state, arrival, circumstances.hasRoomForLines, apply)
}

function judge(state: JobState, arrival: Arrival, circumstances: Circumstances, rules: JobRules, effects: Effects): JobOutcome {
  if (state.job === undefined && !circumstances.hasRoomForJob) return refused('OPEN_JOBS_LIMIT', 'namespace')
  const uid = uidOf(arrival.report)
  const replaces = replacedUids(state.job, uid)
  if (replaces !== undefined) return { result: { outcome: 'stale' }, replaces }
  if (isOfFormer(state.job, uid)) return takeFormer(arrival, circumstances, effects)
  if (arrival.report.isNative === true && isReported(state, arrival)) return { result: { outcome: 'stale' } }
  if (isOneTaskTooMany(state, arrival, rules)) return refused('JOB_TASKS_LIMIT', 'execId')
  const isNew = state.job === undefined
  const outcome = applyToJob(state, arrival, circumstances, rules, effects)
  if (isNew && circumstances.formerUids !== undefined) state.job = { ...copyOfJob(state), formerUids: circumstances.formerUids }
  return outcome
}

function applyToJob(
  state: JobState,
  arrival: Arrival,
  circumstances: Circumstances,
  rules: JobRules,
  effects: Effects,
): JobOutcome {
  const found = findRecord(state, arrival, circumstances.labels, rules, effects)
  const change = takeReport(found.record, arrival, rules)
  if (change.outcome === 'rejected') return refused('REPORT_INVALID', 'seq')
  const record = change.record
  if (change.reportsLost > 0) addTo(effects, counterFields.reportsLost(), change.reportsLost)
  if (change.outcome === 'duplicate') return withRefusal(outcomeOf(change, arrival, rules, found), refusedBefore(record, arrival))
  const linesRefused = takeLines(arrival, record, circumstances, effects)
  const outcome: TaskChange = found.isOlder ? { ...change, outcome: 'stale' } : change
  if (found.isOlder) putOlder(state, found, record, rules, effects)
  else putCurrent(state, arrival, found, record, outcome, rules, effects)
  return withRefusal(outcomeOf(outcome, arrival, rules, found), linesRefused)
}

/** A report of a job whose place this one has taken: its lines, no more. */
function takeFormer(arrival: Arrival, { labels, hasRoomForLines }: Circumstances, effects: Effects): JobOutcome {
  const { report, atMs } = arrival
  const lines = report.logs ?? []
  const stale: JobOutcome = { result: { outcome: 'stale' }, engine: { stampUs: 0 } }
  if (lines.length > 0 && !hasRoomForLines) return withRefusal(stale, lines.length)
  if (lines.length > 0) effects.lines.push(packLines(report, labels, lines, report.seq ?? Math.floor(atMs), atMs))
  return stale
}

/** Says that the lines of a report were not taken, so that its sender keeps them for the next one. */
function withRefusal(answered: JobOutcome, linesRefused: number): JobOutcome {
  if (linesRefused === 0) return answered
  return { ...answered, result: { ...answered.result, code: 'LOGS_REFUSED', logLinesRefused: linesRefused } }
}

/** How many lines were refused when this report came the first time. */
function refusedBefore(record: TaskRecord, { report }: Arrival): number {
  const incarnation = report.engine.incarnation ?? record.incarnation
  const found = record.refusedLines?.find(([of, seq]) => of === incarnation && seq === report.seq)
  return found?.[2] ?? 0
}

function putOlder(state: JobState, found: Found, record: TaskRecord, rules: JobRules, effects: Effects): void {
  const execId = record.task
  observeTimes(record, rules.bounds, effects)
  countChange(found.before, record, effects)
  if (found.olderAt < 0) pushOlder(state, execId, record, rules, effects)
  else state.older.set(execId, (state.older.get(execId) ?? []).with(found.olderAt, record))
  carryOver(state, execId, found.before, record, effects)
  const learned = rules.learning.get(record.labels.taskType)
  if (learned !== undefined) takeLateCount(state, learned, found.record, record, effects)
  if (hasGaps(record.streams) || (found.before !== undefined && hasGaps(found.before.streams)))
    scheduleGaps(state, execId, rules, effects)
}

/** What an earlier attempt turns out to have counted is part of the job's sums, too. */
function takeLateCount(state: JobState, type: LearningType, start: TaskRecord, record: TaskRecord, effects: Effects): void {
  const job = copyOfJob(state)
  if (!takeOfOlder(job, type, start, record)) return
  state.job = job
  effects.events.push({ kind: 'job', record: job })
}

function heardOf({ report, atMs }: Arrival, start: TaskRecord, record: TaskRecord, { outcome }: TaskChange): Heard {
  return { report, atMs, start, record, place: outcome === 'applied' || outcome === 'late' ? outcome : 'other' }
}

/** What an earlier attempt turns out to have counted belongs to the counters of the present one on the same engine. */
function carryOver(state: JobState, execId: string, before: TaskRecord | undefined, after: TaskRecord, effects: Effects): void {
  const key = engineKey(after)
  const known = state.execs.get(execId)
  if (known === undefined) return
  const exec = withLateCount(known, key, before, after)
  if (exec === known) return
  state.execs.set(execId, exec)
  const record = recordAt(exec, key)
  if (record !== undefined) effects.events.push({ kind: 'task', record })
}

function putCurrent(
  state: JobState,
  arrival: Arrival,
  { record: start, before }: Found,
  taken: TaskRecord,
  change: TaskChange,
  rules: JobRules,
  effects: Effects,
): void {
  const execId = taken.task
  const record = withPace(before, taken, engineKey(taken), arrival.atMs, rules, effects)
  observeTimes(record, rules.bounds, effects)
  countChange(before, record, effects)
  const exec = state.execs.get(execId)
  state.execs.set(execId, { ...exec, attempt: record.attempt, current: { ...exec?.current, [engineKey(record)]: record } })
  const jobBefore = state.job
  const job = jobBefore === undefined ? newJob(record, arrival.report, arrival.atMs) : copyOfJob(state)
  state.job = job
  takeJobFacts(job, arrival, record, change, effects)
  replaceInSummary(job, before, record)
  concludeJob(job, jobScopedRecord(state, job), record, arrival.atMs)
  const learned = rules.learning.get(record.labels.taskType)
  if (learned !== undefined) takeLearning(job, learned, heardOf(arrival, start, record, change), effects)
  jobChanged(job, jobBefore, arrival.atMs, rules, effects)
  if (hasGaps(record.streams) || (before !== undefined && hasGaps(before.streams))) scheduleGaps(state, execId, rules, effects)
  scheduleRegister(job, before, record, arrival.atMs, rules, effects)
  if (before !== undefined && isOtherEngine(before, record)) effects.events.push(goneFrom(before))
  effects.events.push({ kind: 'task', record }, { kind: 'job', record: job })
}

/**
 * Until a task's engine has surely been told of it, or the task has ended, the shard's owner looks after that. Likewise when
 * one that was given up is reported again, which the old start of an engine may do that is lost or has begun anew.
 */
function scheduleRegister(
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

const goneFrom = ({ namespace, jobId, task, engine }: TaskRecord): ScopeEvent => ({
  kind: 'task-gone',
  namespace,
  jobId,
  task,
  engine: engine.instance,
})

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

function takeJobFacts(job: JobRecord, { report, atMs }: Arrival, record: TaskRecord, change: TaskChange, effects: Effects): void {
  job.lastReportAtMs = Math.max(job.lastReportAtMs, atMs)
  const uid = uidOf(report)
  if (uid !== undefined) job.uid ??= uid
  if (record.scope === 'job') job.jobScopedTask = record.task
  if (change.outcome !== 'applied') return
  job.engine = report.engine.instance
  if (report.engine.user !== undefined) job.user = report.engine.user
  if (report.attributes !== undefined) job.attributes = record.attributes
  takeKeptFacts(job, report, effects)
}

export function jobScopedRecord(state: JobState, job: JobRecord): TaskRecord | undefined {
  return job.jobScopedTask === undefined ? undefined : recordAt(state.execs.get(job.jobScopedTask), '')
}

/** @returns how many lines were refused because the outbox is full */
function takeLines(arrival: Arrival, record: TaskRecord, circumstances: Circumstances, effects: Effects): number {
  const lines = arrival.report.logs ?? []
  if (lines.length === 0) return 0
  if (!circumstances.hasRoomForLines) {
    rememberRefusal(record, arrival, lines.length)
    return lines.length
  }
  const order = arrival.report.seq ?? record.applied
  effects.lines.push(packLines(arrival.report, record.labels, lines, order, arrival.atMs))
  return 0
}

const refusalsMax = 64

function rememberRefusal(record: TaskRecord, { report }: Arrival, lines: number): void {
  if (report.seq === undefined) return
  const refusal: [string, number, number] = [report.engine.incarnation ?? record.incarnation, report.seq, lines]
  record.refusedLines = [...(record.refusedLines ?? []), refusal].slice(-refusalsMax)
}

function outcomeOf(change: TaskChange, { report }: Arrival, rules: JobRules, found: Found): JobOutcome {
  const { record, outcome } = change
  const missing = missingOf(record.streams, rules.gaps, report.scope === 'job' ? report.engine.instance : undefined)
  const result: ReportResult = missing.length === 0 ? { outcome } : { outcome, missing }
  return { result, engine: found.isOlder ? { stampUs: 0 } : linkOf(change, report, found.before, found.formerEngines ?? []) }
}

const refusals = {
  OPEN_JOBS_LIMIT: 'the namespace has too many open jobs',
  JOB_TASKS_LIMIT: 'the job has too many tasks',
  REPORT_INVALID: 'the number is more than 1,000,000 beyond the newest known one',
} as const

function refused(code: keyof typeof refusals, path: string): JobOutcome {
  return { result: { outcome: 'rejected', code, path, message: refusals[code] } }
}

/** Whether somebody numbers the reports of this task: two accounts of one worker would be counted twice. */
function isReported({ execs }: JobState, { report }: Arrival): boolean {
  const exec = execs.get(report.execId ?? '')
  return Object.values(exec?.current ?? {}).some(({ streams }) => streams.some(({ newest }) => newest > 0))
}

function isOneTaskTooMany({ job, execs }: JobState, { report }: Arrival, rules: JobRules): boolean {
  if (job === undefined || job.taskCount < rules.tasksMax) return false
  const exec = execs.get(report.execId ?? '')
  return exec === undefined || (report.attempt === exec.attempt && recordAt(exec, engineKey(report)) === undefined)
}
