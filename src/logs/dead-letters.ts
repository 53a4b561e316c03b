/** Lines that Loki refuses for good: kept with the reason until somebody replays or drops them, or newer ones need the room. */
import type { Keys, Shard } from '../jobs/keys.ts'
import { DeadLetterReader, type Found, idOf, type Place, placeOf } from './dead-letter-reader.ts'
import { logEntryOf } from './delivery.ts'
import { groupedBy } from './grouping.ts'
import { isoOfNs } from './loki-query.ts'
import { dropScript, replayScript, run, type Script, type Store, settleKeys } from './outbox-scripts.ts'

/** One refused line. */
export type DeadLetter = {
  readonly id: string
  /** Loki's words. */
  readonly reason: string
  readonly bytes: number
  /** RFC 3339: when Loki refused it first, and when last (it may have been replayed in between). */
  readonly firstSeen: string
  readonly lastSeen: string
  /** This and what follows, but for `line`, is absent when the entry could not be read. */
  readonly namespace?: string
  readonly jobId?: string
  readonly task?: string
  readonly engine?: string
  /** RFC 3339 */
  readonly ts?: string
  readonly level?: string
  /** The line, or the text that could not be read. */
  readonly line: string
  readonly fields?: Readonly<Record<string, string>>
}

/** Whether the caller may touch the lines of a namespace; `undefined` is asked for what could not be read. */
export type MayTouch = (namespace: string | undefined) => boolean

/** Which dead letters are meant, of those that the caller may touch. */
export type DeadLetterChoice = { readonly ids: readonly string[] | 'all'; readonly may?: MayTouch }

export type DeadLetterQuery = {
  /** 1..100 */
  readonly limit: number
  /** `nextCursor` of the page before. */
  readonly after?: string | undefined
  readonly may?: MayTouch
}

/** All methods throw ScopeError REDIS_UNAVAILABLE, and REQUEST_INVALID for ids and cursors that were never given out. */
export type DeadLetters = {
  /** Oldest first. A page may be short, also empty, where the caller may not see all: `nextCursor` says whether it goes on. */
  list(query: DeadLetterQuery): Promise<{ readonly deadLetters: readonly DeadLetter[]; readonly nextCursor?: string }>
  /** Puts lines back into the outbox, with their first refusal remembered. @returns how many */
  replay(choice: DeadLetterChoice): Promise<number>
  /** Deletes lines. @returns how many */
  drop(choice: DeadLetterChoice): Promise<number>
  /** How many there are, and the bytes they hold. */
  totals(): Promise<{ readonly lines: number; readonly bytes: number }>
  /** Deletes the oldest until at most so many bytes are left. @returns how many */
  trim(bytesMax: number): Promise<number>
}

/** Ids in one script call, lines on one page. */
const countMax = 100

/** The dead letters of one installation, over all its shards. */
export function createDeadLetters(options: { readonly store: Store; readonly keys: Keys }): DeadLetters {
  return new StoredDeadLetters(options.store, options.keys)
}

class StoredDeadLetters implements DeadLetters {
  readonly #store: Store
  readonly #keys: Keys
  readonly #reader: DeadLetterReader

  constructor(store: Store, keys: Keys) {
    this.#store = store
    this.#keys = keys
    this.#reader = new DeadLetterReader(store, keys)
  }

  async list({ limit, after, may }: DeadLetterQuery) {
    const count = Math.max(1, Math.min(countMax, limit))
    const place = after === undefined ? undefined : placeOf(after, 'after', this.#keys.shardCount)
    const page = await this.#reader.page(place, count)
    const last = page.length < count ? undefined : page.at(-1)
    const deadLetters = page.filter((found) => isAllowed(found, may)).map(deadLetterOf)
    return { deadLetters, ...(last === undefined ? {} : { nextCursor: idOf(last) }) }
  }

  async replay(choice: DeadLetterChoice): Promise<number> {
    return await this.#each(choice, (places) => this.#run(replayScript, (shard) => settleKeys(this.#keys, shard), places))
  }

  async drop(choice: DeadLetterChoice): Promise<number> {
    return await this.#each(choice, (places) => this.#drop(places))
  }

  async totals() {
    return await this.#reader.totals()
  }

  async trim(bytesMax: number): Promise<number> {
    let count = 0
    for (;;) {
      const excess = (await this.#reader.totals()).bytes - bytesMax
      const page = excess > 0 ? await this.#reader.page(undefined, countMax) : []
      if (page.length === 0) return count
      count += await this.#drop(oldestUpTo(page, excess))
    }
  }

  async #drop(places: readonly Place[]): Promise<number> {
    const keysOf = (shard: Shard) => [this.#keys.deadLetters(shard), this.#keys.deadLetterBytes(shard)]
    return await this.#run(dropScript, keysOf, places)
  }

  async #each({ ids, may }: DeadLetterChoice, work: (places: readonly Place[]) => Promise<number>): Promise<number> {
    let count = 0
    for await (const part of ids === 'all' ? this.#reader.all(countMax) : this.#named(ids)) {
      count += await work(part.filter((found) => isAllowed(found, may)))
    }
    return count
  }

  async *#named(ids: readonly string[]): AsyncGenerator<Found[]> {
    const places = ids.map((id) => placeOf(id, 'ids', this.#keys.shardCount))
    for (let at = 0; at < places.length; at += countMax) yield await this.#reader.at(places.slice(at, at + countMax))
  }

  async #run(script: Script, keysOf: (shard: Shard) => string[], places: readonly Place[]): Promise<number> {
    let count = 0
    for (const [shard, part] of groupedBy(places, (place) => place.shard)) {
      const ids = part.map((place) => place.streamId)
      count += Number(await run(this.#store, script, keysOf(shard), ids))
    }
    return count
  }
}

/** As many of the oldest as free that many bytes. */
function oldestUpTo(page: readonly Found[], bytes: number): Found[] {
  const oldest: Found[] = []
  let freed = 0
  for (const found of page) {
    if (freed >= bytes) break
    oldest.push(found)
    freed += Buffer.byteLength(found.facts['e'] ?? '')
  }
  return oldest
}

function deadLetterOf(found: Found): DeadLetter {
  const { e: text = '', reason = '', firstSeenMs = '0', lastSeenMs = '0' } = found.facts
  const shared = {
    id: idOf(found),
    reason,
    bytes: Buffer.byteLength(text),
    firstSeen: new Date(Number(firstSeenMs)).toISOString(),
    lastSeen: new Date(Number(lastSeenMs)).toISOString(),
  }
  const entry = logEntryOf(text)
  const [ns, level, line, fields] = entry?.lines[0] ?? []
  if (entry === undefined || ns === undefined || level === undefined || line === undefined) return { ...shared, line: text }
  const { namespace, jobId, task, engine } = entry
  const optional = { ...(task === undefined ? {} : { task }), ...(fields === undefined ? {} : { fields }) }
  return { ...shared, namespace, jobId, engine, ts: isoOfNs(ns), level, line, ...optional }
}

function isAllowed(found: Found, may: MayTouch | undefined): boolean {
  return may === undefined || may(logEntryOf(found.facts['e'] ?? '')?.namespace)
}
