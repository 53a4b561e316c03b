/** What one report does to its job: finds the record it speaks of, judges it, and keeps the job's sums true. */
import type { ReportResult } from '../../report/report.ts'
import { type JobRecord, recordAt, type ScopeEvent, type TaskRecord } from '../records.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects } from './effects.ts'
import { isOtherEngine, linkOf } from './engine-link.ts'
import { applyFetched } from './fetched.ts'
import { withPace } from './findings.ts'
import { engineKey, type Found, findRecord } from './found-record.ts'
import { jobChanged, jobScopedRecord, scheduleRegister } from './job-changes.ts'
import type { Circumstances, JobOutcome } from './job-outcome.ts'
import { copyOfJob, type JobRules, type JobState, scheduleGaps } from './job-state.ts'
import { concludeJob, newJob, replaceInSummary } from './job-summary.ts'
import { takeJobType } from './job-type.ts'
import { isOfFormer, replacedUids, uidOf } from './job-uid.ts'
import { takeKeptFacts } from './kept-facts.ts'
import { takeLearning } from './learned-job.ts'
import type { Heard } from './learned-values.ts'
import { putOlder, takeOlderType } from './older-attempts.ts'
import { hasGaps, missingOf } from './order.ts'
import { refusedBefore, takeFormer, takeLines, withRefusal } from './report-lines.ts'
import type { Arrival } from './task-arrival.ts'
import { countChange, observeTimes } from './task-counts.ts'
import { type TaskChange, takeReport } from './task-rules.ts'

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
    : applyFetched(state, arrival, circumstances.hasRoomForLines, effects, apply)
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
  if (found.isOlder) {
    putOlder(state, found, record, rules, effects)
    takeOlderType(state, arrival.report, effects)
  } else putCurrent(state, arrival, found, record, outcome, rules, effects)
  return withRefusal(outcomeOf(outcome, arrival, rules, found), linesRefused)
}

function heardOf({ report, atMs }: Arrival, start: TaskRecord, record: TaskRecord, { outcome }: TaskChange): Heard {
  return { report, atMs, start, record, place: outcome === 'applied' || outcome === 'late' ? outcome : 'other' }
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
  const job = jobBefore === undefined ? newJob(record, arrival.atMs) : copyOfJob(state)
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

const goneFrom = ({ namespace, jobId, task, engine }: TaskRecord): ScopeEvent => ({
  kind: 'task-gone',
  namespace,
  jobId,
  task,
  engine: engine.instance,
})

function takeJobFacts(job: JobRecord, { report, atMs }: Arrival, record: TaskRecord, change: TaskChange, effects: Effects): void {
  takeJobType(job, report)
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
