import type { MemberClient } from '../http/member-client.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Agents } from './agents.ts'
import type { NodeRun } from './node-run.ts'
import type { ProcessGraph } from './process-graph.ts'

/** What the runs of a dispatcher share. */
export type RunDeps = {
  readonly store: HubStore
  readonly agents: Agents
  readonly client: MemberClient
  /** Id of the dispatcher. */
  readonly dispatcher: string
  /** Where results go. */
  readonly replyTo: () => string
  readonly nodeDeadlineMs: number
  readonly triesMax: number
  /** How long a node waits for a live agent of its algorithm. */
  readonly agentWaitMs: number
  /** Something of the process of this key has changed. */
  readonly onProgress: (key: string, graph: ProcessGraph) => void
  /** A node was sent to an agent. */
  readonly onSent: (key: string, graph: ProcessGraph, node: NodeRun) => void
  readonly onFault: (error: unknown) => void
  /** Resolves after so long, or when the signal says so. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
}
