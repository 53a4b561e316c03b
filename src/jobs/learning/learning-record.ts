/** Learning tasks: what their fields hold, what the job of such tasks keeps, and what its series say. */

import type { ModelUrl } from './values.ts'

export const stageNames = ['train', 'eval', 'deploy'] as const
export type StageName = (typeof stageNames)[number]
export type IterationOutcome = 'deployed' | 'skipped' | 'failed'

/** A value of the job, and the iteration it came with: a lower one never replaces it. */
export type Fact = [value: unknown, iterationNo?: number]

/** Counts a bound alone, as printed by a histogram: the last one is beyond every bound. */
export type Observed = { counts: number[]; sum: number }

/** Where an incremental learning job stands. */
export type StageState = {
  /** Counted by us where the reports do not say it. */
  iteration: number
  stage: StageName
  status: string
  /** Who failed, while the status is failed. */
  failedBy?: string
  /** Workers that had a say in this try, oldest first, at most 16. */
  workers: string[]
  /** seconds, as last said while the stage ran */
  remaining?: number
}

/** An iteration that ended as skipped for all that is known. */
export type Skipped = {
  iteration: number
  /** Who told the end. */
  task: string
  attempt: number
  /** It is among the outcomes: no report of the worker is missing any more. */
  isCounted: boolean
  /** In service, should the model turn out to have been ready. */
  url?: ModelUrl
}

/** `[round, reportedAtMs or null, wait is counted, duration is counted]` */
export type Round = [round: number, reportedAtMs: number | null, hasWait: boolean, hasDuration: boolean]

/** What a job keeps for being of a learning type. Values are replaced, never changed. */
export type LearningRecord = {
  facts: Record<string, Fact>
  /** Counters of all workers, living and gone, by the names they are counted under. */
  totals: Record<string, number>
  observed: Record<string, Observed>
  stage?: StageState
  deploy?: { status: string; iteration: number }
  /** Iterations in which a deployment was announced as ready, newest last, at most 64. */
  deployReady?: number[]
  /** Deployments completed that nobody has called ready so far, newest last, at most 64. */
  skipped?: Skipped[]
  outcomes?: Partial<Record<IterationOutcome, number>>
  /** Iterations whose outcome is counted, newest last, at most 64. */
  ended?: number[]
  /** Rounds of the aggregator's newest start, at most 64. */
  rounds?: { incarnation: string; seen: Round[] }
}

export const noLearning: LearningRecord = { facts: {}, totals: {}, observed: {} }
