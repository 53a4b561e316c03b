import { ScopeError } from '../../errors.ts'
import type { Reporter } from '../../reporter/index.ts'
import type { MemberClient } from '../http/member-client.ts'
import type { HubLog } from '../log.ts'
import type { NodeEvent, NodeResult } from '../model/event.ts'
import type { RunOutcome } from './agent-series.ts'
import { endTask, judged, listenerOf, outcomeOf, RunWords, reportRun, resultOf } from './event-run.ts'
import { type Destination, sendResult } from './result-sender.ts'
import type { RunningEvent, RunPool } from './run-pool.ts'
import type { AgentLimits } from './settings.ts'

/** An event the agent knows of. */
type Entry = {
  readonly event: NodeEvent
  readonly startedAt: number
  destination: Destination
  run: RunningEvent | undefined
  /** Set once the run has ended. */
  result: Omit<NodeResult, 'fence'> | undefined
  resultBytes: number
  isSending: boolean
}

export type EventBookParts = {
  /** The agent's id. */
  readonly agent: string
  readonly pool: RunPool
  readonly limits: AgentLimits
  readonly client: MemberClient
  readonly reporter: Reporter
  readonly log: HubLog
  /** The number of runs has changed. */
  readonly onChange: () => void
}

/** Ended events that are remembered, so that one that is sent again is answered from memory. */
const endedMax = 1_000
const endedBytesMax = 16 * 1024 * 1024
/** Results on their way; with more the agent takes nothing new. */
const unsentMax = 1_000
const retryAfterSeconds = 1

/** The events of an agent: each runs once for its id, however often it is sent. */
export class EventBook {
  readonly #parts: EventBookParts
  readonly #entries = new Map<string, Entry>()
  readonly #sending = new Set<Promise<unknown>>()
  readonly #stopping = new AbortController()
  readonly #ended = new Map<RunOutcome, number>()
  #running = 0
  /** Those of the entries whose result was sent, oldest first, and their bytes. */
  readonly #rested = new Map<string, Entry>()
  #restedBytes = 0

  constructor(parts: EventBookParts) {
    this.#parts = parts
  }

  get running(): number {
    return this.#running
  }

  /** Runs that ended, by how. */
  get ended(): ReadonlyMap<RunOutcome, number> {
    return this.#ended
  }

  /** Runs that go on and those whose result is on its way, oldest first. */
  list(): { eventId: string; startedAt: number }[] {
    const going = [...this.#entries.values()].filter(({ result, isSending }) => result === undefined || isSending)
    return going.map(({ event: { eventId }, startedAt }) => ({ eventId, startedAt }))
  }

  knows({ eventId, fence }: NodeEvent): boolean {
    return this.#entries.get(eventId)?.destination.fence === fence
  }

  /**
   * Takes an event. Sent again it is not run again; with a higher fence its result goes to whoever has the process now.
   * @throws ScopeError AGENT_FULL; FENCE_STALE when its process has been taken over since
   */
  take(event: NodeEvent): void {
    const { eventId, fence, replyTo, deadline } = event
    const known = this.#entries.get(eventId)
    if (known !== undefined) {
      if (fence < known.destination.fence) throw new ScopeError('FENCE_STALE')
      if (fence === known.destination.fence) return
      known.destination = { replyTo, fence, deadline }
      if (known.result !== undefined && !known.isSending) this.#send(known)
      return
    }
    const { capacity } = this.#parts.limits
    if (this.#running >= capacity || this.#sending.size >= unsentMax) {
      throw new ScopeError('AGENT_FULL', `The agent runs ${this.#running} of ${capacity} events.`, { retryAfterSeconds })
    }
    this.#begin(event)
  }

  /** Stops a run. @returns whether there was one, of this fence or a lower one */
  cancel(eventId: string, fence: number): boolean {
    const entry = this.#entries.get(eventId)
    if (entry?.run === undefined || !(fence >= entry.destination.fence)) return false
    entry.run.stop({ ok: false, code: 'CANCELLED', message: 'the process was cancelled', isRetryable: false })
    return true
  }

  /** Lets runs end and results be sent, for so long; then stops what is left. */
  async drain(withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs
    while ((this.#running > 0 || this.#sending.size > 0) && performance.now() < untilMs) {
      await Promise.race([
        new Promise((resolve) => setTimeout(resolve, Math.min(100, untilMs - performance.now()))),
        ...(this.#running > 0 ? [] : [Promise.all(this.#sending)]),
      ])
    }
    for (const { run } of this.#entries.values()) {
      run?.stop({ ok: false, code: 'AGENT_STOPPED', message: 'the agent is stopped', isRetryable: true })
    }
    await Promise.all([...this.#entries.values()].map(({ run }) => run?.end))
    // One last try for each; whoever waits gives the node to another agent.
    this.#stopping.abort()
    await Promise.all(this.#sending)
  }

  #begin(event: NodeEvent): void {
    const { pool, reporter, limits, agent, onChange } = this.#parts
    const words = new RunWords()
    const task = reportRun(reporter, event)
    const begunMs = performance.now()
    const run = pool.start(event, listenerOf(words, task))
    const { replyTo, fence, deadline } = event
    const entry: Entry = {
      event,
      startedAt: Date.now(),
      destination: { replyTo, fence, deadline },
      run,
      result: undefined,
      resultBytes: 0,
      isSending: false,
    }
    this.#entries.set(event.eventId, entry)
    this.#running++
    onChange()
    void run.end.then((end) => {
      const outcome = judged(end, limits.outputBytesMax)
      endTask(task, outcome)
      const word = outcomeOf(outcome)
      this.#ended.set(word, (this.#ended.get(word) ?? 0) + 1)
      entry.run = undefined
      entry.result = resultOf(event, agent, outcome, words, Math.round(performance.now() - begunMs))
      entry.resultBytes = JSON.stringify(entry.result).length
      this.#running--
      onChange()
      this.#send(entry)
    })
  }

  #send(entry: Entry): void {
    const { result } = entry
    if (result === undefined) return
    const { client, log } = this.#parts
    entry.isSending = true
    this.#wake(entry.event.eventId)
    const sending: Promise<unknown> = sendResult(client, result, () => entry.destination, {
      log,
      signal: this.#stopping.signal,
    }).finally(() => {
      entry.isSending = false
      this.#sending.delete(sending)
      this.#remember(entry)
    })
    this.#sending.add(sending)
  }

  /** Remembers an ended event, and forgets the oldest where they are too many. */
  #remember(ended: Entry): void {
    const { eventId } = ended.event
    if (this.#entries.get(eventId) !== ended) return
    this.#forget(eventId)
    this.#entries.set(eventId, ended)
    this.#rested.set(eventId, ended)
    this.#restedBytes += ended.resultBytes
    for (const [id] of this.#rested) {
      if (this.#rested.size <= endedMax && this.#restedBytes <= endedBytesMax) break
      this.#forget(id)
    }
  }

  #forget(id: string): void {
    this.#wake(id)
    this.#entries.delete(id)
  }

  /** It is no longer one that may be forgotten. */
  #wake(id: string): void {
    this.#restedBytes -= this.#rested.get(id)?.resultBytes ?? 0
    this.#rested.delete(id)
  }
}
