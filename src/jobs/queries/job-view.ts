import type { SubtaskProgress } from '../../report/report.ts'
import type { TaskStatus } from '../../report/status.ts'
import { type Eta, etaOf } from '../eta.ts'
import type { JobRecord, TaskRecord } from '../records.ts'
import type { KnownRuns } from '../run-history.ts'
import { type EtaView, etaView, findingsOf, type InsightView, insightView } from './insight-view.ts'
import {
  counterTotals,
  type DurationsView,
  type EngineFactsView,
  type ErrorView,
  engineFactsView,
  errorView,
  type ResourcesView,
  resourcesView,
  type TaskView,
  taskView,
  type UsageView,
  usageView,
} from './task-view.ts'
import { secondsOf, type Timestamps, timestampsOf } from './times.ts'

/** A row of the job list, and what a `job` event of the stream says. */
export type JobSummary = {
  readonly namespace: string
  readonly jobId: string
  readonly taskType: string
  readonly engineType: string
  /** The engine that reported last. */
  readonly engine: EngineFactsView
  readonly user: string | null
  readonly status: TaskStatus
  readonly progress: number
  readonly taskCount: number
  readonly taskCountByStatus: Readonly<Partial<Record<TaskStatus, number>>>
  readonly timestamps: Timestamps
  readonly durations: DurationsView
  readonly error: ErrorView | null
  readonly attributes: Readonly<Record<string, string>>
  /** The same as `eta.seconds`. */
  readonly etaSeconds: number | null
  readonly eta: EtaView
}

/** Everything known of one job: the same shape while it runs and afterwards. */
export type JobView = JobSummary & {
  readonly progressInfo: readonly SubtaskProgress[]
  /** Tasks of the newest attempts, oldest first; the newest of them when there are more than the limit. */
  readonly tasks: readonly TaskView[]
  /** Earlier attempts and runs, newest first, bounded like `tasks`. */
  readonly attempts: readonly TaskView[]
  /** A list here leaves some out; sums and counts are over all. */
  readonly isTruncated: boolean
  /** What was found out about any of its tasks, since when. */
  readonly insight: InsightView
  readonly resources: ResourcesView
  readonly usage: UsageView
  readonly metadata: unknown
  readonly lineage: unknown
  readonly workflowToken: unknown
  /** By field name: counters summed over the tasks, of the others the value reported last. */
  readonly algorithmMetrics: Readonly<Record<string, unknown>>
}

export function jobSummary(record: JobRecord, runs: KnownRuns): JobSummary {
  const eta = etaView(jobEta(record, runs))
  return {
    namespace: record.namespace,
    jobId: record.jobId,
    taskType: record.taskType,
    engineType: record.engineType,
    engine: engineFactsView({ instance: record.engine, engineType: record.engineType }, ''),
    user: record.user ?? null,
    status: record.status,
    progress: record.progress,
    taskCount: record.taskCount,
    taskCountByStatus: record.taskCountByStatus,
    timestamps: timestampsOf(record),
    durations: durationsOf(record),
    error: errorView(record.error),
    attributes: record.attributes,
    etaSeconds: eta.seconds,
    eta,
  }
}

