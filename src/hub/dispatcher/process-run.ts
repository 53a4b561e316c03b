/** One process in a slot: starts each node when its inputs are done, and ends the process when nothing is left to start. */
import { ScopeError } from '../../errors.ts'
import type { DMData } from '../model/data.ts'
import { type NodeResult, type ResultAddress, readResult } from '../model/event.ts'
import { lastNodesOf } from '../model/flow.ts'
import type { NodeStatus, Outcome } from '../model/process.ts'
import type { Claim, Finish, NodeChange, NodeRecord, Update } from '../store/hub-store.ts'
import type { ProcessWork } from '../store/process-work.ts'
import { isOwnFault } from '../store-fault.ts'
import { NodeRun } from './node-run.ts'
import type { RunDeps } from './run-deps.ts'
import { sendNode } from './send-node.ts'

/** Why a slot is free again. `lost`: the process is another's, or nobody's. */
export type RunEnd = { readonly kind: 'finished'; readonly outcome: Outcome } | { readonly kind: 'lost' }

const retryMinMs = 100
const retryMaxMs = 2_000

export class ProcessRun {
  readonly claim: Claim
  readonly work: ProcessWork
  readonly nodes: ReadonlyMap<string, NodeRun>
  readonly ended: Promise<RunEnd>
  readonly #deps: RunDeps
  readonly #outputs: Map<string, DMData>
  readonly #abort = new AbortController()
  #end: (end: RunEnd) => void = () => undefined
  readonly #started = new Set<NodeRun>()
  #isOver = false
  #isFinishing = false
  /** Set when the end was written together with the last node. */
  #finished: Outcome | undefined
  #hasFailed = false
  #running = 0
  /** By the own monotonic clock; after that the process may be another's. */
  heldUntilMs: number

