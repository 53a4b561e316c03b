import { setTimeout as wait } from 'node:timers/promises'
import type { Keys, Shard } from '../jobs/keys.ts'
import type { ScopeEvent } from '../jobs/records.ts'
import type { Store } from '../jobs/store/commit.ts'
import { isAfter, newestPosition, readEvents } from './events.ts'
import { ReadAhead } from './read-ahead.ts'

/** What a follower tells: events in stream order, or that the shard must be read anew. */
export type FollowerSink = {
  events(shard: Shard, events: readonly ScopeEvent[]): void
  /** The stream was trimmed or replaced. @returns from where to read on */
  gap(shard: Shard): Promise<Start>
}

/** From where to follow a stream. */
export type Start = {
  /** Undefined = only what is yet to come. */
  readonly position: string | undefined
  /** Records that were read after that, when the newest entry was `newest`. */
  readonly events: readonly ScopeEvent[]
  readonly newest: string
}

/** Nothing was read: only what is yet to come is told. */
export const fromNowOn: Start = { position: undefined, events: [], newest: '0-0' }

type Commit = { readonly before: string; readonly id: string; readonly events: readonly ScopeEvent[] }

/** `position` undefined = from wherever the stream stands when it is first read. */
type Place = {
  position: string | undefined
  reading: Promise<void> | undefined
  next: Promise<void> | undefined
  /** Own commits that came while the stream was read, in their order: what a read did not reach goes on from them. */
  readonly waiting: Commit[]
  readonly ahead: ReadAhead
  /** Between the asking for entries and their handing over nothing else may be handed over. */
  isFetching: boolean
}

/** Own commits kept while a read is under way; what falls out is read from Redis. */
const waitingMax = 512
/** An entry whose own commit is still on its way back is not worth a read: it is handed over in a moment. */
const graceMs = 10

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

  follow(shard: Shard, start: Start): void {
    const place: Place = {
      position: start.position,
      reading: undefined,
      next: undefined,
      waiting: [],
      ahead: new ReadAhead(),
      isFetching: false,
    }
    place.ahead.note(start.events, start.position ?? start.newest, start.newest)
    this.#places.set(shard, place)
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
    if (place === undefined || event === undefined) return
    place.waiting.push({ ...event, events })
    if (place.waiting.length > waitingMax) place.waiting.shift()
    if (!place.isFetching) this.#takeWaiting(shard, place)
  }

  /** Hands over the own commits that continue what was read; those that a read has passed are dropped. */
  #takeWaiting(shard: Shard, place: Place): void {
    for (let next = place.waiting[0]; next !== undefined && place.position !== undefined; next = place.waiting[0]) {
      if (next.before !== place.position) {
        if (isAfter(next.id, place.position)) return
        place.waiting.shift()
        continue
      }
      place.waiting.shift()
      place.position = next.id
      const news = place.ahead.newsOf(next.id, next.events)
      if (news.length > 0) this.#sink.events(shard, news)
    }
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
      while (this.#places.get(shard) === place && (await this.#isBehind(shard, place))) await this.#fetch(shard, place)
    } finally {
      place.reading = undefined
    }
  }

  async #beginAnew(shard: Shard, place: Place): Promise<void> {
    const start = await this.#sink.gap(shard)
    place.ahead.note(start.events, start.position ?? start.newest, start.newest)
    place.position = start.position
  }

  /** Whether the stream holds what neither a read nor an own commit has brought, or no longer holds what they brought. */
  async #isBehind(shard: Shard, place: Place): Promise<boolean> {
    const known = place.position
    const newest = await newestPosition(this.#store, this.#keys, shard)
    place.position ??= newest
    this.#takeWaiting(shard, place)
    if (known !== undefined && isAfter(known, newest)) return true
    if (!isAfter(newest, place.position)) return false
    await wait(graceMs)
    this.#takeWaiting(shard, place)
    // Under load the stream has grown again by now: it is enough that the entry seen before has come.
    return this.#places.get(shard) === place && isAfter(newest, place.position)
  }

  async #fetch(shard: Shard, place: Place): Promise<void> {
    place.isFetching = true
    try {
      const read = await readEvents(this.#store, this.#keys, shard, place.position ?? '0-0')
      if (this.#places.get(shard) !== place) return
      if (read === 'gap') await this.#beginAnew(shard, place)
      else {
        place.ahead.note(read.events, read.position, read.newest)
        place.position = read.position
        if (read.events.length > 0) this.#sink.events(shard, read.events)
      }
    } finally {
      place.isFetching = false
    }
    this.#takeWaiting(shard, place)
  }
}
