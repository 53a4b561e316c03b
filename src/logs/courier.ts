import { randomUUID } from 'node:crypto'
import { Pause } from '../pause.ts'
import { backoffMs } from './backoff.ts'
import { pushBody } from './batch.ts'
import { createDeadLetters } from './dead-letters.ts'
import { halves, markRefused, markStored, type Parcel, type ParcelLine, stackOfPushes } from './delivery.ts'
import { groupedBy } from './grouping.ts'
import type { PushResult } from './loki-answer.ts'
import { entriesPerSettleMax, type OutboxEntry, type OutboxShard } from './outbox-shard.ts'
import type { ShipperHealth } from './shipper-health.ts'
import type { ShipperLimits, ShipperOptions } from './shipper-options.ts'

/** Brings what was taken out of the outbox to Loki, and lets the outbox forget it once Loki has judged every line. */
export class Courier {
  readonly #options: ShipperOptions
  readonly #limits: ShipperLimits
  readonly #health: ShipperHealth
  readonly #deadLetters: ReturnType<typeof createDeadLetters>
  readonly #pause = new Pause()
  readonly #abort = new AbortController()
  #isClosing = false

  constructor(options: ShipperOptions, limits: ShipperLimits, health: ShipperHealth) {
    const { store, keys } = options
    this.#options = options
    this.#limits = limits
    this.#health = health
    this.#deadLetters = createDeadLetters({ store, keys })
  }

  /** Ends with the push under way. */
  close(): void {
    this.#isClosing = true
    this.#pause.close()
  }

  /** Breaks off the push under way. */
  abort(): void {
    this.#abort.abort()
  }

  /** Brings entries to their end: Loki has each line, or has refused it for good. */
  async ship(opened: readonly { parcel: Parcel; lines: readonly ParcelLine[] }[]): Promise<void> {
    const parcels = new Set(opened.map(({ parcel }) => parcel))
    const pushes = stackOfPushes(
      opened.flatMap(({ lines }) => lines),
      this.#limits.batchBytes,
    )
    await this.#settle(parcels)
    for (let lines = pushes.pop(); lines !== undefined && !this.#isClosing; lines = pushes.pop()) {
      const { sent, result } = await this.#pushUntilJudged(lines)
      const [only, ...others] = sent
      if (only === undefined || result === undefined) continue
      if (result.kind === 'stored') markStored(sent)
      else if (others.length === 0) markRefused(only, result.reason, Date.now())
      else pushes.push(...halves(sent).reverse())
      await this.#settle(parcels)
    }
  }

  /** Sends until Loki has judged the lines. Those of shards that were given up in the meantime are left out. */
  async #pushUntilJudged(lines: readonly ParcelLine[]): Promise<{ sent: readonly ParcelLine[]; result?: PushResult }> {
    for (let failures = 0; ; failures++) {
      const sent = lines.filter((line) => line.source.entry.from.isActive)
      if (sent.length === 0 || this.#isClosing) return { sent: [] }
      const result = await this.#options.loki.push(pushBody(sent), this.#abort.signal)
      this.#options.observer.lokiRequest(result.code)
      this.#health.noteLoki(result)
      if (result.kind !== 'again' && result.kind !== 'misconfigured') return { sent, result }
      await this.#pause.wait(this.#waitMs(result, failures))
    }
  }

  #waitMs(result: PushResult, failures: number): number {
    if (result.kind === 'misconfigured') return this.#limits.probeMs
    const waitMs = backoffMs(failures, this.#limits.backoffMinMs, this.#limits.backoffMaxMs)
    if (result.retryAfterMs === undefined) return waitMs
    return Math.max(waitMs, result.retryAfterMs * (1 + Math.random() / 10))
  }

  /** Ends the entries that have no open line. */
  async #settle(parcels: Set<Parcel>): Promise<void> {
    const done = [...parcels].filter((parcel) => parcel.linesOpen === 0)
    for (const parcel of done) parcels.delete(parcel)
    for (const [shard, ofShard] of groupedBy(done, (parcel) => parcel.entry.from)) {
      for (let at = 0; at < ofShard.length; at += entriesPerSettleMax) {
        const part = ofShard.slice(at, at + entriesPerSettleMax)
        const ended = await this.#settleIn(shard, part)
        for (const parcel of part) if (ended.has(parcel.entry)) this.#count(parcel)
      }
    }
    if (done.some((parcel) => parcel.refused.length > 0)) await this.#health.guarded(() => this.#trimDeadLetters())
  }

  /** Loki has the lines, so this goes on until the store took it, or until the end. */
  async #settleIn(shard: OutboxShard, parcels: readonly Parcel[]): Promise<ReadonlySet<OutboxEntry>> {
    const token = randomUUID()
    for (;;) {
      const ended = await this.#health.guarded(() => shard.settle(parcels, token))
      if (ended !== undefined || this.#isClosing) return new Set(ended)
      await this.#pause.wait(this.#limits.pollMs)
    }
  }

  #count({ log, refused }: Parcel): void {
    if (log?.isOwn === true) return
    const shipped = (log?.lines.length ?? 0) - refused.length
    if (shipped > 0) this.#options.observer.lines('shipped', shipped)
    if (refused.length > 0) this.#options.observer.lines('dead_lettered', refused.length)
  }

  async #trimDeadLetters(): Promise<void> {
    const trimmed = await this.#deadLetters.trim(this.#limits.deadLettersBytes)
    if (trimmed > 0) this.#options.observer.lines('dead_letters_trimmed', trimmed)
  }
}
