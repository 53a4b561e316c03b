/** What one report does to its job: finds the record it speaks of, judges it, and keeps the job's sums true. */
import type { ReportResult } from '../../report/report.ts'
import { isEnd } from '../../report/status.ts'
import type { ExecRecord, JobRecord, TaskLabels, TaskRecord } from '../records.ts'
import { totalOf } from '../records.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects, timerOf } from './effects.ts'
import { concludeJob, isOpenJob, newJob, replaceInSummary } from './job-summary.ts'
import { jobFinishedEntry, packLines } from './log-entry.ts'
import { hasGaps, isNewerIncarnation, missingOf, oldestGapAtMs } from './order.ts'
import { type Bounds, countChange, observeTimes } from './task-counts.ts'
import { type Arrival, giveUpTask, newTask, type TaskChange, type TaskRules, takeReport } from './task-rules.ts'

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
  /** Attempts of one task kept for the job's history. */
  readonly attemptsMax: number
}

/** What only the caller knows while a report is judged. */
export type Circumstances = { readonly labels: TaskLabels; readonly hasRoomForJob: boolean; readonly hasRoomForLines: boolean }

export type JobOutcome = {
  readonly result: ReportResult
  /** How the report bears on its engine; absent when it was refused. */
  readonly engine?: EngineLink
}

/** What a task's report means to its engine. */
export type EngineLink = {
  /** Order of arrival; 0 when the engine's gauges must not be taken from this report. */
  readonly stampUs: number
  /** Set when the task is to be entered in the engine's list of tasks, or taken out of it. */
  readonly task?: 'held' | 'released'
}

/** Applies one report to the loaded part of its job. */
export function applyReport(
  state: JobState,
  arrival: Arrival,
  circumstances: Circumstances,
  rules: JobRules,
  effects: Effects,
): JobOutcome {
  if (state.job === undefined && !circumstances.hasRoomForJob) return refused('OPEN_JOBS_LIMIT', 'namespace')
  const { report } = arrival
  const found = findRecord(state, arrival, circumstances.labels, rules, effects)
  const change = takeReport(found.record, arrival, rules)
  if (change.outcome === 'rejected') return refused('REPORT_INVALID', 'seq')
  const record = change.record
  if (change.reportsLost > 0) addTo(effects, counterFields.reportsLost(), change.reportsLost)
  if (change.outcome === 'duplicate') return outcomeOf(change, rules, report.seq)
  const linesRefused = takeLines(arrival, record, circumstances, effects)
  const outcome: TaskChange = found.isOlder ? { ...change, outcome: 'stale' } : change
  if (found.isOlder) putOlder(state, found, record, rules, effects)
  else putCurrent(state, arrival, found.before, record, outcome, rules, effects)
  const answered = outcomeOf(outcome, rules, undefined, found.before)
  if (linesRefused === 0) return answered
  return { ...answered, result: { ...answered.result, code: 'LOGS_REFUSED', logLinesRefused: linesRefused } }
}

type Found = {
  readonly record: TaskRecord
  readonly before: TaskRecord | undefined
  readonly isOlder: boolean
  readonly olderAt: number
}

const engineKey = (record: Pick<TaskRecord, 'scope' | 'engine'>) => (record.scope === 'job' ? '' : record.engine.instance)

/** The record a report speaks of; a new one for a task, an attempt or an engine that was not heard of. */
function findRecord(state: JobState, arrival: Arrival, labels: TaskLabels, rules: JobRules, effects: Effects): Found {
  const { report } = arrival
  const exec = state.execs.get(report.execId ?? '')
  if (exec === undefined) return newRecord(arrival, labels, undefined)
  if (report.attempt < exec.attempt) return findOlder(state, arrival, labels, () => true)
  const known = exec.current[report.scope === 'job' ? '' : report.engine.instance]
  const run = runOf(arrival, known)
  if (run === 'older') return findOlder(state, arrival, labels, (record) => record.incarnation === report.engine.incarnation)
  if (run === 'same' && report.attempt === exec.attempt) {
    return known === undefined
      ? newRecord(arrival, labels, undefined)
      : { record: known, before: known, isOlder: false, olderAt: -1 }
  }
  supersede(state, exec, arrival, rules, effects)
  return newRecord(arrival, labels, known)
}

/** @param carriedFrom the attempt before on the same engine, whose CPU time the task's counter goes on from */
function newRecord(arrival: Arrival, labels: TaskLabels, carriedFrom: TaskRecord | undefined): Found {
  const record = newTask(arrival, labels)
  const carried = (totalOf(carriedFrom?.usage.cpuSeconds) ?? 0) + (carriedFrom?.cpuSecondsCarried ?? 0)
  return {
    record: carried > 0 ? { ...record, cpuSecondsCarried: carried } : record,
    before: undefined,
    isOlder: false,
    olderAt: -1,
  }
}

