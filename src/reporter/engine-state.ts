import type { EngineIdentity } from './options.ts'
import type { EndStatus, EngineDescription, OpenStatus } from './wire.ts'

const waiting: ReadonlySet<OpenStatus> = new Set(['inited', 'scheduled', 'waiting_for_retry'])

/** What the engine says of itself in every report: who it is, how many tasks it has, how long it was idle and busy. */
export class EngineState {
  readonly #facts: string
  readonly #limit: () => number | undefined
  readonly #pendingElsewhere: (() => number | undefined) | undefined
  #running = 0
  #pending = 0
  #succeeded = 0
  #failed = 0
  #idleMs = 0
  #busyMs = 0
  #sinceMs: number
  /** Set when the reporter closes: the engine is leaving, not failing. */
  isLeaving = false

  constructor(
    facts: EngineDescription & EngineIdentity,
    limit: () => number | undefined,
    nowMs: number,
    pending?: () => number | undefined,
  ) {
    this.#pendingElsewhere = pending
    this.#facts = JSON.stringify(facts).slice(1, -1)
    this.#limit = limit
    this.#sinceMs = nowMs
  }

  get running(): number {
    return this.#running
  }

  /** A task came, changed its status, or ended. */
  move(from: OpenStatus | undefined, to: OpenStatus | EndStatus, nowMs: number): void {
    this.#elapse(nowMs)
    if (from !== undefined) this.#add(from, -1)
    if (to === 'succeeded') this.#succeeded++
    else if (to === 'failed' || to === 'timed_out') this.#failed++
    else if (to !== 'cancelled') this.#add(to, 1)
  }

  /** `"engine":{...},"engineTaskCounts":{...}` as of now. */
  json(nowMs: number): string {
    this.#elapse(nowMs)
    const busy = this.#running > 0
    const status = this.isLeaving ? 'ShuttingDown' : busy ? 'Busy' : 'Idle'
    const seconds = `{"idle":${Math.round(this.#idleMs) / 1e3},"busy":${Math.round(this.#busyMs) / 1e3}}`
    const limitNow = this.#limit()
    const limit = limitNow === undefined ? '' : `,"limit":${limitNow}`
    const pending = this.#pendingElsewhere?.() ?? this.#pending
    const counts = `"running":${this.#running},"pending":${pending},"succeeded":${this.#succeeded},"failed":${this.#failed}`
    return `"engine":{${this.#facts},"status":"${status}","stateSeconds":${seconds}},"engineTaskCounts":{${counts}${limit}}`
  }

  #add(status: OpenStatus, count: number): void {
    if (waiting.has(status)) this.#pending += count
    else this.#running += count
  }

  #elapse(nowMs: number): void {
    if (this.#running > 0) this.#busyMs += nowMs - this.#sinceMs
    else this.#idleMs += nowMs - this.#sinceMs
    this.#sinceMs = nowMs
  }
}
