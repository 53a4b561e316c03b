import { type Eta, type EtaBasis, etaOf } from '../eta.ts'
import type { EngineRecord, TaskFindings, TaskRecord } from '../records.ts'
import type { KnownRuns } from '../run-history.ts'
import { momentOf } from './times.ts'

/** Time left as of the last report; all null when it is not known. */
export type EtaView = {
  readonly seconds: number | null
  /** The time left lies between these two in about four of five cases. */
  readonly lowSeconds: number | null
  readonly highSeconds: number | null
  readonly basis: EtaBasis | null
}

/** What the aggregator found out by itself about a running task, or about any running task of a job. */
export type InsightView = {
  readonly stalled: boolean
  readonly stalledSince: string | null
  readonly overdue: boolean
  readonly overdueSince: string | null
  readonly straggler: boolean
  readonly stragglerSince: string | null
}

/** `flapping`: started anew again and again, as of its last report. */
export type EngineInsightView = { readonly flapping: boolean }

const noEta: EtaView = { seconds: null, lowSeconds: null, highSeconds: null, basis: null }
const flappingRestarts = 4
const flappingWithinMs = 900_000

export function etaView(eta: Eta | undefined): EtaView {
  return eta ?? noEta
}

export function taskEta(record: TaskRecord, runs: KnownRuns): EtaView {
  return etaView(etaOf(record, runs(record.labels)))
}

/** What was found out about a task that still counts; an attempt that was superseded keeps what it last was. */
export function findingsOf({ findings, isSuperseded }: TaskRecord): TaskFindings | undefined {
  return isSuperseded === true ? undefined : findings
}

/** @param findings of one task, or of several, of which the earliest counts */
export function insightView(findings: readonly (TaskFindings | undefined)[]): InsightView {
  const since = (name: keyof TaskFindings) => {
    const moments = findings.map((found) => found?.[name]).filter((atMs) => atMs !== undefined)
    return moments.length === 0 ? null : momentOf(moments.reduce((a, b) => Math.min(a, b)))
  }
  const [stalledSince, overdueSince, stragglerSince] = [
    since('stalledSinceMs'),
    since('overdueSinceMs'),
    since('straggledSinceMs'),
  ]
  return {
    stalled: stalledSince !== null,
    stalledSince,
    overdue: overdueSince !== null,
    overdueSince,
    straggler: stragglerSince !== null,
    stragglerSince,
  }
}

/** More than three restarts within a quarter of an hour, counted back from the last report. */
export function engineInsight({ restartedAtMs = [], lastReportAtMs }: EngineRecord): EngineInsightView {
  const oldest = restartedAtMs.at(-flappingRestarts)
  return { flapping: oldest !== undefined && lastReportAtMs - oldest <= flappingWithinMs }
}
