import { performance } from 'node:perf_hooks'
import type { Store } from '../jobs/store/commit.ts'

// Leases are kept in a full store too (`allow-oom`): whoever stops there stops draining it. What they write is bounded.
const takeScript = `#!lua flags=allow-oom
-- Purpose: takes or renews a lease. KEYS[1] the lease, KEYS[2] the fencing number.
-- ARGV: holder, its start, milliseconds, fencing number this start was given last (0 = none).
-- Answers: {1, fencing number} when held, {0, ''} when another holds it. A holder that began anew takes its own lease over;
-- the start before, should it still live, has a fencing number by which it is told from one that has just begun.
local holder = redis.call('HGET', KEYS[1], 'holder')
local start = redis.call('HGET', KEYS[1], 'start')
if holder and holder ~= ARGV[1] then return { 0, '' } end
if holder and start ~= ARGV[2] and ARGV[4] ~= '0' then return { 0, '' } end
if not holder or start ~= ARGV[2] then
  local fence = redis.call('INCR', KEYS[2])
  redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'start', ARGV[2], 'fence', fence)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { 1, redis.call('HGET', KEYS[1], 'fence') }
`

const giveScript = `
-- Purpose: gives a lease back if it is still held. KEYS[1] the lease. ARGV: holder, its start.
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'start') ~= ARGV[2] then return 0 end
return redis.call('DEL', KEYS[1])
`

const registerScript = `#!lua flags=allow-oom
-- Purpose: enters a replica among the living and answers who lives. KEYS[1] the replicas. ARGV: name, milliseconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)
`

/** Who takes leases: a stable name, and one word per start. */
export type Holder = { readonly name: string; readonly start: string }

/** Share of a lease after which its holder stops by itself, so that it has surely stopped when another begins. */
const usableShare = 0.9

/**
 * One lease with a fencing number, timed by Redis. The holder judges by its own monotonic clock, from before the call
 * was sent, whether it still holds it.
 */
export class Lease {
  readonly #store: Store
  readonly #leaseKey: string
  readonly #fenceKey: string
  readonly #holder: Holder
  readonly #ttlMs: number
  #heldUntilMs = 0
  #fence = 0

  constructor(store: Store, leaseKey: string, fenceKey: string, holder: Holder, ttlMs: number) {
    this.#store = store
    this.#leaseKey = leaseKey
    this.#fenceKey = fenceKey
    this.#holder = holder
    this.#ttlMs = ttlMs
  }

  get isHeld(): boolean {
    return performance.now() < this.#heldUntilMs
  }

  /** Fencing number of the present holding; 0 while never held. */
  get fence(): number {
    return this.#fence
  }

  /** Takes or renews the lease. @returns whether it is held now */
  async take(): Promise<boolean> {
    const sentAtMs = performance.now()
    const answer = await this.#store.eval(
      takeScript,
      2,
      this.#leaseKey,
      this.#fenceKey,
      this.#holder.name,
      this.#holder.start,
      this.#ttlMs,
      this.#fence,
    )
    const [isTaken, fence] = answer as [number, string]
    this.#heldUntilMs = isTaken === 1 ? sentAtMs + this.#ttlMs * usableShare : 0
    if (isTaken === 1) this.#fence = Number(fence)
    return this.isHeld
  }

  /** Gives it back at once, so that another replica need not wait for its end. */
  async give(): Promise<void> {
    this.#heldUntilMs = 0
    await this.#store.eval(giveScript, 1, this.#leaseKey, this.#holder.name, this.#holder.start)
  }
}

/** Enters this replica among the living for a while. @returns the names of all that live */
export async function registerReplica(store: Store, key: string, name: string, ttlMs: number): Promise<string[]> {
  return (await store.eval(registerScript, 1, key, name, ttlMs)) as string[]
}
