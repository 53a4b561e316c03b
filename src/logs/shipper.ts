/** Brings the outbox to Loki: oldest first, at least once in identical bytes, ended only when Loki has the lines. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ScopeError } from '../errors.ts'
import type { Keys, Shard } from '../jobs/keys.ts'
import { backoffMs, Pause } from './backoff.ts'
import { orderSlackMs, pushBody } from './batch.ts'
import { createDeadLetters } from './dead-letters.ts'
import { halves, markRefused, markStored, openParcel, type Parcel, type ParcelLine, stackOfPushes } from './delivery.ts'
import { groupedBy } from './grouping.ts'
import { isBlocked, type PushResult } from './loki-answer.ts'
import type { Pusher } from './loki-client.ts'
import { OrderGuard } from './order-guard.ts'
import { takeOldest } from './outbox-merge.ts'
import type { Store } from './outbox-scripts.ts'
import { msOfId, type OutboxEntry, OutboxShard } from './outbox-shard.ts'

/** What becomes of lines here. `dead_letters_trimmed`: dead letters that had to make room for newer ones. */
export type ShippedOutcome = 'shipped' | 'dead_lettered' | 'dead_letters_trimmed'

/** Told what happens, for series and the log. Never throws. */
export type ShipperObserver = {
  /** Lines of engines; those that the aggregator made itself are not counted. */
  lines(outcome: ShippedOutcome, count: number): void
  /** @param code status of the answer, `timeout` or `unreachable` */
  lokiRequest(code: string): void
  /** In all outboxes of this shipper. */
  outboxBytes(bytes: number): void
  /** Age of the oldest entry, 0 when there is none. */
  outboxAgeSeconds(seconds: number): void
  /** The readiness has changed. */
  changed?(readiness: ShipperReadiness): void
}

/**
 * Not ready: somebody has to act, by themselves the lines will not get through. Loki being away is no such case:
 * ready, with the reason.
 */
export type ShipperReadiness = { readonly ready: boolean; readonly reason?: string }

export type ShipperLimits = {
  /** Body of a push before compression. */
  readonly batchBytes: number
  /** Shortest time between two pushes that were not full. */
  readonly lingerMs: number
  /** How often an idle shard is looked at without a hint. */
  readonly pollMs: number
  readonly claimIdleMs: number
  /** First and longest wait after "not now". */
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  /** How often a wrong address, token or tenant is tried again. */
  readonly probeMs: number
  /** How long closing waits for the push under way. */
  readonly drainMs: number
  /** All dead letters together. */
  readonly deadLettersBytes: number
}

const defaults: ShipperLimits = {
  batchBytes: 1024 * 1024,
  lingerMs: 1_000,
  pollMs: 1_000,
  claimIdleMs: 30_000,
  backoffMinMs: 1_000,
  backoffMaxMs: 30_000,
  probeMs: 30_000,
  drainMs: 5_000,
  deadLettersBytes: 64 * 1024 * 1024,
}

export type ShipperOptions = {
  /** A connection of its own, with unlimited retry. */
  readonly store: Store
  readonly keys: Keys
  readonly loki: Pusher
  /** Name of the consumer: one per replica. */
  readonly replicaId: string
  readonly observer: ShipperObserver
  readonly limits?: Partial<ShipperLimits>
}

/** Bytes of other shards' entries read ahead. */
const readAheadBytes = 256 * 1024
/** Longer than one push and its longest back-off. */
const orderPatienceMs = 60_000

/** Ships the shards it was told to, one push at a time. */
export class Shipper {
  readonly #options: ShipperOptions
  readonly #limits: ShipperLimits
  readonly #guard: OrderGuard
  readonly #deadLetters: ReturnType<typeof createDeadLetters>
  readonly #shards = new Map<Shard, OutboxShard>()
  readonly #idle = new Pause()
  readonly #backoff = new Pause()
  readonly #watchPause = new Pause()
  readonly #abort = new AbortController()
  #isClosing = false
  #wasWoken = false
  /** Before that it is not known what others have to ship first. */
  #hasLooked = false
  #loops: Promise<unknown> | undefined
  #lokiTrouble: ShipperReadiness = { ready: true }
  #storeTrouble: string | undefined
  #said = ''

  constructor(options: ShipperOptions) {
    const { store, keys } = options
    this.#options = options
    this.#limits = { ...defaults, ...options.limits }
    this.#guard = new OrderGuard(store, keys, orderSlackMs, orderPatienceMs)
    this.#deadLetters = createDeadLetters({ store, keys })
  }

