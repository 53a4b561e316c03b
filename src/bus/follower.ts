import type { Keys, Shard } from '../jobs/keys.ts'
import type { ScopeEvent } from '../jobs/records.ts'
import type { Store } from '../jobs/store/commit.ts'
import { newestPosition, readEvents } from './events.ts'

/** What a follower tells: events in stream order, or that the shard must be read anew. */
export type FollowerSink = {
  events(shard: Shard, events: readonly ScopeEvent[]): void
  /** The stream was trimmed or replaced. @returns the position from which to read on */
  gap(shard: Shard): Promise<string>
}

type Place = { position: string; isReading: boolean }

/**
 * Follows the event streams of some shards. Commits of this process are taken over directly where they continue what was
 * read; everything else is read from Redis.
 */
export class Follower {
  readonly #store: Store
  readonly #keys: Keys
  readonly #sink: FollowerSink
  readonly #places = new Map<Shard, Place>()

  constructor(store: Store, keys: Keys, sink: FollowerSink) {
    this.#store = store
    this.#keys = keys
    this.#sink = sink
  }

  follow(shard: Shard, position: string): void {
    this.#places.set(shard, { position, isReading: false })
  }

  leave(shard: Shard): void {
    this.#places.delete(shard)
  }

  /** A commit of this process. Taken at once when nothing lies between it and what was read. */
  committed(
    shard: Shard,
    event: { readonly before: string; readonly id: string } | undefined,
    events: readonly ScopeEvent[],
  ): void {
    const place = this.#places.get(shard)
    if (place === undefined || event === undefined || place.isReading || place.position !== event.before) return
    place.position = event.id
    this.#sink.events(shard, events)
  }

  /** Reads what is new in all followed shards. */
  async poll(): Promise<void> {
    await Promise.all([...this.#places].map(([shard, place]) => this.#read(shard, place)))
  }

  async #read(shard: Shard, place: Place): Promise<void> {
    if (place.isReading) return
    place.isReading = true
    try {
      while (this.#places.get(shard) === place && (await newestPosition(this.#store, this.#keys, shard)) !== place.position) {
        const read = await readEvents(this.#store, this.#keys, shard, place.position)
        if (this.#places.get(shard) !== place) return
        if (read === 'gap') {
          place.position = await this.#sink.gap(shard)
          continue
        }
        place.position = read.position
        if (read.events.length > 0) this.#sink.events(shard, read.events)
      }
    } finally {
      place.isReading = false
    }
  }
}
