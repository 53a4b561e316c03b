import type { DMData } from './data.ts'

/** The seed's words. */
export const processStatuses = ['PENDING', 'RUNNING', 'FINISHED'] as const
export type ProcessStatus = (typeof processStatuses)[number]

/** How a process ended. LOST: its lease ran out and nobody took it over. */
export const outcomes = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST'] as const
export type Outcome = (typeof outcomes)[number]

export const nodeStatuses = ['WAITING', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED', 'SKIPPED'] as const
export type NodeStatus = (typeof nodeStatuses)[number]

/** A node of a process as it is shown. `attempt` counts from 1, 0 = not sent yet. */
export type NodeView = { readonly status: NodeStatus; readonly agent: string | null; readonly attempt: number }

/** Where a process stands, as `GET /hub/processes/{key}` shows it. Times in epoch milliseconds, of Redis. */
export type ProcessView = {
  readonly key: string
  /** Null for an ad hoc flow. */
  readonly flowKey: string | null
  readonly adhoc: boolean
  readonly algorithms: readonly string[]
  readonly createdAt: number
  readonly status: ProcessStatus
  readonly outcome: Outcome | null
  readonly startedAt: number | null
  readonly finishedAt: number | null
  /** Dispatchers that began with it; 0 while it waits. */
  readonly attempt: number
  readonly dispatcher: string | null
  readonly fence: number | null
  /** Nodes done / all. */
  readonly progress: number
  readonly nodes: Readonly<Record<string, NodeView>>
}

/** A process in the queue. */
export type QueueEntry = {
  readonly key: string
  readonly status: 'PENDING'
  readonly createdAt: number
  readonly ageMs: number
  readonly algorithms: readonly string[]
  readonly denies: number
}

/** Why a process failed: which node, on which agent, at which try. */
export type ProcessError = {
  readonly node?: string
  readonly agent?: string
  readonly attempt?: number
  readonly code: string
  readonly message: string
}

/** A line that a run of a node said. */
export type ProcessLog = {
  readonly ts: number
  readonly level: string
  readonly line: string
  readonly node?: string
  readonly agent?: string
}

/** What came of a process, as far as it has come. */
export type ProcessResult = {
  readonly key: string
  readonly inputData: DMData
  /** One last node: its output; several: by node; not SUCCEEDED: null. */
  readonly outputData: DMData | Readonly<Record<string, DMData>> | null
  readonly errors: readonly ProcessError[]
  readonly warnings: readonly string[]
  readonly logs: readonly ProcessLog[]
}
