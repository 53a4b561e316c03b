/** A process as this dispatcher has it: it is written under its fence, and only while the lease is known to last. */
import { ScopeError } from '../../errors.ts'
import type { Outcome } from '../model/process.ts'
import type { Claim, NodeChange, Update } from '../store/hub-store.ts'
import type { NodeRun } from './node-run.ts'
import type { ProcessGraph } from './process-graph.ts'
import type { RunDeps } from './run-deps.ts'

/** Why a slot is free again. `lost`: the process is another's, or nobody's. */
export type RunEnd = { readonly kind: 'finished'; readonly outcome: Outcome } | { readonly kind: 'lost' }

const retryMinMs = 100
const retryMaxMs = 2_000

export class ProcessHold {
  readonly claim: Claim
  readonly graph: ProcessGraph
  readonly ended: Promise<RunEnd>
  readonly #deps: RunDeps
  readonly #abort = new AbortController()
  #end: (end: RunEnd) => void = () => undefined
  #isOver = false
  /** By the own monotonic clock; after that the process may be another's. */
  heldUntilMs: number

  constructor(deps: RunDeps, claim: Claim, graph: ProcessGraph, heldUntilMs: number) {
    this.#deps = deps
    this.claim = claim
    this.graph = graph
    this.heldUntilMs = heldUntilMs
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** Aborted when this dispatcher has the process no more. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get isHeld(): boolean {
    return !this.#isOver && performance.now() < this.heldUntilMs
  }

  /** Stops at once and writes nothing more: the process is another's, or was given back. */
  abandon(): void {
    if (this.#isOver) return
    this.over({ kind: 'lost' })
  }

  /** The slot is free. */
  over(end: RunEnd): void {
    this.#isOver = true
    this.graph.abandon()
    // A word costs less than the error that is made where there is none.
    this.#abort.abort('over')
    this.#end(end)
  }

  /** Writes under the fence; a refusal ends this run. @throws ScopeError */
  async update(update: Pick<Update, 'nodes' | 'logs' | 'finish'>): Promise<void> {
    const { store, dispatcher } = this.#deps
    if (!this.isHeld) throw new ScopeError('FENCE_STALE')
    try {
      await store.update(this.claim.key, { checkerKey: dispatcher, fence: this.claim.fence, renews: false, ...update })
    } catch (error) {
      if (isAnothers(error)) this.abandon()
      throw error
    }
  }

  /** As {@link update}, again and again while the store is away and the process is still held. @throws when it is not (any more) */
  async updateSurely(update: Pick<Update, 'nodes' | 'logs' | 'finish'>): Promise<void> {
    for (let waitMs = retryMinMs; ; waitMs = Math.min(waitMs * 2, retryMaxMs)) {
      try {
        return await this.update(update)
      } catch (error) {
        if (!(error instanceof ScopeError && error.code === 'REDIS_UNAVAILABLE') || this.#isOver) throw error
        await this.#deps.pause(waitMs, this.signal)
      }
    }
  }

  /** Writes nodes, surely. */
  async writeSurely(nodes: Record<string, NodeChange>): Promise<void> {
    await this.updateSurely({ nodes, logs: [], finish: undefined })
  }

  /** A try that came to nothing without a result. */
  async failTry(run: NodeRun, error: { code: string; message: string }, agent: string | null): Promise<void> {
    const record = run.failed(error, true, this.#deps.triesMax, agent)
    await this.writeSurely({ [run.node.id]: record })
    run.record = record
  }
}

/** The store says that somebody else has the process, or that it has ended. */
export function isAnothers(error: unknown): boolean {
  return error instanceof ScopeError && ['FENCE_STALE', 'PROCESS_FINISHED', 'PROCESS_UNKNOWN'].includes(error.code)
}
