/** The slots: takes processes from the queue while there is room, keeps their leases, gives them back when it stops. */
import { ScopeError } from '../../errors.ts'
import type { Reporter, Task } from '../../reporter/index.ts'
import type { Bell } from '../bell.ts'
import { bellWords } from '../keys.ts'
import type { HubLog } from '../log.ts'
import { readResultAddress } from '../model/event.ts'
import { progressOf, reportEnd, reportProcess } from '../service/process-report.ts'
import type { HubQueries } from '../store/hub-queries.ts'
import type { Taken } from '../store/hub-store.ts'
import { isOwnFault } from '../store-fault.ts'
import type { Agents } from './agents.ts'
import { isAnothers, type RunEnd } from './process-hold.ts'
import { ProcessRun } from './process-run.ts'
import type { RunDeps } from './run-deps.ts'

export type DispatcherParts = Omit<RunDeps, 'onProgress' | 'onSent'> & {
  readonly queries: HubQueries
  readonly agents: Agents
  readonly bell: Bell
  readonly reporter: Reporter
  readonly log: HubLog
  /** The number of processes that run, or of slots, has changed. */
  readonly onLoad: () => void
}

const pollMs = 1_000
/** A lease is renewed this often within its time, and used for this share of it. */
const renewalsPerLease = 3
const usableShare = 0.9
const lookMs = 100

type Slot = { readonly run: ProcessRun; readonly task: Task; isBeingLeft: boolean }

export class Dispatcher {
  readonly #parts: DispatcherParts
  readonly #deps: RunDeps
  readonly #slots = new Map<string, Slot>()
  readonly #timers: NodeJS.Timeout[]
  readonly #unhear: () => void
  #slotsMax: number
  #isFilling = false
  #isAsked = false
  #isStopping = false

