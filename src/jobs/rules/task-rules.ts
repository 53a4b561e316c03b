/** What one report does to the record of its task. Pure: a record goes in, a new one comes out. */
import type { LearningType, MergeKind } from '../../catalogue/index.ts'
import type { Report, TaskError, Usage } from '../../report/report.ts'
import { isEnd, isOpen, type OpenStatus, type TaskStatus } from '../../report/status.ts'
import type { Cumulative, TaskLabels, TaskRecord } from '../records.ts'
import { endedApplications, nextApplications, withOvertaken } from './applications.ts'
import { accumulate, adopted } from './cumulative.ts'
import { withNews } from './facts.ts'
import { takeLearned } from './learned-task.ts'
import { type GapLimits, type Placed, placeReport, type Source } from './order.ts'
import { nextProgress, reportedProgress } from './progress.ts'
import { newTimes, takeEndTime, takeStartTimes } from './task-times.ts'

/** Says of an algorithm metric whether it is a cumulative value. */
export type MetricKind = (taskType: string, field: string) => MergeKind

export type TaskRules = {
  readonly gaps: GapLimits
  readonly metricKind: MetricKind
  /** Task types whose fields have meanings of their own. */
  readonly learning: ReadonlyMap<string, LearningType>
}

/** One report with the moment it reached us. */
export type Arrival = { readonly report: Report; readonly atMs: number; readonly stampUs: number }

export type TaskOutcome = 'applied' | 'late' | 'duplicate' | 'stale' | 'closed' | 'rejected'

export type TaskChange = {
  readonly outcome: TaskOutcome
  readonly record: TaskRecord
  /** Reports given up as lost because there were too many gaps. */
  readonly reportsLost: number
}

const namesMax = 256

type Metrics = TaskRecord['metrics']

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

/** Where a task stands as its first report finds it; an end is taken in like any other. */
function firstStatus(report: Report): OpenStatus {
  if (report.status !== undefined && isOpen(report.status)) return report.status
  return reportedProgress(report) === undefined ? 'inited' : 'running'
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

function adoptIncarnation(record: TaskRecord, incarnation: string): void {
  const cpuSeconds = adopted(record.usage.cpuSeconds, incarnation)
  if (cpuSeconds !== undefined) record.usage = { ...record.usage, cpuSeconds }
  record.counters = Object.fromEntries(
    Object.entries(record.counters).map(([name, value]) => [name, adopted(value, incarnation) as Cumulative]),
  )
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

/** Gauges of the newest report over those known; what is cumulative is taken for itself. */
function nextUsage(known: TaskRecord['usage'], reported: Usage): TaskRecord['usage'] {
  const usage = { ...known }
  if (reported.memoryBytes !== undefined) usage.memoryBytes = reported.memoryBytes
  if (reported.gpuMemoryBytes !== undefined) usage.gpuMemoryBytes = reported.gpuMemoryBytes
  if (reported.gpuUtilizationRatio !== undefined) usage.gpuUtilizationRatio = reported.gpuUtilizationRatio
  return usage
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

/** Takes in what only grows, whatever the report's place. */
function takeCumulative(record: TaskRecord, report: Report, placed: Placed, rules: TaskRules): void {
  const isNewest = placed.place === 'newest'
  const cpu = report.usage?.cpuSeconds
  if (cpu !== undefined) {
    const cpuSeconds = accumulate(record.usage.cpuSeconds, placed.incarnation, cpu, isNewest)
    if (cpuSeconds !== record.usage.cpuSeconds) record.usage = { ...record.usage, cpuSeconds }
  }
  if (report.algorithmMetrics === undefined) return
  const learned = rules.learning.get(record.labels.taskType)
  if (learned !== undefined) takeLearned(record, report.algorithmMetrics, learned, { incarnation: placed.incarnation, isNewest })
  for (const name in report.algorithmMetrics) {
    const value = report.algorithmMetrics[name]
    // What only grows is never negative.
    if (typeof value !== 'number' || value < 0 || rules.metricKind(record.labels.taskType, name) !== 'counter') continue
    const counter = accumulate(record.counters[name], placed.incarnation, value, isNewest)
    if (counter !== record.counters[name]) record.counters = { ...record.counters, [name]: counter }
  }
}

function takeMetrics(record: TaskRecord, report: Report, rules: TaskRules): void {
  const reported = report.algorithmMetrics
  if (reported === undefined) return
  const { taskType } = record.labels
  const isGauge = (name: string) => rules.metricKind(taskType, name) === 'gauge'
  if (namesAll(reported, record.metrics, isGauge)) {
    record.metrics = reported
    return
  }
  const metrics = { ...record.metrics }
  for (const name in reported) if (isGauge(name)) metrics[name] = reported[name]
  record.metrics = bounded(metrics)
}

/** The usual case, none now included: a report that names every gauge known, and nothing else. Then it is what is known. */
function namesAll(reported: Metrics, known: Metrics, isGauge: (name: string) => boolean): boolean {
  let count = 0
  for (const name in reported) {
    if (!isGauge(name)) return false
    count += 1
  }
  if (count === 0) return true
  for (const name in known) if (!Object.hasOwn(reported, name)) return false
  return count <= namesMax
}

function nextStatus(record: TaskRecord, report: Report): TaskStatus {
  const known = record.status === 'lost' ? (record.statusBeforeLost ?? 'running') : record.status
  const reported = report.status
  if (reported === undefined) return known
  const isStepBack = (known === 'running' || known === 'suspended') && (reported === 'inited' || reported === 'scheduled')
  return isStepBack && report.seq === undefined ? known : reported
}

function takeStatus(record: TaskRecord, status: TaskStatus): void {
  if (record.status === 'lost' && (record.error?.code === 'ENGINE_LOST' || record.error?.code === 'ENGINE_RESTARTED'))
    delete record.error
  delete record.statusBeforeLost
  record.status = status
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

/** Gives a task up because its engine fell silent or began anew. The record is left alone when it has spoken since. */
export function giveUpTask(known: TaskRecord, code: 'ENGINE_LOST' | 'ENGINE_RESTARTED', message: string): TaskRecord | undefined {
  if (!isOpen(known.status)) return undefined
  return {
    ...known,
    status: 'lost',
    statusBeforeLost: known.status,
    ...(known.error === undefined ? { error: { code, message } } : {}),
  }
}

/** A task that was given up goes on where it was, because its engine spoke again. */
export function takeUpTask(known: TaskRecord): TaskRecord | undefined {
  if (known.status !== 'lost') return undefined
  const record = { ...known }
  takeStatus(record, (known.statusBeforeLost ?? 'running') satisfies OpenStatus)
  return record
}

function merged(known: Record<string, string>, reported: Readonly<Record<string, string>>): Record<string, string> {
  return Object.keys(reported).length === 0 ? {} : bounded({ ...known, ...reported })
}

/** At most 256 names are kept; the oldest go. */
function bounded<T>(values: Record<string, T>): Record<string, T> {
  const names = Object.keys(values)
  return names.length <= namesMax ? values : Object.fromEntries(Object.entries(values).slice(-namesMax))
}