export function jobView(
  record: JobRecord,
  tasks: readonly TaskRecord[],
  attempts: readonly TaskRecord[],
  shownMax: number,
  runs: KnownRuns,
): JobView {
  const inOrder = [...tasks].sort((a, b) => a.firstArrivalAtMs - b.firstArrivalAtMs || compareText(a.task, b.task))
  const older = [...attempts].sort((a, b) => b.firstArrivalAtMs - a.firstArrivalAtMs || b.attempt - a.attempt)
  const views = inOrder.slice(-shownMax).map((task) => taskView(task, runs))
  const summary = jobSummary(record, runs)
  const progressInfo = inOrder.flatMap((task) => task.progressInfo)
  const resources = resourcesView(inOrder.flatMap((task) => task.applications))
  const last = inOrder.filter((task) => task.engine.instance === record.engine).at(-1)
  return {
    ...summary,
    engine: last === undefined ? summary.engine : engineFactsView(last.engine, last.incarnation),
    progressInfo: progressInfo.slice(-shownMax),
    tasks: views,
    attempts: older.slice(0, shownMax).map((task) => taskView(task, runs)),
    isTruncated: [tasks, attempts, progressInfo, resources.applications].some((list) => list.length > shownMax),
    insight: insightView(inOrder.map(findingsOf)),
    resources: { applications: resources.applications.slice(-shownMax), totals: resources.totals },
    usage: usageOf(inOrder.map((task) => usageView(task.usage))),
    metadata: record.metadata ?? null,
    lineage: record.lineage ?? null,
    workflowToken: record.workflowToken ?? null,
    algorithmMetrics: metricsOf(inOrder),
  }
}

function durationsOf(record: JobRecord): DurationsView {
  if (record.startedAtMs === undefined) return { queueSeconds: null, runSeconds: null }
  const queueMs = Math.max(0, record.startedAtMs - record.submittedAtMs)
  if (record.endedAtMs === undefined) {
    return {
      queueSeconds: secondsOf(queueMs),
      runSeconds: secondsOf(Math.max(0, record.lastReportAtMs - startedArrivalOf(record))),
    }
  }
  const byEngine = record.endedAtMs - record.startedAtMs
  const byArrival = (record.endedArrivalAtMs ?? record.lastReportAtMs) - startedArrivalOf(record)
  return { queueSeconds: secondsOf(queueMs), runSeconds: secondsOf(byEngine >= 0 ? byEngine : Math.max(0, byArrival)) }
}

/** When the start arrived, by the store's clock: the first arrival, and the wait as the engines' clock measured it. */
function startedArrivalOf(record: JobRecord): number {
  const queueMs = Math.max(0, (record.startedAtMs ?? record.submittedAtMs) - record.submittedAtMs)
  return Math.min(record.firstArrivalAtMs + queueMs, record.lastReportAtMs)
}

/** Earlier runs are runs of tasks: they speak for a job of one task alone. */
function jobEta(record: JobRecord, runs: KnownRuns): Eta | undefined {
  if (record.startedAtMs === undefined) return undefined
  const { status, progress, lastReportAtMs } = record
  const subject = { status, progress, hasProgress: true, startedArrivalAtMs: startedArrivalOf(record), lastReportAtMs }
  return etaOf(subject, record.taskCount === 1 ? runs(record.labels) : undefined)
}

function usageOf(usages: readonly UsageView[]): UsageView {
  const ratios = usages.map((usage) => usage.gpuUtilizationRatio).filter((ratio) => ratio !== null)
  return {
    cpuSeconds: sumOf(usages.map((usage) => usage.cpuSeconds)),
    memoryBytes: sumOf(usages.map((usage) => usage.memoryBytes)),
    gpuMemoryBytes: sumOf(usages.map((usage) => usage.gpuMemoryBytes)),
    // A sum of ratios means nothing: the mean does.
    gpuUtilizationRatio: ratios.length === 0 ? null : ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length,
  }
}

/** Null when nobody said anything, so that "not known" never reads as zero. */
function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
}

function metricsOf(tasks: readonly TaskRecord[]): Record<string, unknown> {
  const byLastReport = [...tasks].sort((a, b) => a.lastReportAtMs - b.lastReportAtMs)
  const values = new Map<string, unknown>()
  for (const task of byLastReport) for (const [name, value] of Object.entries(task.metrics)) values.set(name, value)
  const totals = new Map<string, number>()
  for (const task of tasks)
    for (const [name, total] of Object.entries(counterTotals(task))) totals.set(name, (totals.get(name) ?? 0) + total)
  return Object.fromEntries([...values, ...totals])
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
