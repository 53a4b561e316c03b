import type { TaskStatus } from './status.ts'

/** One entry of `progressInfo`: sub-tasks of one stage, counted by the engine. */
export type SubtaskProgress = {
  readonly id: string
  readonly totalTasks: number
  readonly runningTasks: number
  readonly failedTasks: number
  readonly succeedTasks: number
}

/** One application of `resourceMap`, as the engine's cluster manager knows it. */
export type Application = {
  readonly applicationId: string
  /** bytes */
  readonly queueMemory: number
  /** virtual cores */
  readonly queueCores: number
  /** containers */
  readonly queueInstances: number
  readonly jobStatus: string
  readonly queue: string
  /** Counted in the sums. Finished applications stay in the detail with `live: false`. */
  readonly live: boolean
}

/** What the task's own process uses. `cpuSeconds` is cumulative since the incarnation began. */
export type Usage = {
  readonly cpuSeconds?: number
  readonly memoryBytes?: number
  readonly gpuMemoryBytes?: number
  /** 0..1 */
  readonly gpuUtilizationRatio?: number
}

/** Cumulative seconds an engine spent in each state since its incarnation began. */
export type EngineStateSeconds = {
  readonly idle?: number
  readonly busy?: number
  readonly locked?: number
  readonly unlocked?: number
}

export type EngineFacts = {
  readonly instance: string
  readonly engineType?: string
  readonly engineVersion?: string
  /** One word per start of the engine; a time (RFC 3339 or epoch ms) where two of them must be ordered. Absent = newest known. */
  readonly incarnation?: string
  readonly ticketId?: string
  readonly ecmInstance?: string
  readonly node?: string
  readonly user?: string
  readonly creator?: string
  readonly status?: string
  readonly stateSeconds?: EngineStateSeconds
}

export type EngineTaskCounts = {
  readonly running?: number
  readonly pending?: number
  /** cumulative since the incarnation began */
  readonly succeeded?: number
  /** cumulative since the incarnation began */
  readonly failed?: number
  readonly limit?: number
}

export type LogLine = {
  /** The engine's time in epoch milliseconds; absent when it gave none that can be read. */
  readonly tsMs?: number
  /** upper case: TRACE DEBUG INFO WARN ERROR FATAL */
  readonly level: string
  /** At most 64 KiB of UTF-8; a longer one was cut and ends in a marker. */
  readonly line: string
  readonly fields?: Readonly<Record<string, string>>
}

/** Where a fetched report was read. Positions are texts that rise from message to message of one log. */
export type FetchedFrom = {
  readonly runtimeId: string
  /** The topic of the runtime's log. */
  readonly log: string
  /** Label value that its messages are counted under; absent for one that no message stands behind. */
  readonly countedAs?: string
  readonly position: string
  /** Positions of the messages that it was made of, where they are several. */
  readonly messagePositions?: readonly string[]
  /** Positions of the messages that `logs` were read from, one a line. */
  readonly linePositions?: readonly string[]
  /** It says nothing of the task's own course (lines, metadata): it belongs to whatever record of the task there is. */
  readonly isNote: boolean
  /** Whether it names an attempt; without, a note is of the newest one. */
  readonly hasAttempt: boolean
}

export type TaskError = { readonly code?: string; readonly message?: string }

/**
 * One report after the door: checked, aliases resolved, `null` turned into absence.
 * Absent = no news. An empty list or object = none now.
 */
export type Report = {
  readonly namespace: string
  readonly jobId: string
  /** The sender gave no `jobId`: it was made as `<engine.instance>/<execId>`, so a new incarnation is a new run of that id. */
  readonly isJobIdDerived: boolean
  /** Absent in an engine heartbeat. */
  readonly execId?: string
  readonly taskType?: string
  readonly attempt: number
  readonly seq?: number
  readonly reportedAtMs?: number
  readonly status?: TaskStatus
  readonly scope: 'task' | 'job'
  /** 0..1 as sent; caps and monotony are applied by the job. */
  readonly progressRatio?: number
  readonly progressInfo?: readonly SubtaskProgress[]
  readonly resources?: readonly Application[]
  readonly usage?: Usage
  readonly engine: EngineFacts
  readonly engineTaskCounts?: EngineTaskCounts
  readonly algorithmMetrics?: Readonly<Record<string, unknown>>
  readonly attributes?: Readonly<Record<string, string>>
  readonly metadata?: unknown
  readonly lineage?: unknown
  readonly workflowToken?: unknown
  readonly error?: TaskError
  readonly logs?: readonly LogLine[]
  /** Made of a message of the engine's own kind: a reporter that numbers its reports knows more of the same task. */
  readonly isNative?: true
  /** Set by the monitor of a runtime; never read off the wire. */
  readonly fetched?: FetchedFrom
}

/** What became of one report; the words of the answer. */
export const outcomes = ['applied', 'late', 'duplicate', 'stale', 'closed', 'rejected'] as const
export type Outcome = (typeof outcomes)[number]

/** The answer to one report of a request, in the order they were sent. */
export type ReportResult = {
  readonly outcome: Outcome
  /** Ranges of sequence numbers below this report that never came, newest 16. */
  readonly missing?: readonly (readonly [from: number, to: number])[]
  /** Set when rejected, and `LOGS_REFUSED` when the state was applied and the log lines were not taken. */
  readonly code?: string
  readonly path?: string
  readonly message?: string
  /** With `LOGS_REFUSED`: how many lines the sender keeps for its next report. */
  readonly logLinesRefused?: number
}

/** How full the log outbox is, as told to reporters. */
export type LogPressure = { readonly state: 'ok' | 'tight' | 'full'; readonly retryAfterSeconds?: number }
