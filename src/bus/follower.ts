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

/** `position` undefined = from wherever the stream stands when it is first read. */
type Place = { position: string | undefined; reading: Promise<void> | undefined; next: Promise<void> | undefined }

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

  /** @param position from which to read on; undefined = only what is yet to come */
  follow(shard: Shard, position: string | undefined): void {
    this.#places.set(shard, { position, reading: undefined, next: undefined })
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
    if (place === undefined || event === undefined || place.reading !== undefined || place.position !== event.before) return
    place.position = event.id
    this.#sink.events(shard, events)
  }

  /** Reads what is new in all followed shards: all that was committed before the call. */
  async poll(): Promise<void> {
    await Promise.all([...this.#places].map(([shard, place]) => this.#read(shard, place)))
  }

  #read(shard: Shard, place: Place): Promise<void> {
    if (place.reading === undefined) {
      place.reading = this.#readOn(shard, place)
      return place.reading
    }
    // A read under way may have looked already. One more after it serves all who ask meanwhile; its failure is its caller's.
    const after = () => {
      place.next = undefined
      return this.#read(shard, place)
    }
    place.next ??= place.reading.then(after, after)
    return place.next
  }

  async #readOn(shard: Shard, place: Place): Promise<void> {
    try {
      while (this.#places.get(shard) === place) {
        const newest = await newestPosition(this.#store, this.#keys, shard)
        place.position ??= newest
        if (newest === place.position) return
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
      place.reading = undefined
    }
  }
}