/** An id that was made from the engine's name is used again by the engine's next start: another run of it. */
function runOf({ report }: Arrival, known: TaskRecord | undefined): 'same' | 'newer' | 'older' {
  const incarnation = report.engine.incarnation
  if (!report.isJobIdDerived || incarnation === undefined || known === undefined || known.incarnation === '') return 'same'
  if (known.streams.some((stream) => stream.incarnation === incarnation)) return 'same'
  return isNewerIncarnation(incarnation, known.incarnation) ? 'newer' : 'older'
}

function findOlder(state: JobState, arrival: Arrival, labels: TaskLabels, fits: (record: TaskRecord) => boolean): Found {
  const { report } = arrival
  const older = state.older.get(report.execId ?? '') ?? []
  const at = older.findIndex(
    (record) => record.attempt === report.attempt && record.engine.instance === report.engine.instance && fits(record),
  )
  const before = older[at]
  return { record: before ?? { ...newTask(arrival, labels), isSuperseded: true }, before, isOlder: true, olderAt: at }
}

/** A later attempt, or a new run of a derived id, takes the place of what counted so far. */
function supersede(state: JobState, exec: ExecRecord, arrival: Arrival, rules: JobRules, effects: Effects): void {
  const execId = arrival.report.execId ?? ''
  const job = copyOfJob(state)
  for (const known of Object.values(exec.current)) {
    const isNewRun = arrival.report.attempt === exec.attempt
    const ended = isNewRun ? giveUpTask(known, 'ENGINE_RESTARTED', 'the engine began anew and uses this id again') : undefined
    const superseded: TaskRecord = { ...(ended ?? known), isSuperseded: true }
    countChange(known, superseded, effects)
    replaceInSummary(job, known, undefined)
    effects.events.push({ kind: 'task', record: superseded })
    pushOlder(state, execId, superseded, rules)
  }
  state.job = job
  state.execs.set(execId, { attempt: arrival.report.attempt, current: {} })
}

function pushOlder(state: JobState, execId: string, record: TaskRecord, rules: JobRules): void {
  state.older.set(execId, [record, ...(state.older.get(execId) ?? [])].slice(0, rules.attemptsMax))
}

function putOlder(state: JobState, found: Found, record: TaskRecord, rules: JobRules, effects: Effects): void {
  const execId = record.task
  observeTimes(record, rules.bounds, effects)
  countChange(found.before, record, effects)
  if (found.olderAt < 0) pushOlder(state, execId, record, rules)
  else state.older.set(execId, (state.older.get(execId) ?? []).with(found.olderAt, record))
  if (hasGaps(record.streams) || (found.before !== undefined && hasGaps(found.before.streams)))
    scheduleGaps(state, execId, rules, effects)
}

function putCurrent(
  state: JobState,
  arrival: Arrival,
  before: TaskRecord | undefined,
  record: TaskRecord,
  change: TaskChange,
  rules: JobRules,
  effects: Effects,
): void {
  const execId = record.task
  observeTimes(record, rules.bounds, effects)
  countChange(before, record, effects)
  const exec = state.execs.get(execId)
  state.execs.set(execId, { attempt: record.attempt, current: { ...exec?.current, [engineKey(record)]: record } })
  const wasOpen = state.job !== undefined && isOpenJob(state.job)
  const isNewJob = state.job === undefined
  const job = state.job === undefined ? newJob(record, record.labels, arrival.atMs) : copyOfJob(state)
  state.job = job
  takeJobFacts(job, arrival, record, change)
  replaceInSummary(job, before, record)
  concludeJob(job, jobScopedRecord(state, job), record, arrival.atMs)
  jobChanged(job, { wasOpen, isNewJob }, arrival.atMs, rules, effects)
  if (hasGaps(record.streams) || (before !== undefined && hasGaps(before.streams))) scheduleGaps(state, execId, rules, effects)
  if (before === undefined) {
    effects.timers.push({
      member: timerOf.register(job, execId, record.engine.instance),
      atMs: arrival.atMs + 2 * rules.lostAfterMs,
    })
  }
  effects.events.push({ kind: 'task', record }, { kind: 'job', record: job })
}

/** Sets off what the opening or the end of a job brings with it. */
export function jobChanged(
  job: JobRecord,
  was: { readonly wasOpen: boolean; readonly isNewJob: boolean },
  atMs: number,
  rules: JobRules,
  effects: Effects,
): void {
  sampleHistory(job, atMs, effects)
  const isNowOpen = isOpenJob(job)
  if (isNowOpen !== was.wasOpen) addTo(effects, counterFields.openJobs(job.labels.namespace), isNowOpen ? 1 : -1)
  if (isNowOpen && !was.wasOpen && !was.isNewJob) effects.timers.push({ member: timerOf.expire(job), atMs: undefined })
  if (isNowOpen || (!was.wasOpen && !was.isNewJob)) return
  effects.timers.push({ member: timerOf.expire(job), atMs: atMs + rules.retentionMs })
  effects.ownLines.push(jobFinishedEntry(job, atMs))
}

