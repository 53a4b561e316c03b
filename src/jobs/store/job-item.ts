import type { ReportResult } from '../../report/report.ts'
import type { TaskLabels } from '../records.ts'
import type { Effects } from '../rules/effects.ts'
import type { EngineLink } from '../rules/engine-link.ts'
import type { Arrival } from '../rules/task-arrival.ts'
import type { LoadedJob } from './loaded-job.ts'

/** A report on its way to its job, or something the shard's owner does to a job. */
export type JobItem = {
  /** {@link jobName}, made once. */
  readonly name: string
  readonly namespace: string
  readonly jobId: string
  readonly execId: string
} & (
  | {
      readonly kind: 'report'
      readonly arrival: Arrival
      readonly labels: TaskLabels
      /** Uids of the jobs whose place this one takes, where it is new. */
      readonly formerUids?: readonly string[]
    }
  | { readonly kind: 'operation'; readonly needsOlder: boolean; readonly operate: Operation }
)

/** @param token of the record as it was loaded: tells whether it is the one that was looked at before */
export type Operation = (state: LoadedJob, effects: Effects, token: string) => void

export type JobItemResult = {
  readonly result: ReportResult
  readonly engine?: EngineLink
  /** Set when the report is of another job under the same name, which must go first; with the uids it then has replaced. */
  readonly replaces?: readonly string[]
}

/** Bounds of what a job keeps beside its records. */
export type JobLimits = {
  readonly tailBytesMax: number
  readonly tailRetentionMs: number
  readonly historySamplesMax: number
  /** Open jobs of one namespace in one shard. */
  readonly openJobsMax: number
  readonly lingerMs: number
}

/** Whether log lines are shipped, and whether there is room for more of them. */
export type OutboxGate = { readonly isShipping: boolean; hasRoom(): boolean }
