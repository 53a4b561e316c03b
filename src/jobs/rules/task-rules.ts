/** What one report does to the record of its task. Pure: a record goes in, a new one comes out. */
import type { Report, TaskError } from '../../report/report.ts'
import { isEnd, type TaskStatus } from '../../report/status.ts'
import type { TaskLabels, TaskRecord } from '../records.ts'
import { endedApplications, nextApplications, withOvertaken } from './applications.ts'
import { withNews } from './facts.ts'
import { type Placed, placeReport, type Source } from './order.ts'
import { nextProgress, reportedProgress } from './progress.ts'
import type { Arrival, TaskRules } from './task-arrival.ts'
import { firstStatus, nextStatus, takeStatus } from './task-status.ts'
import { newTimes, takeEndTime, takeStartTimes } from './task-times.ts'
import { adoptIncarnation, merged, nextUsage, takeCumulative, takeMetrics } from './task-values.ts'

export type TaskOutcome = 'applied' | 'late' | 'duplicate' | 'stale' | 'closed' | 'rejected'

export type TaskChange = {
  readonly outcome: TaskOutcome
  readonly record: TaskRecord
  /** Reports given up as lost because there were too many gaps. */
  readonly reportsLost: number
}

/** A task that was never heard of, before its first report is taken in. */
export function newTask({ report, atMs }: Arrival, labels: TaskLabels): TaskRecord {
  return {
    namespace: report.namespace,
    jobId: report.jobId,
    task: report.execId ?? '',
    attempt: report.attempt,
    scope: report.scope,
    labels,
    engine: { instance: report.engine.instance },
    incarnation: '',
    status: firstStatus(report),
    progress: 0,
    hasProgress: false,
    progressInfo: [],
    applications: [],
    usage: {},
    metrics: {},
    counters: {},
    attributes: {},
    ...newTimes(report, atMs),
    lastReportAtMs: atMs,
    streams: [],
    engineStampUs: 0,
    applied: 0,
  }
}

/** Judges a report against the record of its attempt and takes in what its place allows. */
export function takeReport(known: TaskRecord, arrival: Arrival, rules: TaskRules): TaskChange {
  const { report, atMs } = arrival
  const placed = placeReport(known.streams, sourceOf(report), atMs, rules.gaps)
  if (placed.place === 'jump') return { outcome: 'rejected', record: known, reportsLost: 0 }
  if (placed.place === 'duplicate') return { outcome: 'duplicate', record: known, reportsLost: 0 }
  const record = placedRecord(known, placed, atMs)
  const outcome = takeByPlace(record, arrival, placed, rules)
  return { outcome, record, reportsLost: placed.lost }
}

/** A job-scoped record is kept for all engines that report it: each of them counts for itself. */
function sourceOf({ scope, engine: { instance, incarnation }, seq }: Report): Source {
  return scope === 'job' ? { engine: instance, incarnation, seq } : { incarnation, seq }
}

function takeByPlace(record: TaskRecord, arrival: Arrival, placed: Placed, rules: TaskRules): TaskOutcome {
  if (placed.place === 'newest') {
    record.engineStampUs = arrival.stampUs
    if (isEnd(record.status)) return 'closed'
    takeAll(record, arrival, placed, rules)
    return 'applied'
  }
  takeBehind(record, arrival, placed, rules)
  return placed.place === 'late' ? 'late' : 'stale'
}

/** A report that others have overtaken: what only grows, the earliest moments, and an end that was not known. */
function takeBehind(record: TaskRecord, arrival: Arrival, placed: Placed, rules: TaskRules): void {
  const { report, atMs } = arrival
  takeStartTimes(record, report, report.status, atMs)
  takeCumulative(record, report, placed, rules)
  if (placed.place === 'late') record.applications = withOvertaken(record.applications, report.resources)
  const status = placed.place === 'late' && !isEnd(record.status) ? report.status : undefined
  if (status !== undefined && isEnd(status)) takeLateEnd(record, arrival, status)
}

/** A copy that knows of this report's number and incarnation. */
function placedRecord(known: TaskRecord, placed: Placed, atMs: number): TaskRecord {
  const incarnation = placed.streams[0]?.incarnation ?? ''
  const record: TaskRecord = {
    ...known,
    streams: placed.streams,
    incarnation,
    lastReportAtMs: Math.max(known.lastReportAtMs, atMs),
  }
  if (known.incarnation === '' && incarnation !== '' && known.applied > 0) adoptIncarnation(record, incarnation)
  record.applied = known.applied + 1
  return record
}

/** The newest report of an attempt that has not ended. */
function takeAll(record: TaskRecord, arrival: Arrival, placed: Placed, rules: TaskRules): void {
  const { report, atMs } = arrival
  const status = nextStatus(record, report)
  takeStatus(record, status)
  takeStartTimes(record, report, status, atMs)
  takeProgress(record, report)
  const isSameEngine = record.engine.instance === report.engine.instance
  record.engine = isSameEngine ? withNews(record.engine, report.engine) : report.engine
  if (report.progressInfo !== undefined) record.progressInfo = report.progressInfo
  record.applications = nextApplications(record.applications, report.resources)
  if (report.usage !== undefined) record.usage = nextUsage(record.usage, report.usage)
  takeMetrics(record, report, rules)
  takeCumulative(record, report, placed, rules)
  if (report.attributes !== undefined) record.attributes = merged(record.attributes, report.attributes)
  takeError(record, report.error)
  if (isEnd(status)) takeEnd(record, arrival, status)
}

/** An end is taken even from a late report, with what it carries of progress, error and resources. */
function takeLateEnd(record: TaskRecord, arrival: Arrival, status: TaskStatus): void {
  takeStatus(record, status)
  takeProgress(record, arrival.report)
  record.applications = nextApplications(record.applications, arrival.report.resources)
  takeError(record, arrival.report.error)
  takeEnd(record, arrival, status)
}

function takeEnd(record: TaskRecord, arrival: Arrival, status: TaskStatus): void {
  takeEndTime(record, arrival.report, status, arrival.atMs)
  record.applications = endedApplications(record.applications)
  if (status === 'succeeded') delete record.error
}

function takeProgress(record: TaskRecord, report: Report): void {
  const reported = reportedProgress(report)
  record.progress = nextProgress(record.progress, reported, record.status)
  record.hasProgress ||= reported !== undefined || record.status === 'succeeded'
}

function takeError(record: TaskRecord, error: TaskError | undefined): void {
  if (error === undefined) return
  if (error.code === undefined && error.message === undefined) delete record.error
  else record.error = error
}