  constructor(deps: RunDeps, claim: Claim, work: ProcessWork, heldUntilMs: number) {
    this.#deps = deps
    this.claim = claim
    this.work = work
    this.heldUntilMs = heldUntilMs
    this.#outputs = new Map(work.outputs)
    const waiting = { status: 'WAITING', agent: null, attempt: 0 } as const
    this.nodes = new Map(work.flow.nodes.map((node) => [node.id, new NodeRun(node, work.nodes.get(node.id) ?? waiting)]))
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** Aborted when this dispatcher has the process no more. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isHeld(): boolean {
    return !this.#isOver && performance.now() < this.heldUntilMs
  }

  /** Begins, or goes on where another dispatcher left off. */
  start(): void {
    this.#hasFailed = [...this.nodes.values()].some(({ record }) => record.status === 'FAILED')
    this.#advance()
  }

  /** Stops at once and writes nothing more: the process is another's, or was given back. */
  abandon(): void {
    if (this.#isOver) return
    this.#over({ kind: 'lost' })
  }

  /** Tells agents to stop what they run of this process; those that do not hear it run to their end for nobody. */
  stopNodes(): void {
    const { client } = this.#deps
    for (const { event } of this.nodes.values()) {
      if (event === undefined) continue
      const url = `${event.agent.url}/agent/events/${encodeURIComponent(event.eventId)}?fence=${this.claim.fence}`
      client.delete(url).catch(() => undefined)
    }
  }

  statuses(): [string, NodeStatus][] {
    return [...this.nodes].map(([id, { record }]) => [id, record.status])
  }

  /** What the node gets: the output of each of its inputs. */
  inputOf({ node }: NodeRun): Record<string, DMData> {
    return Object.fromEntries(node.inputs.map((id) => [id, id === '$input' ? this.work.data : (this.#outputs.get(id) ?? {})]))
  }

  /**
   * Takes a result. It is written before this resolves, so that its agent may forget it.
   * @throws ScopeError FENCE_STALE when it is not waited for, REQUEST_INVALID when it is unusable, REDIS_UNAVAILABLE
   */
  async takeResult(address: ResultAddress, body: unknown): Promise<void> {
    const run = [...this.nodes.values()].find(({ event }) => event?.eventId === address.eventId)
    const event = run?.event
    if (run === undefined || event === undefined || !this.isHeld) throw new ScopeError('FENCE_STALE', 'The event is not open.')
    if (address.fence !== this.claim.fence) throw new ScopeError('FENCE_STALE')
    if (address.agent !== event.agent.id) throw new ScopeError('FENCE_STALE', 'The event is another agent’s.', { path: 'agent' })
    if (event.isTaking) throw new ScopeError('BUSY', 'The result is being written.', { retryAfterSeconds: 1 })
    event.isTaking = true
    try {
      await this.#writeResult(run, event.sentAtMs, body)
    } finally {
      event.isTaking = false
    }
    event.settle({ kind: 'taken' })
  }

  async #writeResult(run: NodeRun, sentAtMs: number, body: unknown): Promise<void> {
    const { triesMax } = this.#deps
    const agent = run.event?.agent.id ?? null
    try {
      const result = readResult(body)
      const logs = run.linesOf(result)
      if (result.ok) {
        const seconds = result.durationMs > 0 ? result.durationMs / 1_000 : (performance.now() - sentAtMs) / 1_000
        await this.#writeDone(run, result, seconds, logs)
      } else await this.#writeFailure(run, run.failed(result.error, result.retryable, triesMax, agent), logs)
    } catch (error) {
      const isUnusable = error instanceof ScopeError && (error.code === 'REQUEST_INVALID' || error.code === 'BODY_TOO_LARGE')
      if (!isUnusable) throw error
      const told = { code: 'RESULT_INVALID', message: `${error.path ?? ''} ${error.message}`.trim() }
      await this.#writeFailure(run, run.failed(told, true, triesMax, agent), [])
      run.event?.settle({ kind: 'taken' })
      throw error
    }
  }

  /** One write for the end of a node, the start of those that waited for it, and the end of the process where it is the last. */
  async #writeDone(run: NodeRun, result: NodeResult & { ok: true }, seconds: number, logs: Update['logs']): Promise<void> {
    const record = run.done(result.agent, result)
    const node = { ...record, output: result.output, ran: { algorithm: run.node.algKey, seconds } }
    const finish = this.#finishWith(run, record, result.output)
    const starts = this.#prepareNext(run)
    const changes = [...starts].map(
      ([
        {
          node: { id },
        },
        change,
      ]) => [id, change] as const,
    )
    try {
      await this.#update({ nodes: { [run.node.id]: node, ...Object.fromEntries(changes) }, logs, finish })
    } catch (error) {
      for (const next of starts.keys()) next.unprepare()
      throw error
    }
    run.record = record
    for (const [next, change] of starts) next.record = change
    this.#outputs.set(run.node.id, result.output)
    this.#finished = finish?.outcome
  }

  /** Chooses agents for the nodes that can start once this one is done. Those for which none has room wait as before. */
  #prepareNext(done: NodeRun): Map<NodeRun, NodeRecord> {
    const { agents } = this.#deps
    const starts = new Map<NodeRun, NodeRecord>()
    for (const run of this.nodes.values()) {
      if (run.record.status !== 'WAITING' || this.#started.has(run) || this.#stopsStarting) continue
      if (!run.node.inputs.includes(done.node.id) || !this.#isReady(run, done)) continue
      const { agent } = agents.pick(run.node.algKey, run.tried)
      if (agent === undefined) continue
      run.prepared = { agent, over: agents.begin(agent) }
      starts.set(run, run.sentTo(agent.id))
    }
    return starts
  }

  async #writeFailure(run: NodeRun, record: NodeRun['record'], logs: Update['logs']): Promise<void> {
    await this.write({ [run.node.id]: record }, logs)
    run.record = record
  }

  /** Writes nodes and lines under the fence; a refusal ends this run. @throws ScopeError */
  async write(nodes: Record<string, NodeChange>, logs: Update['logs'] = []): Promise<void> {
    await this.#update({ nodes, logs, finish: undefined })
  }

  /** As {@link write}, again and again while the store is away and the process is still held. */
  async writeSurely(nodes: Record<string, NodeChange>): Promise<void> {
    await this.#surely(() => this.write(nodes))
  }

  /** A try that came to nothing without a result. */
  async failTry(run: NodeRun, error: { code: string; message: string }, agent: string | null): Promise<void> {
    const record = run.failed(error, true, this.#deps.triesMax, agent)
    await this.writeSurely({ [run.node.id]: record })
    run.record = record
  }

  async #update(update: Pick<Update, 'nodes' | 'logs' | 'finish'>): Promise<void> {
    const { store, dispatcher } = this.#deps
    if (!this.isHeld) throw new ScopeError('FENCE_STALE')
    try {
      await store.update(this.claim.key, { checkerKey: dispatcher, fence: this.claim.fence, renews: false, ...update })
    } catch (error) {
      if (isAnothers(error)) this.abandon()
      throw error
    }
  }

  /** Sends again what the store did not answer, for as long as the process is held. @throws when it is not (any more) */
  async #surely(act: () => Promise<void>): Promise<void> {
    for (let waitMs = retryMinMs; ; waitMs = Math.min(waitMs * 2, retryMaxMs)) {
      try {
        return await act()
      } catch (error) {
        if (!(error instanceof ScopeError && error.code === 'REDIS_UNAVAILABLE') || this.#isOver) throw error
        await this.#deps.pause(waitMs, this.signal)
      }
    }
  }

  /** Starts what can start; ends the process when nothing runs and nothing can. */
  #advance(): void {
    if (this.#isOver) return
    for (const run of this.nodes.values()) {
      if (!this.#mayStart(run)) continue
      this.#started.add(run)
      this.#running += 1
      void this.#run(run)
    }
    this.#deps.onProgress(this)
    if (this.#running === 0) void this.#finish()
  }

  get #stopsStarting(): boolean {
    return this.#hasFailed && this.work.flow.failFast
  }

  #mayStart(run: NodeRun): boolean {
    const { status } = run.record
    if (this.#started.has(run) || (status !== 'WAITING' && status !== 'RUNNING')) return false
    return (status === 'RUNNING' || !this.#stopsStarting) && this.#isReady(run)
  }

  /** @param done counts as done already */
  #isReady({ node }: NodeRun, done?: NodeRun): boolean {
    return node.inputs.every((id) => id === '$input' || id === done?.node.id || this.nodes.get(id)?.record.status === 'DONE')
  }

  async #run(run: NodeRun): Promise<void> {
    try {
      while (!this.#isOver && run.record.status !== 'DONE' && run.record.status !== 'FAILED') {
        // Another node has failed since: what has not been sent stays unsent.
        if (this.#stopsStarting && run.record.status === 'WAITING') break
        await sendNode(this, run, this.#deps)
      }
    } catch (error) {
      // Another's, or nobody's: that was found out and said where it was written.
      if (isOwnFault(error) && !this.signal.aborted) this.#deps.onFault(error)
      this.abandon()
    }
    if (run.record.status === 'FAILED') this.#hasFailed = true
    this.#running -= 1
    this.#advance()
  }

  async #finish(): Promise<void> {
    if (this.#isOver || this.#isFinishing) return
    this.#isFinishing = true
    if (this.#finished !== undefined) {
      this.#over({ kind: 'finished', outcome: this.#finished })
      return
    }
    const finish = this.#outcome()
    try {
      await this.#surely(() => this.#update({ nodes: {}, logs: [], finish }))
      this.#over({ kind: 'finished', outcome: finish.outcome })
    } catch (error) {
      if (error instanceof ScopeError && error.code === 'BODY_TOO_LARGE') return this.#finishTooLarge(error)
      if (isOwnFault(error)) this.#deps.onFault(error)
      this.abandon()
    }
  }

  async #finishTooLarge({ message }: ScopeError): Promise<void> {
    const errors = [{ code: 'RESULT_INVALID', message }]
    const finish: Finish = { outcome: 'FAILED', errors, warnings: [], outputData: null }
    await this.#surely(() => this.#update({ nodes: {}, logs: [], finish })).catch(() => undefined)
    this.#over({ kind: 'finished', outcome: 'FAILED' })
  }

  /** The end, where all of it rests on one node that is done now: every other one has led to it. Saves a turn to the store. */
  #finishWith(run: NodeRun, record: NodeRun['record'], outputData: DMData): Finish | undefined {
    const last = lastNodesOf(this.work.flow)
    if (last.length !== 1 || last[0]?.id !== run.node.id) return undefined
    const warnings = [...this.nodes.values()].flatMap((node) => (node === run ? record : node.record).warnings ?? [])
    return { outcome: 'SUCCEEDED', errors: [], warnings, outputData }
  }

  #outcome(): Finish {
    const runs = [...this.nodes.values()]
    const warnings = runs.flatMap(({ record }) => record.warnings ?? [])
    const failed = runs.filter(({ record }) => record.status === 'FAILED')
    if (failed.length === 0 && runs.every(({ record }) => record.status === 'DONE')) {
      return { outcome: 'SUCCEEDED', errors: [], warnings, outputData: this.#outputData() }
    }
    const errors = failed.flatMap(({ error }) => error ?? [])
    return { outcome: 'FAILED', errors, warnings, outputData: null }
  }

  #outputData(): Finish['outputData'] {
    const last = lastNodesOf(this.work.flow).map(({ id }): [string, DMData] => [id, this.#outputs.get(id) ?? {}])
    return last.length === 1 ? (last[0]?.[1] ?? {}) : Object.fromEntries(last)
  }

  /** The errors of its end, for the report. */
  get firstError(): { code: string; message: string } | undefined {
    return [...this.nodes.values()].find(({ error }) => error !== undefined)?.error
  }

  #over(end: RunEnd): void {
    this.#isOver = true
    for (const run of this.nodes.values()) {
      run.event?.settle({ kind: 'abandoned' })
      run.unprepare()
    }
    this.#abort.abort()
    this.#end(end)
  }
}

/** The store says that somebody else has the process, or that it has ended. */
export function isAnothers(error: unknown): boolean {
  return error instanceof ScopeError && ['FENCE_STALE', 'PROCESS_FINISHED', 'PROCESS_UNKNOWN'].includes(error.code)
}