  /** Takes a shard on. */
  start(shard: Shard): void {
    if (this.#isClosing || this.#shards.has(shard)) return
    const { store, keys, replicaId } = this.#options
    const limits = { claimIdleMs: this.#limits.claimIdleMs, readBytes: readAheadBytes }
    this.#shards.set(shard, new OutboxShard(store, keys, shard, replicaId, limits))
    this.#loops ??= this.#begin()
    this.wake(shard)
  }

  /** Takes all shards on. */
  startAll(): void {
    for (let shard = 0; shard < this.#options.keys.shardCount; shard++) this.start(shard)
  }

  /**
   * Gives a shard up, at once: a push under way is finished, nothing more of the shard is sent. Resolves when the next
   * shipper may have its lines; while the store is away that may take as long as the connection's retries.
   */
  async stop(shard: Shard): Promise<void> {
    const known = this.#shards.get(shard)
    if (known === undefined) return
    this.#shards.delete(shard)
    await this.#release(known)
  }

  /** A hint that a shard has new lines. */
  wake(shard: Shard): void {
    const known = this.#shards.get(shard)
    if (known === undefined) return
    known.wake()
    this.#wasWoken = true
    this.#idle.end()
  }

  /** Whether lines get through, as far as is known. */
  readiness(): ShipperReadiness {
    if (this.#storeTrouble === undefined || !this.#lokiTrouble.ready) return this.#lokiTrouble
    return { ready: true, reason: `Log lines wait for the store: ${this.#storeTrouble}` }
  }

  /** Finishes the push under way, within bounds, and lets go of the shards. */
  async close(): Promise<void> {
    this.#isClosing = true
    const drained = setTimeout(() => this.#abort.abort(), this.#limits.drainMs)
    for (const pause of [this.#idle, this.#backoff, this.#watchPause]) pause.close()
    await withinMs(this.#limits.drainMs + 1_000, this.#loops)
    clearTimeout(drained)
    await withinMs(1_000, Promise.all([...this.#shards.values()].map((shard) => this.#release(shard))))
    this.#shards.clear()
  }

  /** After the shards that are started along with the first one. */
  async #begin(): Promise<void> {
    await nextTurn()
    await Promise.all([this.#watch(), this.#run()])
  }

  /** Looks at the shards once a poll: age, bytes, group, hints. */
  async #watch(): Promise<void> {
    while (!this.#isClosing) {
      await this.#guarded(() => this.#look())
      await this.#watchPause.wait(this.#limits.pollMs)
    }
  }

  async #look(): Promise<void> {
    const own = [...this.#shards.values()]
    const surveys = await Promise.all(own.map((shard) => shard.look()))
    const ages = surveys.map((survey) => (survey.firstId === '' ? 0 : survey.nowMs - msOfId(survey.firstId)))
    this.#options.observer.outboxBytes(surveys.reduce((sum, survey) => sum + survey.bytes, 0))
    this.#options.observer.outboxAgeSeconds(Math.max(0, ...ages) / 1000)
    const shipped = new Set(own.filter((shard) => !shard.isHeld).map((shard) => shard.shard))
    const all = Array.from({ length: this.#options.keys.shardCount }, (_, shard) => shard)
    await this.#guard.look(all.filter((shard) => !shipped.has(shard)))
    this.#hasLooked = true
    if (surveys.some((survey) => survey.entries > 0)) this.#idle.end()
  }

  async #run(): Promise<void> {
    while (!this.#isClosing) {
      const startedMs = performance.now()
      const isFull = await this.#turn()
      if (!isFull) await this.#backoff.wait(Math.max(0, startedMs + this.#limits.lingerMs - performance.now()))
    }
  }

  /** One batch, if there is one; else waits for a hint. @returns whether to go on at once */
  async #turn(): Promise<boolean> {
    this.#wasWoken = false
    const bytesMax = this.#limits.batchBytes
    const entries = this.#hasLooked ? await this.#guarded(() => this.#take(bytesMax)) : []
    if (entries !== undefined && entries.length > 0) {
      await this.#ship(entries.map((entry) => openParcel(entry, Date.now())))
      return entries.reduce((sum, entry) => sum + entry.bytes, 0) >= bytesMax
    }
    if (!this.#wasWoken || !this.#hasLooked) await this.#idle.wait(this.#limits.pollMs)
    return entries !== undefined
  }

  #take(bytesMax: number): Promise<OutboxEntry[]> {
    return takeOldest([...this.#shards.values()], this.#guard, bytesMax)
  }

  async #ship(opened: readonly { parcel: Parcel; lines: readonly ParcelLine[] }[]): Promise<void> {
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
      this.#noteLoki(result)
      if (result.kind !== 'again' && result.kind !== 'misconfigured') return { sent, result }
      await this.#backoff.wait(this.#waitMs(result, failures))
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
    for (const [shard, part] of groupedBy(done, (parcel) => parcel.entry.from)) {
      const ended = await this.#settleIn(shard, part)
      for (const parcel of part) if (ended.has(parcel.entry)) this.#count(parcel)
    }
    if (done.some((parcel) => parcel.refused.length > 0)) await this.#guarded(() => this.#trimDeadLetters())
  }

  /** Loki has the lines, so this goes on until the store took it, or until the end. */
  async #settleIn(shard: OutboxShard, parcels: readonly Parcel[]): Promise<ReadonlySet<OutboxEntry>> {
    for (;;) {
      const ended = await this.#guarded(() => shard.settle(parcels))
      if (ended !== undefined || this.#isClosing) return new Set(ended)
      await this.#backoff.wait(this.#limits.pollMs)
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

  async #release(shard: OutboxShard): Promise<void> {
    shard.isActive = false
    // Failing that, the next shipper has them when they have been idle for long enough.
    await this.#guarded(() => shard.release())
  }

  /** Does something with the store. @returns undefined when the store is away, which is noted */
  async #guarded<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await work()
      this.#storeTrouble = undefined
      this.#say()
      return answer
    } catch (error) {
      if (!(error instanceof ScopeError && error.code === 'REDIS_UNAVAILABLE')) throw error
      this.#storeTrouble = error.message
      this.#say()
      return undefined
    }
  }

  #noteLoki(result: PushResult): void {
    const needsHands = result.kind === 'misconfigured' || isBlocked(result)
    const isJudged = result.kind !== 'again' && !needsHands
    this.#lokiTrouble = isJudged ? { ready: true } : { ready: !needsHands, reason: result.reason }
    this.#say()
  }

  #say(): void {
    const now = this.readiness()
    const text = `${now.ready} ${now.reason ?? ''}`
    if (text === this.#said) return
    this.#said = text
    this.#options.observer.changed?.(now)
  }
}

async function withinMs(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
