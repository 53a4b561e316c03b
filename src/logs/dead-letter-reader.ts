/** Reads the dead letters of all shards as one list, oldest first. */
import { ScopeError } from '../errors.ts'
import type { Keys, Shard } from '../jobs/keys.ts'
import { orUnavailable, type Store } from './outbox-scripts.ts'

/** Where a dead letter lies. */
export type Place = { readonly shard: Shard; readonly streamId: string }

/** A dead letter as it lies there. */
export type Found = Place & {
  /** `e`, `reason`, `firstSeenMs`, `lastSeenMs` */
  readonly facts: Readonly<Record<string, string>>
}

/** The list, ordered by (stream id, shard). All methods throw ScopeError REDIS_UNAVAILABLE. */
export class DeadLetterReader {
  readonly #store: Store
  readonly #keys: Keys
  readonly #shards: readonly Shard[]

  constructor(store: Store, keys: Keys) {
    this.#store = store
    this.#keys = keys
    this.#shards = Array.from({ length: keys.shardCount }, (_, shard) => shard)
  }

  /** The oldest behind a place. */
  async page(after: Place | undefined, count: number): Promise<Found[]> {
    const read = async (shard: Shard) => {
      const start = after === undefined ? '-' : `${shard > after.shard ? '' : '('}${after.streamId}`
      return await this.#range(shard, start, '+', count)
    }
    const found = await Promise.all(this.#shards.map(read))
    return found.flat().sort(comparePlaces).slice(0, count)
  }

  /** Those of some places that are still there. */
  async at(places: readonly Place[]): Promise<Found[]> {
    const found = await Promise.all(places.map(({ shard, streamId }) => this.#range(shard, streamId, streamId, 1)))
    return found.flat()
  }

  /** Page by page, those that are there now: what is laid down in the meantime is left out. */
  async *all(perPage: number): AsyncGenerator<Found[]> {
    const newest = await this.#newest()
    let after: Place | undefined
    do {
      const page = await this.page(after, perPage)
      after = page.length < perPage ? undefined : page.at(-1)
      yield page.filter((found) => compareIds(found.streamId, newest.get(found.shard) ?? '0-0') <= 0)
    } while (after !== undefined)
  }

  async totals(): Promise<{ lines: number; bytes: number }> {
    const [lengths, bytes] = await orUnavailable(
      Promise.all([
        Promise.all(this.#shards.map((shard) => this.#store.xlen(this.#keys.deadLetters(shard)))),
        Promise.all(this.#shards.map((shard) => this.#store.get(this.#keys.deadLetterBytes(shard)))),
      ]),
    )
    return { lines: sumOf(lengths), bytes: sumOf(bytes.map((text) => Number(text ?? 0))) }
  }

  async #range(shard: Shard, from: string, to: string, count: number): Promise<Found[]> {
    const entries = await orUnavailable(this.#store.xrange(this.#keys.deadLetters(shard), from, to, 'COUNT', count))
    return entries.map(([streamId, fields]) => ({ shard, streamId, facts: factsOf(fields) }))
  }

  async #newest(): Promise<Map<Shard, string>> {
    const lasts = await orUnavailable(
      Promise.all(this.#shards.map((shard) => this.#store.xrevrange(this.#keys.deadLetters(shard), '+', '-', 'COUNT', 1))),
    )
    return new Map(lasts.flatMap(([last], shard) => (last === undefined ? [] : [[shard, last[0]] as const])))
  }
}

/** `<stream id>-<shard>`: the id that is told, and the cursor behind it. */
export function idOf({ shard, streamId }: Place): string {
  return `${streamId}-${shard}`
}

/** @param path name of the argument it came in @throws ScopeError REQUEST_INVALID for a text that is no id */
export function placeOf(id: string, path: string, shardCount: number): Place {
  const [, streamId, digits] = /^(\d{1,15}-\d{1,15})-(\d{1,4})$/.exec(id) ?? []
  const shard = Number(digits)
  if (streamId !== undefined && shard < shardCount) return { streamId, shard }
  throw new ScopeError('REQUEST_INVALID', 'This is not the id of a dead letter.', { path })
}

function factsOf(fields: readonly string[]): Record<string, string> {
  const facts: Record<string, string> = {}
  for (let at = 0; at + 1 < fields.length; at += 2) facts[fields[at] ?? ''] = fields[at + 1] ?? ''
  return facts
}

function comparePlaces(a: Place, b: Place): number {
  return compareIds(a.streamId, b.streamId) || a.shard - b.shard
}

function compareIds(a: string, b: string): number {
  const [aMs = 0, aNumber = 0] = a.split('-').map(Number)
  const [bMs = 0, bNumber = 0] = b.split('-').map(Number)
  return aMs - bMs || aNumber - bNumber
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
