import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { Cluster, Redis } from 'ioredis'
import { ScopeError } from '../../errors.ts'
import type { Keys, Shard } from '../keys.ts'
import { type Change, encodeChanges } from './change.ts'
import type { RedisClock } from './redis-clock.ts'

/** Any of the ways to reach the store. On a Cluster all keys of one call share a slot. */
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

/** Changes on their way, and who waits for them. */
type Waiting = {
  readonly shard: Shard
  readonly count: number
  /** None once they are on their way: they can go while the answer is waited for. */
  changes: readonly Change[]
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: unknown) => void
}

/** Records that one script call changes at most, unless one commit alone brings more: Redis does nothing else meanwhile. */
const changesPerCall = 32

/** So long each commit has a call of its own after the store has objected to one. */
const apartMs = 10_000

/**
 * Sends changes by script. Commits of several shards that come together share a call where all shards are in one place (decision 0009).
 * After one that Redis itself has objected to, each is sent apart for a while, so that a fault in one shard does not fail the others.
 */
export class Committer {
  readonly #store: Store & WithCommit
  readonly #keys: Keys
  readonly #clock: RedisClock
  readonly #eventsMax: number
  readonly #observer: StoreObserver
  /** Up to when commits are sent apart, by this process's own clock. On a Cluster, for ever. */
  #apartUntilMs: number
  #waiting: Waiting[] = []

  constructor(store: Store, keys: Keys, clock: RedisClock, eventsMax: number, observer: StoreObserver) {
    store.defineCommand('scopeCommit', { lua: script })
    this.#store = store as Store & WithCommit
    this.#keys = keys
    this.#clock = clock
    this.#eventsMax = eventsMax
    this.#observer = observer
    this.#apartUntilMs = 'nodes' in store ? Number.POSITIVE_INFINITY : 0
  }

  /** @throws ScopeError REDIS_UNAVAILABLE: the outcome is unknown, or nothing was written. Sending it again is safe. */
  commit(shard: Shard, changes: readonly Change[]): Promise<Committed> {
    return new Promise((resolve, reject) => {
      // Once all that is ready now has come.
      if (this.#waiting.length === 0) process.nextTick(() => this.#sendWaiting())
      this.#waiting.push({ shard, count: changes.length, changes, resolve, reject })
    })
  }

  #sendWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    const isApart = performance.now() < this.#apartUntilMs
    let call: Waiting[] = []
    let count = 0
    for (const commit of waiting) {
      const isFull = call.length > 0 && (isApart || count + commit.count > changesPerCall)
      if (isFull) {
        void this.#send(call)
        call = []
        count = 0
      }
      call.push(commit)
      count += commit.count
    }
    void this.#send(call)
  }

  async #send(call: readonly Waiting[]): Promise<void> {
    try {
      const answer = await this.#call(call)
      let at = 1
      for (const { count, resolve } of call) {
        resolve(committedOf(answer, at, count))
        at += 2 + count
      }
    } catch (error) {
      if (call.length > 1) this.#partAfter(error)
      for (const { reject } of call) reject(error)
    }
  }

  /** A store that wants the keys of a call in one slot, though it is spoken to as a single one, is told so only once. */
  #partAfter(error: unknown): void {
    const cause = error instanceof ScopeError ? error.cause : error
    if (!(cause instanceof Error) || cause.name !== 'ReplyError') return
    const forMs = cause.message.startsWith('CROSSSLOT') ? Number.POSITIVE_INFINITY : apartMs
    this.#apartUntilMs = Math.max(this.#apartUntilMs, performance.now() + forMs)
  }

  async #call(call: readonly Waiting[]): Promise<(string | number)[]> {
    const shards = call.map(({ shard, changes }) => ({
      eventsKey: this.#keys.events(shard),
      countersKey: this.#keys.counters(shard),
      changes,
    }))
    const { keys, args } = encodeChanges(shards, this.#eventsMax)
    for (const commit of call) commit.changes = []
    const beganAtMs = performance.now()
    const answer = await this.observed('commit', () => this.#store.scopeCommit(keys.length, keys, args))
    this.#clock.calibrate(Number(answer[0]), beganAtMs)
    return answer
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

/** What the script answers of one shard from this place on. */
function committedOf(answer: readonly (string | number)[], at: number, count: number): Committed {
  const id = String(answer[at + 1])
  return {
    taken: Array.from({ length: count }, (_, i) => answer[at + 2 + i] === '1'),
    event: id === '' ? undefined : { before: String(answer[at]), id },
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
