import type { Application, EngineFacts, SubtaskProgress, TaskError } from '../../report/report.ts'
import type { TaskStatus } from '../../report/status.ts'
import { type TaskRecord, totalOf } from '../records.ts'
import { queueMsOf, runMsOf } from '../rules/task-times.ts'
import type { KnownRuns } from '../run-history.ts'
import { type EtaView, findingsOf, type InsightView, insightView, taskEta } from './insight-view.ts'
import { secondsOf, type Timestamps, timestampsOf } from './times.ts'

export type ErrorView = { readonly code: string | null; readonly message: string | null }

/** Applications as last reported, and the sums over those that are live. */
export type ResourcesView = {
  readonly applications: readonly Application[]
  readonly totals: { readonly memoryBytes: number; readonly cpuCores: number; readonly containers: number }
}

export type UsageView = {
  readonly cpuSeconds: number | null
  readonly memoryBytes: number | null
  readonly gpuMemoryBytes: number | null
  readonly gpuUtilizationRatio: number | null
}

/** `runSeconds` goes to the last report while the end has not come. */
export type DurationsView = { readonly queueSeconds: number | null; readonly runSeconds: number | null }

export type EngineFactsView = {
  readonly instance: string
  readonly engineType: string | null
  readonly engineVersion: string | null
  readonly incarnation: string | null
  readonly ticketId: string | null
  readonly ecmInstance: string | null
  readonly node: string | null
  readonly user: string | null
  readonly creator: string | null
  readonly status: string | null
}

/** One attempt of a task on one engine, the same shape while it runs and afterwards. */
export type TaskView = {
  readonly execId: string
  readonly attempt: number
  /** `job`: this task speaks for the whole job. */
  readonly scope: 'task' | 'job'
  readonly engine: EngineFactsView
  readonly status: TaskStatus
  readonly progress: number
  readonly progressInfo: readonly SubtaskProgress[]
  readonly resources: ResourcesView
  readonly usage: UsageView
  /** By field name: the newest value, and for counters their total. */
  readonly algorithmMetrics: Readonly<Record<string, unknown>>
  readonly attributes: Readonly<Record<string, string>>
  readonly error: ErrorView | null
  readonly timestamps: Timestamps
  readonly durations: DurationsView
  /** Newest sequence number of the newest incarnation, and the ranges below it that never came. */
  readonly seq: number | null
  readonly missing: readonly (readonly [from: number, to: number])[]
  /** The same as `eta.seconds`. */
  readonly etaSeconds: number | null
  readonly eta: EtaView
  readonly insight: InsightView
}

export function taskView(record: TaskRecord, runs: KnownRuns): TaskView {
  const stream = record.streams[0]
  const eta = taskEta(record, runs)
  return {
    execId: record.task,
    attempt: record.attempt,
    scope: record.scope,
    engine: engineFactsView(record.engine, record.incarnation),
    status: record.status,
    progress: record.progress,
    progressInfo: record.progressInfo,
    resources: resourcesView(record.applications),
    usage: usageView(record.usage),
    algorithmMetrics: { ...record.metrics, ...counterTotals(record) },
    attributes: record.attributes,
    error: errorView(record.error),
    timestamps: timestampsOf(record),
    durations: { queueSeconds: secondsOf(queueMsOf(record)), runSeconds: secondsOf(runMsSoFar(record)) },
    seq: stream === undefined || stream.newest === 0 ? null : stream.newest,
    missing: (stream?.missing ?? []).map(([from, to]) => [from, to] as const),
    etaSeconds: eta.seconds,
    eta,
    insight: insightView([findingsOf(record)]),
  }
}

/** Totals of the task's counters over all incarnations, by field name. */
export function counterTotals(record: Pick<TaskRecord, 'counters'>): Record<string, number> {
  return Object.fromEntries(Object.entries(record.counters).map(([name, value]) => [name, totalOf(value) ?? 0]))
}

export function engineFactsView(facts: EngineFacts, incarnation: string): EngineFactsView {
  return {
    instance: facts.instance,
    engineType: facts.engineType ?? null,
    engineVersion: facts.engineVersion ?? null,
    incarnation: incarnation === '' ? (facts.incarnation ?? null) : incarnation,
    ticketId: facts.ticketId ?? null,
    ecmInstance: facts.ecmInstance ?? null,
    node: facts.node ?? null,
    user: facts.user ?? null,
    creator: facts.creator ?? null,
    status: facts.status ?? null,
  }
}

export function resourcesView(applications: readonly Application[]): ResourcesView {
  const totals = { memoryBytes: 0, cpuCores: 0, containers: 0 }
  for (const application of applications) {
    if (!application.live) continue
    totals.memoryBytes += application.queueMemory
    totals.cpuCores += application.queueCores
    totals.containers += application.queueInstances
  }
  return { applications, totals }
}

export function errorView(error: TaskError | undefined): ErrorView | null {
  return error === undefined ? null : { code: error.code ?? null, message: error.message ?? null }
}

export function usageView(usage: TaskRecord['usage']): UsageView {
  return {
    cpuSeconds: totalOf(usage.cpuSeconds) ?? null,
    memoryBytes: usage.memoryBytes ?? null,
    gpuMemoryBytes: usage.gpuMemoryBytes ?? null,
    gpuUtilizationRatio: usage.gpuUtilizationRatio ?? null,
  }
}

function runMsSoFar(record: TaskRecord): number | undefined {
  if (record.endedAtMs !== undefined) return runMsOf(record)
  return record.startedArrivalAtMs === undefined ? undefined : Math.max(0, record.lastReportAtMs - record.startedArrivalAtMs)
}
