/** Owns shards by lease, follows their event streams, and hands what happens to the listeners. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Keys, Shard } from '../jobs/keys.ts'
import type { ScopeEvent } from '../jobs/records.ts'
import type { Store } from '../jobs/store/commit.ts'
import { Follower, fromNowOn, type Start } from './follower.ts'
import { type Holder, Lease, registerReplica } from './lease.ts'
import type { ShardListener } from './listener.ts'
import { chosenHolder } from './rendezvous.ts'
import { loadSnapshot } from './snapshot.ts'

export type BusSettings = {
  readonly leaseMs: number
  readonly pollMs: number
  readonly sweepMs: number
  readonly expiryCheckMs: number
}

export type BusParts = {
  readonly store: Store
  readonly keys: Keys
  readonly holder: Holder
  readonly settings: BusSettings
  readonly listeners: readonly ShardListener[]
  /** Does what has come due in a shard this replica owns. */
  readonly sweep: (shard: Shard) => Promise<unknown>
  readonly onOwnership: (change: { readonly shards: readonly Shard[]; readonly hasFleet: boolean }) => void
  /** The store could not be reached, or a step failed; told for the log, the step is tried again. */
  readonly onTrouble: (step: string, error: unknown) => void
}

/** After a step that failed, the next try comes so soon. */
const retryMs = 500

const ownershipText = (shards: readonly Shard[], hasFleet: boolean) => `${shards.join()}|${hasFleet}`

export class Bus {
  readonly #parts: BusParts
  readonly #leases: Lease[]
  readonly #fleet: Lease
  /** Each taking of a shard has an object of its own, by which a load that comes too late is told. */
  readonly #owned = new Map<Shard, object>()
  /** Shards whose state the listeners have. */
  readonly #loaded = new Set<Shard>()
  readonly #loads = new Set<Promise<unknown>>()
  readonly #follower: Follower
  readonly #stop = new AbortController()
  readonly #loops: Promise<void>[] = []
  readonly #watchers = new Set<(shard: Shard, events: readonly ScopeEvent[]) => void>()
  #watching: Follower | undefined
  #hasFleet = false
  /** What the owner was told last: a round that fails half-way must not swallow what it changed. */
  #told = ownershipText([], false)

