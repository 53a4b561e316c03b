/** The words of a report as the SDK writes them. Kept apart from the aggregator's own types: engines embed this folder alone. */

/** Statuses a task moves through while it is not over. */
export const openStatuses = ['inited', 'scheduled', 'running', 'suspended', 'waiting_for_retry'] as const
/** Statuses that end a task for good. */
export const endStatuses = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const

export type OpenStatus = (typeof openStatuses)[number]
export type EndStatus = (typeof endStatuses)[number]

/** Sub-tasks of one stage. */
export type SubtaskProgress = {
  readonly id: string
  readonly totalTasks: number
  readonly runningTasks: number
  readonly failedTasks: number
  readonly succeedTasks: number
}

/** What one application holds at the cluster manager. */
export type ApplicationResources = {
  /** bytes */
  readonly queueMemory?: number
  /** virtual cores */
  readonly queueCores?: number
  /** containers */
  readonly queueInstances?: number
  /** The cluster manager's word, e.g. `RUNNING`. */
  readonly jobStatus?: string
  readonly queue?: string
}

/** What the task's process uses. */
export type Usage = {
  /** cumulative, never falling */
  readonly cpuSeconds?: number
  readonly memoryBytes?: number
  readonly gpuMemoryBytes?: number
  /** 0..1 */
  readonly gpuUtilizationRatio?: number
}

/** What an engine says about itself. Ids are 1..200 characters out of `A-Z a-z 0-9 . _ : @ / -`. */
export type EngineDescription = {
  /** Default `<hostname>:<pid>`. */
  readonly instance?: string
  readonly engineType: string
  readonly engineVersion?: string
  readonly ticketId?: string
  readonly ecmInstance?: string
  /** Default: the host's name. */
  readonly node?: string
  readonly user?: string
  readonly creator?: string
}

/** Why a task did not succeed. */
export type TaskError = { readonly code?: string; readonly message?: string }

/**
 * News about a task. A part that is absent, `undefined` or `null` is no news; `{}` and `[]` say "none now".
 * `usage`, `algorithmMetrics` and `attributes` are merged key by key, every other part is replaced.
 */
export type TaskUpdate = {
  /** 0..1; the aggregator never lets it fall within an attempt. */
  readonly progress?: number | null | undefined
  readonly status?: OpenStatus | null | undefined
  readonly progressInfo?: readonly SubtaskProgress[] | null | undefined
  /** By application id. Names all applications there are now. */
  readonly resourceMap?: Readonly<Record<string, ApplicationResources>> | null | undefined
  readonly usage?: Usage | null | undefined
  /** At most 256; the aggregator's catalogue knows the names of some task types. */
  readonly algorithmMetrics?: Readonly<Record<string, unknown>> | null | undefined
  /** Facts in free text, never labels. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | null | undefined
  readonly metadata?: unknown
  readonly lineage?: unknown
  readonly workflowToken?: unknown
}

export type LogLevel = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL'

/** What became of a final report. `delivered` is true once a 2xx arrived that did not reject it. */
export type Delivery = {
  readonly delivered: boolean
  /** The aggregator's word: `applied`, `late`, `duplicate`, `stale`, `closed`, `rejected`. */
  readonly outcome?: string
  /** Why it was not delivered: `timeout`, `rejected`, `dropped`, `closed`, `disabled`, `released`. */
  readonly reason?: string
}

/** Whether a text can be an id on the wire. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9._:@/-]{1,200}$/.test(value)
}
