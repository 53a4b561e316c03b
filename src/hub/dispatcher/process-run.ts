/** One process in a slot: starts each node when its inputs are done, and ends the process when nothing is left to start. */
import { ScopeError } from '../../errors.ts'
import type { ResultAddress } from '../model/event.ts'
import type { Outcome } from '../model/process.ts'
import type { Claim, Finish } from '../store/hub-store.ts'
import type { ProcessWork } from '../store/process-work.ts'
import { isOwnFault } from '../store-fault.ts'
import type { NodeRun } from './node-run.ts'
import { ProcessGraph } from './process-graph.ts'
import { ProcessHold } from './process-hold.ts'
import type { RunDeps } from './run-deps.ts'
import { sendNode } from './send-node.ts'
import { takeResult } from './take-result.ts'

export class ProcessRun {
  readonly claim: Claim
  readonly graph: ProcessGraph
  readonly hold: ProcessHold
  readonly #deps: RunDeps
  #isFinishing = false
  /** Set when the end was written together with the last node. */
  #finished: Outcome | undefined
  #running = 0

  constructor(deps: RunDeps, claim: Claim, work: ProcessWork, heldUntilMs: number) {
    this.#deps = deps
    this.claim = claim
    this.graph = new ProcessGraph(work)
    this.hold = new ProcessHold(deps, claim, this.graph, heldUntilMs)
  }

  /** Begins, or goes on where another dispatcher left off. */
  start(): void {
    this.#advance()
  }

  /** Tells agents to stop what they run of this process; those that do not hear it run to their end for nobody. */
  stopNodes(): void {
    const { client } = this.#deps
    for (const { event } of this.graph.nodes.values()) {
      if (event === undefined) continue
      const url = `${event.agent.url}/agent/events/${encodeURIComponent(event.eventId)}?fence=${this.claim.fence}`
      client.delete(url).catch(() => undefined)
    }
  }

  /** Takes a result. @throws ScopeError as {@link takeResult} says */
  async takeResult(address: ResultAddress, body: unknown): Promise<void> {
    await takeResult(this.hold, this.#deps, address, body, (outcome) => {
      this.#finished = outcome
    })
  }

  /** Starts what can start; ends the process when nothing runs and nothing can. */
  #advance(): void {
    if (this.hold.isOver) return
    for (const run of this.graph.startable()) {
      run.isStarted = true
      this.#running += 1
      void this.#run(run)
    }
    this.#deps.onProgress(this.claim.key, this.graph)
    if (this.#running === 0) void this.#finish()
  }

  async #run(run: NodeRun): Promise<void> {
    const { hold, graph } = this
    try {
      while (!hold.isOver && run.record.status !== 'DONE' && run.record.status !== 'FAILED') {
        // Another node has failed since: what has not been sent stays unsent.
        if (graph.stopsStarting && run.record.status === 'WAITING') break
        await sendNode(hold, run, this.#deps)
      }
    } catch (error) {
      // Another's, or nobody's: that was found out and said where it was written.
      if (isOwnFault(error) && !hold.signal.aborted) this.#deps.onFault(error)
      hold.abandon()
    }
    graph.noteEnd(run)
    this.#running -= 1
    this.#advance()
  }

  async #finish(): Promise<void> {
    if (this.hold.isOver || this.#isFinishing) return
    this.#isFinishing = true
    if (this.#finished !== undefined) {
      this.hold.over({ kind: 'finished', outcome: this.#finished })
      return
    }
    const finish = this.graph.finish()
    try {
      await this.hold.updateSurely({ nodes: {}, logs: [], finish })
      this.hold.over({ kind: 'finished', outcome: finish.outcome })
    } catch (error) {
      if (error instanceof ScopeError && error.code === 'BODY_TOO_LARGE') return this.#finishTooLarge(error)
      if (isOwnFault(error)) this.#deps.onFault(error)
      this.hold.abandon()
    }
  }

  async #finishTooLarge({ message }: ScopeError): Promise<void> {
    const errors = [{ code: 'RESULT_INVALID', message }]
    const finish: Finish = { outcome: 'FAILED', errors, warnings: [], outputData: null }
    await this.hold.updateSurely({ nodes: {}, logs: [], finish }).catch(() => undefined)
    this.hold.over({ kind: 'finished', outcome: 'FAILED' })
  }
}