  constructor(parts: BusParts) {
    this.#parts = parts
    const { store, keys, holder, settings } = parts
    this.#leases = Array.from(
      { length: keys.shardCount },
      (_, shard) => new Lease(store, keys.owner(shard), keys.fence(shard), holder, settings.leaseMs),
    )
    this.#fleet = new Lease(store, keys.fleetOwner, keys.fleetFence, holder, settings.leaseMs)
    this.#follower = new Follower(store, keys, {
      events: (shard, events) => this.#dispatch(shard, events),
      gap: (shard) => this.#load(shard),
    })
  }

  get ownedShards(): readonly Shard[] {
    return [...this.#loaded].sort((a, b) => a - b)
  }

  /** Starts owning and following. Resolves after the first round, whether or not the store could be reached. */
  async start(): Promise<void> {
    const { settings } = this.#parts
    const isOwning = await this.#safely('ownership', () => this.#own())
    await Promise.all(this.#loads)
    this.#loops.push(
      this.#loop('ownership', settings.leaseMs / 3, () => this.#own(), isOwning),
      this.#loop('follow', settings.pollMs, () => this.#poll()),
      this.#loop('sweep', settings.sweepMs, () => this.#sweep()),
      this.#loop('expiry', settings.expiryCheckMs, async () => this.dropExpired()),
    )
  }

  /** Stops, and gives all leases back so that other replicas take over at once. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all([...this.#loops, ...this.#loads])
    const held = [...this.#leases, this.#fleet].filter((lease) => lease.isHeld)
    for (const shard of [...this.#owned.keys()]) this.#drop(shard)
    this.#hasFleet = false
    this.#tellOwnership()
    const { store, keys, holder } = this.#parts
    await this.#safely('release', async () => {
      await Promise.all([...held.map((lease) => lease.give()), store.zrem(keys.replicas, holder.name)])
    })
  }

  /** Takes over a commit of this process without a way through Redis. */
  readonly committed = (shard: Shard, event: { before: string; id: string } | undefined, events: readonly ScopeEvent[]): void => {
    this.#follower.committed(shard, event, events)
    this.#watching?.committed(shard, event, events)
  }

  /** Reads what is new before a scrape is answered; gives up after a while, as a scrape must not hang on the store. */
  async catchUp(withinMs: number): Promise<void> {
    this.dropExpired()
    await Promise.race([this.#safely('follow', () => this.#follower.poll()), wait(withinMs, undefined, { ref: false })])
    this.dropExpired()
  }

  /** Tells of the events of *all* shards, owned or not, until the answered function is called. */
  watch(watcher: (shard: Shard, events: readonly ScopeEvent[]) => void): () => void {
    this.#watchers.add(watcher)
    this.#watching ??= this.#newWatching()
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size === 0) this.#watching = undefined
    }
  }

  /** Leaves what could not be renewed in time, by this process's own clock. */
  dropExpired(): void {
    const expired = [...this.#owned.keys()].filter((shard) => this.#leases[shard]?.isHeld !== true)
    for (const shard of expired) this.#drop(shard)
    const hasLostFleet = this.#hasFleet && !this.#fleet.isHeld
    if (hasLostFleet) this.#hasFleet = false
    if (expired.length > 0 || hasLostFleet) this.#tellOwnership()
  }

  /** Watchers follow every shard from now on. Where "now" cannot be read yet, the next poll begins. */
  #newWatching(): Follower {
    const { store, keys } = this.#parts
    const watching = new Follower(store, keys, {
      events: (shard, events) => {
        for (const watcher of this.#watchers) watcher(shard, events)
      },
      gap: async () => fromNowOn,
    })
    for (let shard = 0; shard < keys.shardCount; shard++) watching.follow(shard, fromNowOn)
    void this.#safely('watch', () => watching.poll())
    return watching
  }

  async #own(): Promise<void> {
    const { store, keys, holder, settings } = this.#parts
    const names = await registerReplica(store, keys.replicas, holder.name, settings.leaseMs)
    const steps = await Promise.allSettled([
      ...this.#leases.map((lease, shard) => this.#ownShard(lease, shard, chosenHolder(String(shard), names) === holder.name)),
      this.#ownFleet(chosenHolder('fleet', names) === holder.name),
    ])
    this.#tellWhenLoaded()
    const failed = steps.find((step) => step.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #ownShard(lease: Lease, shard: Shard, isChosen: boolean): Promise<void> {
    const isOwned = this.#owned.has(shard)
    if (!isChosen) {
      if (!isOwned) return
      this.#drop(shard)
      await lease.give()
      return
    }
    const isHeld = await lease.take()
    if (isHeld && !isOwned) {
      this.#owned.set(shard, {})
      this.#startLoad(shard)
    } else if (!isHeld && isOwned) this.#drop(shard)
  }

  async #ownFleet(isChosen: boolean): Promise<void> {
    if (isChosen) this.#hasFleet = await this.#fleet.take()
    else if (this.#hasFleet) {
      this.#hasFleet = false
      this.#tellOwnership()
      await this.#fleet.give()
    }
  }

  /** Beside the round, which must go on to renew leases however much there is to load. */
  #startLoad(shard: Shard): void {
    const load = this.#safely('load', () => this.#beginFollowing(shard))
    this.#loads.add(load)
    void load.then(() => {
      this.#loads.delete(load)
      this.#tellWhenLoaded()
    })
  }

  /** Where the state of a shard cannot be loaded, it is let go and the next round begins anew. */
  async #beginFollowing(shard: Shard): Promise<void> {
    const taking = this.#owned.get(shard)
    try {
      const start = await this.#load(shard)
      if (this.#owned.get(shard) !== taking) return
      this.#follower.follow(shard, start)
      this.#loaded.add(shard)
    } catch (error) {
      if (this.#owned.get(shard) === taking) this.#drop(shard)
      throw error
    }
  }

  async #load(shard: Shard): Promise<Start> {
    const taking = this.#owned.get(shard)
    const { snapshot, position, newest } = await loadSnapshot(this.#parts.store, this.#parts.keys, shard)
    const isStillOwned = taking !== undefined && this.#owned.get(shard) === taking
    if (isStillOwned) for (const listener of this.#parts.listeners) listener.load(shard, snapshot)
    const events = [
      ...snapshot.tasks.map((record): ScopeEvent => ({ kind: 'task', record })),
      ...snapshot.jobs.map((record): ScopeEvent => ({ kind: 'job', record })),
      ...snapshot.engines.map((record): ScopeEvent => ({ kind: 'engine', record })),
    ]
    return { position, events, newest }
  }

  #dispatch(shard: Shard, events: readonly ScopeEvent[]): void {
    if (!this.#owned.has(shard)) return
    for (const listener of this.#parts.listeners) listener.apply(shard, events)
  }

  #drop(shard: Shard): void {
    this.#owned.delete(shard)
    this.#loaded.delete(shard)
    this.#follower.leave(shard)
    for (const listener of this.#parts.listeners) listener.drop(shard)
  }

  #tellWhenLoaded(): void {
    if (this.#loads.size === 0) this.#tellOwnership()
  }

  #tellOwnership(): void {
    const shards = this.ownedShards
    const text = ownershipText(shards, this.#hasFleet)
    if (text === this.#told) return
    this.#told = text
    this.#parts.onOwnership({ shards, hasFleet: this.#hasFleet })
  }

  async #poll(): Promise<void> {
    await Promise.all([this.#follower.poll(), this.#watching?.poll()])
  }

  async #sweep(): Promise<void> {
    for (const shard of this.ownedShards) {
      if (this.#stop.signal.aborted) return
      // Each by itself: trouble in one shard must not keep the others from being swept.
      if (this.#leases[shard]?.isHeld === true) await this.#safely('sweep', async () => void (await this.#parts.sweep(shard)))
    }
  }

  async #loop(step: string, everyMs: number, run: () => Promise<void>, isFirstDone = true): Promise<void> {
    const { signal } = this.#stop
    let isDone = isFirstDone
    while (!signal.aborted) {
      try {
        await wait(isDone ? everyMs : Math.min(everyMs, retryMs), undefined, { signal })
      } catch {
        return // The wait was cut short because the bus stops.
      }
      isDone = await this.#safely(step, run)
    }
  }

  /** @returns whether it went well; if not, it is told and tried again */
  async #safely(step: string, run: () => Promise<void>): Promise<boolean> {
    try {
      await run()
      return true
    } catch (error) {
      this.#parts.onTrouble(step, error)
      return false
    }
  }
}
