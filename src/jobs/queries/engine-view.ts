import type { EngineRecord, EngineState } from '../records.ts'
import { totalOf } from '../records.ts'
import { type EngineInsightView, engineInsight } from './insight-view.ts'
import { type EngineFactsView, engineFactsView } from './task-view.ts'
import { momentOf } from './times.ts'

/** A row of the engine list, and what an `engine` event of the stream says. */
export type EngineSummary = {
  readonly instance: string
  readonly engineType: string
  readonly state: EngineState
  /** Live: not suspect and not lost. */
  readonly up: boolean
  readonly facts: EngineFactsView
  /** `running`, `pending`, `limit` as reported last; `succeeded`, `failed` over all incarnations. */
  readonly counts: {
    readonly running: number | null
    readonly pending: number | null
    readonly limit: number | null
    readonly succeeded: number | null
    readonly failed: number | null
  }
  readonly restarts: number
  /** Seconds spent in each state, over all incarnations. */
  readonly stateSeconds: {
    readonly idle: number | null
    readonly busy: number | null
    readonly locked: number | null
    readonly unlocked: number | null
  }
  readonly attributes: Readonly<Record<string, string>>
  readonly insight: EngineInsightView
  readonly timestamps: { readonly firstSeen: string | null; readonly lastReport: string | null }
}

/** A task that is open, or lost, on an engine. */
export type EngineTask = { readonly namespace: string; readonly jobId: string; readonly execId: string }

export type EngineView = EngineSummary & {
  /** Open and lost tasks within the caller's reach. */
  readonly tasks: readonly EngineTaskView[]
  /** What its open tasks use together, as far as the tasks listed say it. */
  readonly usage: {
    readonly memoryBytes: number | null
    readonly gpuMemoryBytes: number | null
    readonly cpuSeconds: number | null
  }
  readonly isTruncated: boolean
}

export type EngineTaskView = EngineTask & {
  readonly status: string | null
  readonly progress: number | null
  readonly etaSeconds: number | null
}

export function engineSummary(record: EngineRecord): EngineSummary {
  return {
    instance: record.instance,
    engineType: record.engineType,
    state: record.state,
    up: record.state === 'live',
    facts: engineFactsView(record.facts, record.incarnation),
    counts: {
      running: record.counts.running ?? null,
      pending: record.counts.pending ?? null,
      limit: record.counts.limit ?? null,
      succeeded: totalOf(record.finished.succeeded) ?? null,
      failed: totalOf(record.finished.failed) ?? null,
    },
    restarts: record.restarts,
    stateSeconds: {
      idle: totalOf(record.stateSeconds.idle) ?? null,
      busy: totalOf(record.stateSeconds.busy) ?? null,
      locked: totalOf(record.stateSeconds.locked) ?? null,
      unlocked: totalOf(record.stateSeconds.unlocked) ?? null,
    },
    attributes: record.attributes,
    insight: engineInsight(record),
    timestamps: { firstSeen: momentOf(record.firstSeenAtMs), lastReport: momentOf(record.lastReportAtMs) },
  }
}
