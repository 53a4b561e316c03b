/** Brings the outbox to Loki: oldest first, at least once in identical bytes, ended only when Loki has the lines. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Shard } from '../jobs/keys.ts'
import { Pause } from '../pause.ts'
import { orderSlackMs } from './batch.ts'
import { Courier } from './courier.ts'
import { openParcel } from './delivery.ts'
import { OrderGuard } from './order-guard.ts'
import { takeOldest } from './outbox-merge.ts'
import { msOfId, type OutboxEntry, OutboxShard } from './outbox-shard.ts'
import { ShipperHealth } from './shipper-health.ts'
import { type ShipperLimits, type ShipperOptions, type ShipperReadiness, shipperDefaults } from './shipper-options.ts'

/** Bytes of other shards' entries read ahead. */
const readAheadBytes = 256 * 1024
/** Longer than one push and its longest back-off. */
const orderPatienceMs = 60_000

/** Ships the shards it was told to, one push at a time. */
export class Shipper {
  readonly #options: ShipperOptions
  readonly #limits: ShipperLimits
  readonly #guard: OrderGuard
  readonly #health: ShipperHealth
  readonly #courier: Courier
  readonly #shards = new Map<Shard, OutboxShard>()
  readonly #idle = new Pause()
  readonly #linger = new Pause()
  readonly #watchPause = new Pause()
  #isClosing = false
  #wasWoken = false
  /** Before that it is not known what others have to ship first. */
  #hasLooked = false
  #loops: Promise<unknown> | undefined

  constructor(options: ShipperOptions) {
    const { store, keys } = options
    this.#options = options
    this.#limits = { ...shipperDefaults, ...options.limits }
    this.#guard = new OrderGuard(store, keys, orderSlackMs, orderPatienceMs)
    this.#health = new ShipperHealth((readiness) => options.observer.changed?.(readiness))
    this.#courier = new Courier(options, this.#limits, this.#health)
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
    return this.#health.readiness()
  }

  /** Finishes the push under way, within bounds, and lets go of the shards. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#courier.close()
    const drained = setTimeout(() => this.#courier.abort(), this.#limits.drainMs)
    for (const pause of [this.#idle, this.#linger, this.#watchPause]) pause.close()
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
      await this.#health.guarded(() => this.#look())
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
      if (!isFull) await this.#linger.wait(Math.max(0, startedMs + this.#limits.lingerMs - performance.now()))
    }
  }

  /** One batch, if there is one; else waits for a hint. @returns whether to go on at once */
  async #turn(): Promise<boolean> {
    this.#wasWoken = false
    const bytesMax = this.#limits.batchBytes
    const entries = this.#hasLooked ? await this.#health.guarded(() => this.#take(bytesMax)) : []
    if (entries !== undefined && entries.length > 0) {
      await this.#courier.ship(entries.map((entry) => openParcel(entry, Date.now())))
      return entries.reduce((sum, entry) => sum + entry.bytes, 0) >= bytesMax
    }
    if (!this.#wasWoken || !this.#hasLooked) await this.#idle.wait(this.#limits.pollMs)
    return entries !== undefined
  }

  #take(bytesMax: number): Promise<OutboxEntry[]> {
    return takeOldest([...this.#shards.values()], this.#guard, bytesMax)
  }

  async #release(shard: OutboxShard): Promise<void> {
    shard.isActive = false
    // Failing that, the next shipper has them when they have been idle for long enough.
    await this.#health.guarded(() => shard.release())
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