  constructor(parts: DispatcherParts, slotsMax: number) {
    this.#parts = parts
    this.#slotsMax = slotsMax
    this.#deps = {
      ...parts,
      onProgress: (key, graph) => this.#slots.get(key)?.task.update(progressOf(graph.statuses())),
      onSent: (key, graph, { node, record }) => {
        const task = this.#slots.get(key)?.task
        task?.update(progressOf(graph.statuses()))
        task?.log('INFO', `node ${node.id} goes to ${record.agent}`, this.#facts(key, { node: node.id, agent: record.agent }))
      },
    }
    this.#unhear = parts.bell.hear('processes', (word) => this.#hear(word))
    parts.agents.onServed = () => this.wake()
    const { leaseMs } = parts.store.settings
    this.#timers = [
      setInterval(() => this.wake(), pollMs),
      setInterval(() => void this.#renewAll(), leaseMs / renewalsPerLease),
      setInterval(() => this.#dropUnheld(), Math.min(lookMs, leaseMs / 10)),
    ]
  }

  get running(): number {
    return this.#slots.size
  }

  get slots(): number {
    return this.#slotsMax
  }

  /** What is beyond a lower number of slots runs to its end. */
  setSlots(slotsMax: number): void {
    this.#slotsMax = slotsMax
    this.#parts.log.info({ slots: slotsMax, running: this.running }, 'the number of slots was set')
    this.#parts.onLoad()
    this.wake()
  }

  processes(): { key: string; fence: number; attempt: number }[] {
    return [...this.#slots.values()].map(({ run }) => run.claim)
  }

  /** Looks into the queue, as long as there is a free slot. */
  wake(): void {
    this.#isAsked = true
    if (!this.#isFilling) void this.#fill()
  }

  /** Takes a result, or refuses and counts it. @throws ScopeError */
  async takeResult(body: unknown): Promise<void> {
    let reason = 'shape'
    try {
      const address = readResultAddress(body)
      const key = address.eventId.split('/', 1)[0] ?? ''
      const run = this.#slots.get(key)?.run
      reason = run === undefined ? 'event_unknown' : 'shape'
      if (run === undefined) throw new ScopeError('FENCE_STALE', 'The event is not open.')
      reason = reasonOf(run, address)
      await run.takeResult(address, body)
    } catch (error) {
      const isRefused = error instanceof ScopeError && error.status < 500
      if (isRefused) await this.#parts.queries.countRefusal(reason).catch(() => undefined)
      throw error
    }
  }

  /** No new claims; what runs may end, for so long; the rest is given back at once. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true
    const untilMs = performance.now() + drainMs
    while (this.#slots.size > 0 && performance.now() < untilMs) {
      const next = Promise.race([...this.#slots.values()].map(({ run }) => run.hold.ended))
      await Promise.race([next, this.#parts.pause(untilMs - performance.now(), new AbortController().signal)])
      await this.#parts.pause(1, new AbortController().signal)
    }
    for (const timer of this.#timers) clearInterval(timer)
    this.#unhear()
    await Promise.all([...this.#slots.values()].map((slot) => this.#release(slot)))
  }

  async #release(slot: Slot): Promise<void> {
    const { run } = slot
    slot.isBeingLeft = true
    slot.task.log('INFO', 'the dispatcher stops and gives the process back', this.#facts(run.claim.key))
    run.hold.abandon()
    const { store, dispatcher, log } = this.#parts
    await store.release(run.claim.key, { checkerKey: dispatcher, fence: run.claim.fence }).catch((error: unknown) => {
      log.warn({ error, process: run.claim.key }, 'a process could not be given back; its lease will run out')
    })
  }

  async #fill(): Promise<void> {
    this.#isFilling = true
    try {
      while (this.#isAsked && !this.#isStopping) {
        this.#isAsked = false
        while (!this.#isStopping && this.#slots.size < this.#slotsMax && (await this.#claimOne()));
      }
    } catch (error) {
      // The store is away: the next poll looks again.
      if (isOwnFault(error)) this.#parts.onFault(error)
    } finally {
      this.#isFilling = false
    }
  }

  /** @returns whether there was one */
  async #claimOne(): Promise<boolean> {
    const { store, agents, dispatcher } = this.#parts
    const askedMs = performance.now()
    const description = `slot ${this.#slots.size + 1} of ${this.#slotsMax}`
    const claim = await store.claim(dispatcher, agents.served(), description)
    if (claim === undefined) return false
    this.#begin(claim, askedMs)
    return true
  }

  #begin({ work, ...claim }: Taken, askedMs: number): void {
    const { store, reporter, onLoad, dispatcher } = this.#parts
    // An older run of the same process, which this dispatcher has lost without having noticed yet.
    this.#slots.get(claim.key)?.run.hold.abandon()
    const run = new ProcessRun(this.#deps, claim, work, askedMs + store.settings.leaseMs * usableShare)
    const facts = { key: claim.key, attempt: claim.attempt, flowName: work.flowName, isAdhoc: work.isAdhoc }
    const task = reportProcess(reporter, facts, 'running')
    const slot: Slot = { run, task, isBeingLeft: false }
    this.#slots.set(claim.key, slot)
    task.log('INFO', `taken by ${dispatcher}, attempt ${claim.attempt}`, this.#facts(run.claim.key))
    onLoad()
    void run.hold.ended.then((end) => this.#left(slot, end)).catch(this.#parts.onFault)
    run.start()
  }

  async #left(slot: Slot, end: RunEnd): Promise<void> {
    const { run, task } = slot
    if (this.#slots.get(run.claim.key) === slot) this.#slots.delete(run.claim.key)
    this.#parts.onLoad()
    this.wake()
    if (end.kind === 'finished') {
      task.log(end.outcome === 'SUCCEEDED' ? 'INFO' : 'ERROR', `ended: ${end.outcome}`, this.#facts(run.claim.key))
      reportEnd(task, end.outcome, run.graph.firstError, run.graph.statuses())
      return
    }
    await this.#leave(slot)
  }

  /** Another has the process, or it was cancelled: then that is this dispatcher's to report. */
  async #leave({ run, task, isBeingLeft }: Slot): Promise<void> {
    const { queries, dispatcher, log } = this.#parts
    const view = isBeingLeft ? undefined : await queries.process(run.claim.key).catch(() => undefined)
    const isOurs = view?.dispatcher === dispatcher && view.fence === run.claim.fence
    if (view !== undefined && isOurs && view.outcome !== null) {
      task.log('INFO', `ended: ${view.outcome}`, this.#facts(run.claim.key))
      reportEnd(
        task,
        view.outcome,
        undefined,
        Object.entries(view.nodes).map(([id, { status }]) => [id, status] as const),
      )
      return
    }
    if (!isBeingLeft) log.warn({ process: run.claim.key, fence: run.claim.fence }, 'a process is not held any more')
    task.release()
  }

  #hear(word: string): void {
    if (word === bellWords.queue) {
      this.wake()
      return
    }
    const slot = this.#slots.get(word.slice(`${bellWords.cancel} `.length))
    if (slot === undefined) return
    this.#parts.log.debug({ word }, 'told to cancel')
    void this.#renew(slot)
  }

  async #renewAll(): Promise<void> {
    await Promise.all([...this.#slots.values()].map((slot) => this.#renew(slot)))
  }

  async #renew({ run }: Slot): Promise<void> {
    const { store, dispatcher } = this.#parts
    const askedMs = performance.now()
    const { key, fence } = run.claim
    try {
      await store.update(key, { checkerKey: dispatcher, fence, renews: true, nodes: {}, logs: [], finish: undefined })
      run.hold.heldUntilMs = askedMs + store.settings.leaseMs * usableShare
    } catch (error) {
      if (isOwnFault(error)) this.#parts.onFault(error)
      if (!isAnothers(error)) return
      if (error instanceof ScopeError && error.code === 'PROCESS_FINISHED') run.stopNodes()
      run.hold.abandon()
    }
  }

  #dropUnheld(): void {
    for (const { run } of this.#slots.values()) if (!run.hold.isHeld) run.hold.abandon()
  }

  #facts(process: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { process, dispatcher: this.#parts.dispatcher, ...more }
  }
}

function reasonOf(run: ProcessRun, { eventId, fence, agent }: { eventId: string; fence: number; agent: string }): string {
  const event = run.graph.byEvent(eventId)?.event
  if (fence !== run.claim.fence) return 'fence_stale'
  if (event === undefined) return 'event_unknown'
  return event.agent.id === agent ? 'shape' : 'agent'
}
