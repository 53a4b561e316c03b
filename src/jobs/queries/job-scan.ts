import type { Keys, Shard } from '../keys.ts'
import { type RedisReader, readAll } from './read.ts'

/** Where a job stands in the list: first arrival in ms, then `<ns>/<jobId>`; both falling. */
export type Place = { readonly score: number; readonly member: string }

export type Candidate = Place & { readonly shard: Shard }

const pageSizeMin = 32
const pageSizeMax = 512

/** Whether `a` comes after `b` in the list. Ids are ASCII, so code units compare as the store's bytes do. */
function isAfter(a: Place, b: Place): boolean {
  return a.score < b.score || (a.score === b.score && a.member < b.member)
}

/** One shard's sorted set, read from the top in pages; a page begins behind the last place seen, not at a number that shifts. */
class ShardWalk {
  readonly shard: Shard
  readonly #key: string
  #last: Place | undefined
  /** Members of the score of `#last` that a page must skip. */
  #skip = 0
  #page: Candidate[] = []
  #at = 0
  #size = pageSizeMin
  isExhausted = false

  constructor(shard: Shard, key: string, after: Place | undefined) {
    this.shard = shard
    this.#key = key
    this.#last = after
  }

  get head(): Candidate | undefined {
    return this.#page[this.#at]
  }

  take(): void {
    this.#at += 1
  }

  /** Reads on until there is a head or the set has ended. */
  async fill(redis: RedisReader): Promise<void> {
    while (this.head === undefined && !this.isExhausted) {
      const from = this.#last === undefined ? '+inf' : this.#last.score
      const [answer] = await readAll(redis, [
        ['zrevrangebyscore', this.#key, from, '-inf', 'WITHSCORES', 'LIMIT', this.#skip, this.#size],
      ])
      this.#takePage(answer as string[])
    }
  }

  #takePage(flat: readonly string[]): void {
    const all: Candidate[] = []
    for (let i = 0; i + 1 < flat.length; i += 2)
      all.push({ shard: this.shard, member: String(flat[i]), score: Number(flat[i + 1]) })
    this.isExhausted = all.length < this.#size
    const last = this.#last
    this.#page = last === undefined ? all : all.filter((candidate) => isAfter(candidate, last))
    this.#at = 0
    // A page of nothing but places seen before: a score that more jobs share than a page holds.
    this.#skip = this.#page.length === 0 ? this.#skip + all.length : 0
    this.#last = this.#page.at(-1) ?? last
    this.#size = Math.min(this.#size * 2, pageSizeMax)
  }
}

/** The jobs of all shards, newest first, merged from one sorted set per shard. */
export class JobScan {
  readonly #redis: RedisReader
  readonly #walks: ShardWalk[]

  /** @param after place behind which to begin; absent = at the newest */
  constructor(redis: RedisReader, keys: Keys, set: 'jobs' | 'openJobs', after: Place | undefined) {
    this.#redis = redis
    this.#walks = Array.from({ length: keys.shardCount }, (_, shard) => new ShardWalk(shard, keys[set](shard), after))
  }

  /** The next jobs in order, at most `count`; an empty list = no more. */
  async next(count: number): Promise<Candidate[]> {
    const batch: Candidate[] = []
    while (batch.length < count) {
      await Promise.all(this.#walks.map((walk) => walk.fill(this.#redis)))
      const taken = this.#takeUntilRefill(batch, count)
      if (taken === 0) break
    }
    return batch
  }

  /** Whether everything has been given out. Exact once {@link next} has returned less than asked for. */
  get isExhausted(): boolean {
    return this.#walks.every((walk) => walk.isExhausted && walk.head === undefined)
  }

  #takeUntilRefill(batch: Candidate[], count: number): number {
    let taken = 0
    while (batch.length < count) {
      const first = this.#firstWalk()
      if (first?.head === undefined) break
      batch.push(first.head)
      first.take()
      taken += 1
      if (first.head === undefined && !first.isExhausted) break
    }
    return taken
  }

  #firstWalk(): ShardWalk | undefined {
    let first: ShardWalk | undefined
    for (const walk of this.#walks) {
      if (walk.head === undefined) continue
      if (first?.head === undefined || isAfter(first.head, walk.head)) first = walk
    }
    return first
  }
}
