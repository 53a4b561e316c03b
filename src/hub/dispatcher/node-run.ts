import type { NodeResult } from '../model/event.ts'
import type { FlowNode } from '../model/flow.ts'
import type { ProcessError, ProcessLog } from '../model/process.ts'
import { boundedLines, boundedWarnings, resultLines, resultWarnings } from '../model/words.ts'
import type { MemberView } from '../registry/member.ts'
import type { NodeRecord } from '../store/hub-store.ts'

/** An event that an agent has: what its result must fit. */
export type OpenEvent = {
  readonly eventId: string
  readonly agent: MemberView
  readonly deadlineMs: number
  readonly sentAtMs: number
  /** Ends the wait for it. */
  readonly settle: (settled: Settled) => void
  /** A result of it is being written. */
  isTaking: boolean
  /** Nobody waits for it any more. */
  isOver: boolean
}

/** How the wait for a result ended. `taken`: the result was written before the agent was answered. */
export type Settled =
  | { readonly kind: 'taken' }
  | { readonly kind: 'failed'; readonly error: { code: string; message: string } }
  | { readonly kind: 'abandoned' }

/** One node of a process while its dispatcher has it. */
export class NodeRun {
  readonly node: FlowNode
  record: NodeRecord
  event: OpenEvent | undefined
  /** An agent was chosen, and written, together with the end of what it waited for. */
  prepared: { readonly agent: MemberView; readonly over: (hadPlace: boolean) => void } | undefined
  /** This dispatcher is at it, or was. */
  isStarted = false
  /** Agents that had a try of it. */
  readonly tried = new Set<string>()
  /** Sent by another dispatcher before: it goes to the same agent again, who may have it still. */
  isResumed: boolean

  constructor(node: FlowNode, record: NodeRecord) {
    this.node = node
    this.record = record
    this.isResumed = record.status === 'RUNNING'
  }

  get failures(): number {
    return this.record.failures ?? 0
  }

  /** It is not sent after all: the agent's place is free again. */
  unprepare(): void {
    this.prepared?.over(false)
    this.prepared = undefined
  }

  /** What to remember before it is sent. */
  sentTo(agent: string): NodeRecord {
    return { ...this.record, status: 'RUNNING', agent, attempt: this.failures + 1 }
  }

  /** After a failed try: what to remember, and whether another one follows. */
  failed(error: { code: string; message: string }, isRetryable: boolean, triesMax: number, agent: string | null): NodeRecord {
    const failures = this.failures + 1
    const isLast = !isRetryable || failures >= triesMax
    const attempt = Math.max(1, this.record.attempt)
    if (agent !== null) this.tried.add(agent)
    const note = `${this.node.id}: try ${attempt}${agent === null ? '' : ` on ${agent}`} failed: ${error.code} ${error.message}`
    const before = this.record.warnings ?? []
    const warnings = isLast ? before : boundedWarnings([...before, note.slice(0, warningMax)], resultWarnings)
    return {
      status: isLast ? 'FAILED' : 'WAITING',
      agent,
      attempt,
      failures,
      ...(isLast ? { error } : {}),
      ...(warnings.length === 0 ? {} : { warnings }),
    }
  }

  /** After a result: what to remember of it. */
  done(agent: string, { warnings }: Pick<NodeResult, 'warnings'>): NodeRecord {
    const all = boundedWarnings([...(this.record.warnings ?? []), ...warnings], resultWarnings)
    return {
      status: 'DONE',
      agent,
      attempt: this.record.attempt,
      ...(this.failures === 0 ? {} : { failures: this.failures }),
      ...(all.length === 0 ? {} : { warnings: all }),
    }
  }

  /** The failure that was the last; undefined while it has not failed for good. */
  get error(): ProcessError | undefined {
    const { error, agent, attempt, status } = this.record
    if (status !== 'FAILED') return undefined
    const told = error ?? { code: 'FAILED', message: 'the node failed' }
    return { node: this.node.id, ...(agent === null ? {} : { agent }), attempt, ...told }
  }

  /** Lines of a result with where they come from. */
  linesOf({ logs, agent }: Pick<NodeResult, 'logs' | 'agent'>): ProcessLog[] {
    return boundedLines(logs, resultLines).map((line) => ({ ...line, node: this.node.id, agent }))
  }
}

const warningMax = 1_000
