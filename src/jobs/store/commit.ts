import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { Cluster, Redis } from 'ioredis'
import { ScopeError } from '../../errors.ts'
import type { Keys, Shard } from '../keys.ts'
import { type Change, encodeChanges } from './change.ts'
import type { RedisClock } from './redis-clock.ts'

/** Any of the ways to reach the store. All keys of one call share a slot, so they are used alike. */
export type Store = Redis | Cluster

/** Told of every command: how long it took, and whether it failed. */
export type StoreObserver = { commandSeconds(command: string, seconds: number): void; error(kind: string): void }

export type Committed = {
  /** Per change: whether it was taken. False = someone else wrote that record first. */
  readonly taken: readonly boolean[]
  /** Entry of the event stream before this commit's, and this commit's own; undefined when nothing was announced. */
  readonly event: { readonly before: string; readonly id: string } | undefined
}

const script = readFileSync(new URL('./commit.lua', import.meta.url), 'utf8')

const timeScript = "local t = redis.call('TIME') return t[1] * 1000000 + t[2]"
const replicaWaitMs = 800

/** Keys as a list: spread over a call, very many of them would overflow the stack. */
type WithCommit = {
  scopeCommit(keyCount: number, keys: readonly string[], args: readonly string[]): Promise<(string | number)[]>
}

/** Sends changes of one shard in one script call. */
export class Committer {
  readonly #store: Store & WithCommit
  readonly #keys: Keys
  readonly #clock: RedisClock
  readonly #eventsMax: number
  readonly #observer: StoreObserver

  constructor(store: Store, keys: Keys, clock: RedisClock, eventsMax: number, observer: StoreObserver) {
    store.defineCommand('scopeCommit', { lua: script })
    this.#store = store as Store & WithCommit
    this.#keys = keys
    this.#clock = clock
    this.#eventsMax = eventsMax
    this.#observer = observer
  }

  /** @throws ScopeError REDIS_UNAVAILABLE: the outcome is unknown, or nothing was written. Sending it again is safe. */
  async commit(shard: Shard, changes: readonly Change[]): Promise<Committed> {
    const { keys, args } = encodeChanges(this.#keys.events(shard), this.#keys.counters(shard), changes, this.#eventsMax)
    const beganAtMs = performance.now()
    const answer = await this.observed('commit', () => this.#store.scopeCommit(keys.length, keys, args))
    this.#clock.calibrate(Number(answer[0]), beganAtMs)
    const id = String(answer[2])
    return {
      taken: changes.map((_, i) => answer[3 + i] === '1'),
      event: id === '' ? undefined : { before: String(answer[1]), id },
    }
  }

  /** Sets the clock by the store's. @throws ScopeError REDIS_UNAVAILABLE */
  async readClock(): Promise<void> {
    const beganAtMs = performance.now()
    // Any script answers on any kind of store; TIME itself cannot be routed in a cluster.
    const time = await this.observed('time', () => this.#store.eval(timeScript, 1, this.#keys.counters(0)))
    this.#clock.calibrate(Number(time), beganAtMs)
  }

  /** Waits until what was written is on a replica of every master. @throws ScopeError REDIS_UNAVAILABLE when none took it in time */
  async awaitReplica(): Promise<void> {
    const store = this.#store
    const masters: { wait(replicas: number, withinMs: number): Promise<number> }[] =
      'nodes' in store ? store.nodes('master') : [store]
    const counts = await this.observed('wait', () => Promise.all(masters.map((master) => master.wait(1, replicaWaitMs))))
    if (counts.some((count) => count < 1)) throw new ScopeError('REDIS_UNAVAILABLE', 'no replica has taken the write')
  }

  /** Runs a command with its time and failure observed. @throws ScopeError REDIS_UNAVAILABLE */
  async observed<T>(command: string, run: () => Promise<T>): Promise<T> {
    const beganAtMs = performance.now()
    try {
      const answer = await run()
      this.#observer.commandSeconds(command, (performance.now() - beganAtMs) / 1000)
      return answer
    } catch (cause) {
      this.#observer.error(kindOf(cause))
      throw new ScopeError('REDIS_UNAVAILABLE', undefined, { cause })
    }
  }
}

const kinds = ['OOM', 'MISCONF', 'LOADING', 'READONLY', 'CLUSTERDOWN', 'TRYAGAIN', 'NOREPLICAS', 'MASTERDOWN', 'BUSY', 'NOSCRIPT']

/** A bounded word for what went wrong. */
export function kindOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  const kind = kinds.find((word) => text.startsWith(word) || text.includes(` ${word} `))
  if (kind !== undefined) return kind.toLowerCase()
  if (/timed? ?out/i.test(text)) return 'timeout'
  if (/connection|ECONN|closed|writeable|EPIPE|ENOENT/i.test(text)) return 'connection'
  return 'other'
}