function takeJobFacts(job: JobRecord, { report, atMs }: Arrival, record: TaskRecord, change: TaskChange): void {
  job.lastReportAtMs = Math.max(job.lastReportAtMs, atMs)
  if (record.scope === 'job') job.jobScopedTask = record.task
  if (change.outcome !== 'applied') return
  job.engine = report.engine.instance
  if (report.engine.user !== undefined) job.user = report.engine.user
  if (report.attributes !== undefined) job.attributes = record.attributes
  if (report.metadata !== undefined) job.metadata = report.metadata
  if (report.lineage !== undefined) job.lineage = report.lineage
  if (report.workflowToken !== undefined) job.workflowToken = report.workflowToken
}

export function jobScopedRecord(state: JobState, job: JobRecord): TaskRecord | undefined {
  return job.jobScopedTask === undefined ? undefined : state.execs.get(job.jobScopedTask)?.current['']
}

export function copyOfJob(state: JobState): JobRecord {
  if (state.job === undefined) throw new Error('a job that was not loaded cannot be changed')
  return { ...state.job }
}

/** @returns how many lines were refused because the outbox is full */
function takeLines(arrival: Arrival, record: TaskRecord, circumstances: Circumstances, effects: Effects): number {
  const lines = arrival.report.logs ?? []
  if (lines.length === 0) return 0
  if (!circumstances.hasRoomForLines) return lines.length
  const order = arrival.report.seq ?? record.applied
  effects.lines.push(packLines(arrival.report, record.labels, lines, order, arrival.atMs))
  return 0
}

/** Sets the timer at which the oldest gap of a task is given up, or takes it away. */
export function scheduleGaps(state: JobState, execId: string, rules: JobRules, effects: Effects): void {
  const records = [...Object.values(state.execs.get(execId)?.current ?? {}), ...(state.older.get(execId) ?? [])]
  const oldest = records.map((record) => oldestGapAtMs(record.streams)).filter((at) => at !== undefined)
  const job = state.job
  if (job === undefined) return
  const atMs = oldest.length === 0 ? undefined : Math.min(...oldest) + rules.gapTimeoutMs
  effects.timers.push({ member: timerOf.gaps(execId, job), atMs })
}

const sampleShareOfAge = 100
const sampleEveryMsMin = 1_000

/** Keeps a sample when something is worth one: the distance grows with the job's age, so that their number stays small. */
function sampleHistory(job: JobRecord, atMs: number, effects: Effects): void {
  const everyMs = Math.max(sampleEveryMsMin, (atMs - job.firstArrivalAtMs) / sampleShareOfAge)
  const isDue = job.lastSampleAtMs === undefined || atMs - job.lastSampleAtMs >= everyMs
  if (!isDue && job.lastSampleStatus === job.status) return
  job.lastSampleAtMs = atMs
  job.lastSampleStatus = job.status
  effects.samples.push({ at: atMs, status: job.status, progress: job.progress, tasks: job.taskCount })
}

function outcomeOf(change: TaskChange, rules: JobRules, duplicateSeq: number | undefined, before?: TaskRecord): JobOutcome {
  const { record, outcome } = change
  const missing = missingOf(record.streams, rules.gaps)
  const result: ReportResult = missing.length === 0 ? { outcome } : { outcome, missing }
  const isRepeatOfNewest = duplicateSeq !== undefined && record.streams[0]?.newest === duplicateSeq
  const isNewest = outcome === 'applied' || outcome === 'closed' || isRepeatOfNewest
  const stampUs = isNewest ? record.engineStampUs : 0
  const isNews = outcome === 'duplicate' || before === undefined || isHeld(before) !== isHeld(record)
  return { result, engine: isNews ? { stampUs, task: isHeld(record) ? 'held' : 'released' } : { stampUs } }
}

/** Whether the task is still in its engine's hands: open, or lost and perhaps taken up again. */
export const isHeld = (record: TaskRecord): boolean => record.isSuperseded !== true && !isEnd(record.status)

function refused(code: 'OPEN_JOBS_LIMIT' | 'REPORT_INVALID', path: string): JobOutcome {
  const message =
    code === 'OPEN_JOBS_LIMIT'
      ? 'the namespace has too many open jobs'
      : 'the number is more than 1,000,000 beyond the newest known one'
  return { result: { outcome: 'rejected', code, path, message } }
}
