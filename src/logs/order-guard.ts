/** Keeps Loki's streams in order across replicas: their labels do not name a shard, so all shards write to the same ones. */
import type { Keys, Shard } from '../jobs/keys.ts'
import { orUnavailable, type Store } from './outbox-scripts.ts'
import { msOfId } from './outbox-shard.ts'

/**
 * Knows the oldest entry of every shard that somebody else ships. Lines that arrived much later than that one wait for
 * it: once they are in Loki, the older ones would be refused as too far behind. An entry that has not moved for a
 * while is waited for no longer: one shipper that is stuck does not stop the others.
 */
export class OrderGuard {
  readonly #store: Store
  readonly #keys: Keys
  readonly #slackMs: number
  readonly #patienceMs: number
  readonly #oldest = new Map<Shard, { id: string; sinceMs: number }>()

  /**
   * @param slackMs how much later a line may have arrived than one that is shipped after it
   * @param patienceMs how long an oldest entry is waited for while it does not move
   */
  constructor(store: Store, keys: Keys, slackMs: number, patienceMs: number) {
    this.#store = store
    this.#keys = keys
    this.#slackMs = slackMs
    this.#patienceMs = patienceMs
  }

  /** Looks at the shards of others. @throws ScopeError REDIS_UNAVAILABLE */
  async look(shards: readonly Shard[]): Promise<void> {
    for (const shard of this.#oldest.keys()) if (!shards.includes(shard)) this.#oldest.delete(shard)
    await Promise.all(shards.map((shard) => this.#lookAt(shard)))
  }

  /** Whether an entry that arrived then may be shipped now. */
  mayShip(atMs: number): boolean {
    const nowMs = performance.now()
    for (const { id, sinceMs } of this.#oldest.values()) {
      if (nowMs - sinceMs < this.#patienceMs && atMs - msOfId(id) > this.#slackMs) return false
    }
    return true
  }

  async #lookAt(shard: Shard): Promise<void> {
    const [first] = await orUnavailable(this.#store.xrange(this.#keys.outbox(shard), '-', '+', 'COUNT', 1))
    if (first === undefined) this.#oldest.delete(shard)
    else if (this.#oldest.get(shard)?.id !== first[0]) this.#oldest.set(shard, { id: first[0], sinceMs: performance.now() })
  }
}
