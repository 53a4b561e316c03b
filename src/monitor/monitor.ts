/** One of any number of monitors that share the runtimes by lease. */
import { performance } from 'node:perf_hooks'
import { type Holder, Lease, registerReplica } from '../bus/lease.ts'
import type { Keys } from '../jobs/keys.ts'
import type { Store } from '../jobs/store/commit.ts'
import { Pause } from '../pause.ts'
import { givenBack, shareOf, wanted } from './fair-share.ts'
import type { RuntimeName } from './runtime-record.ts'
import type { RuntimeStore } from './runtime-store.ts'
import { RuntimeWatch } from './runtime-watch.ts'
import type { WatchDeps } from './watch-deps.ts'

export type MonitorParts = {
  readonly store: Store
  readonly keys: Keys
  readonly runtimes: RuntimeStore
  readonly holder: Holder
  readonly leaseMs: number
  /** Fixed at the start; what else a watch needs. */
  readonly watch: Omit<WatchDeps, 'store' | 'monitorId' | 'isRuntime'>
  readonly nowMs: () => number
  /** The monitor no longer follows a runtime: its series go. */
  readonly onLeft: (name: RuntimeName) => void
  readonly onTrouble: (step: string, error: unknown) => void
}

type Owned = {
  readonly name: RuntimeName
  readonly lease: Lease
  readonly watch: RuntimeWatch
  home: string
  renewedAtMs: number
  revision: string
}

const tickMsMax = 1_000
const tickMsMin = 100
const ticksPerLease = 10
/** Share of the lease for which a monitor counts as live: those that are left must take over when its leases end, not later. */
const liveShare = 0.6
const renewShare = 1 / 3
/** Share of the lease for which it is taken: who takes over needs its look and its first poll within what is left of it. */
const takenShare = 0.9
/** After the end of another's lease, in milliseconds: then it is surely over in the store. */
const afterEndMs = 5
const forgetEveryMs = 10_000

export class Monitor {
  readonly #parts: MonitorParts
  readonly #owned = new Map<string, Owned>()
  readonly #leaving = new Map<string, Promise<void>>()
  #nextEndMs = Number.POSITIVE_INFINITY
  readonly #stop = new AbortController()
  #active = new Map<string, RuntimeName>()
  #loop: Promise<void> | undefined
  #forgotAtMs = 0
  readonly #pause = new Pause()

  constructor(parts: MonitorParts) {
    this.#parts = parts
  }

  get ownedCount(): number {
    return this.#owned.size
  }

  start(): void {
    this.#loop = this.#run()
  }

  /** Looks at the registry now: something was registered here. */
  wake(): void {
    this.#pause.end()
  }

  /** Stops polling and gives every runtime back, so that others need not wait for the end of the leases. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.wake()
    await this.#loop
    const { store, keys, holder } = this.#parts
    await this.#safely('release', async () => void (await store.zrem(keys.monitors, holder.name)))
    for (const owned of [...this.#owned.values()]) this.#leave(owned, true)
    await Promise.all(this.#leaving.values())
  }

  async #run(): Promise<void> {
    const { leaseMs } = this.#parts
    const tickMs = Math.min(tickMsMax, Math.max(tickMsMin, leaseMs / ticksPerLease))
    while (!this.#stop.signal.aborted) {
      this.#dropExpired()
      this.#nextEndMs = Number.POSITIVE_INFINITY
      await this.#safely('share', () => this.#tick())
      this.#dropExpired()
      if (!this.#stop.signal.aborted) await this.#pause.wait(Math.min(tickMs, this.#nextEndMs))
    }
  }

  async #tick(): Promise<void> {
    const { store, keys, holder, leaseMs, runtimes, nowMs } = this.#parts
    await this.#renew()
    const monitors = await registerReplica(store, keys.monitors, holder.name, Math.ceil(leaseMs * liveShare))
    this.#active = new Map((await runtimes.active()).map((name) => [name.id, name]))
    this.#leaveOver()
    await this.#noticeChanges()
    const share = shareOf(holder.name, monitors, this.#active.size)
    if (this.#owned.size > share) await this.#giveBack(monitors, this.#owned.size - share)
    else if (this.#owned.size < share) await this.#take(monitors, share - this.#owned.size)
    if (nowMs() - this.#forgotAtMs < forgetEveryMs) return
    this.#forgotAtMs = nowMs()
    await runtimes.forgetEnded(nowMs())
  }

  async #renew(): Promise<void> {
    const dueMs = performance.now() - this.#parts.leaseMs * takenShare * renewShare
    const due = [...this.#owned.values()].filter(({ renewedAtMs }) => renewedAtMs <= dueMs)
    await Promise.all(
      due.map(async (owned) => {
        const sentAtMs = performance.now()
        if (await owned.lease.take()) owned.renewedAtMs = sentAtMs
      }),
    )
  }

  /** What has ended, was removed, or is another's by now. */
  #leaveOver(): void {
    for (const owned of [...this.#owned.values()]) {
      const isRegistered = this.#active.get(owned.name.id)?.namespace === owned.name.namespace
      if (isRegistered && !owned.watch.isOver) continue
      if (isRegistered) this.#active.delete(owned.name.id)
      this.#leave(owned, true)
    }
  }

  /** Whoever asked something of a runtime need not wait for its next poll. */
  async #noticeChanges(): Promise<void> {
    await Promise.all(
      [...this.#owned.values()].map(async (owned) => {
        const revision = await this.#parts.runtimes.revisionOf(owned.name)
        if (revision !== owned.revision && owned.revision !== '') owned.watch.wake()
        owned.revision = revision
      }),
    )
  }

  async #giveBack(monitors: readonly string[], surplus: number): Promise<void> {
    const { holder, runtimes } = this.#parts
    const held = [...this.#owned.values()].map(({ name, home, watch }) => ({ id: name.id, home, isIdle: watch.isIdle }))
    // Some at a time: those that take them over need their turns, too.
    for (const { id, home } of givenBack(held, holder.name, monitors, Math.ceil(surplus / 2))) {
      const owned = this.#owned.get(id)
      if (owned === undefined) continue
      const isForGood = home === holder.name || !monitors.includes(home ?? '')
      if (isForGood) await runtimes.setHome(owned.name, '')
      this.#leave(owned, true)
    }
  }

  async #take(monitors: readonly string[], room: number): Promise<void> {
    const { holder, runtimes } = this.#parts
    const candidates = [...this.#active.values()].filter(({ id }) => !this.#owned.has(id) && !this.#leaving.has(id))
    const facts = await Promise.all(candidates.map((name) => runtimes.holderOf(name)))
    const unowned = candidates.flatMap(({ id }, i) => {
      const fact = facts[i]
      // What is still held in this monitor's own name is so by the process before this one, which was killed.
      const isFree = fact !== undefined && (fact.holder === undefined || fact.holder === holder.name)
      return isFree ? [{ id, home: fact.home }] : []
    })
    // Whoever is not among the living any more will not renew: the ends of its leases are waited for exactly.
    const ends = facts.flatMap(({ holder: other, endsInMs }) =>
      other === undefined || monitors.includes(other) ? [] : [endsInMs],
    )
    this.#nextEndMs = Math.min(...ends) + afterEndMs
    await Promise.all(
      wanted(unowned, holder.name, monitors, room).map(async ({ id, home }) => {
        const name = this.#active.get(id)
        if (name !== undefined) await this.#takeOne(name, home)
      }),
    )
  }

  async #takeOne(name: RuntimeName, known: string | undefined): Promise<void> {
    const { store, holder, leaseMs, runtimes, watch: deps } = this.#parts
    const [leaseKey, fenceKey] = runtimes.leaseKeys(name)
    const lease = new Lease(store, leaseKey, fenceKey, holder, Math.floor(leaseMs * takenShare))
    const sentAtMs = performance.now()
    if (!(await lease.take())) return
    const home = known ?? holder.name
    if (known === undefined) await runtimes.setHome(name, home)
    const watch = new RuntimeWatch(name, lease, {
      ...deps,
      store: runtimes,
      monitorId: holder.name,
      isRuntime: (id, namespace) => this.#active.get(id)?.namespace === namespace,
    })
    this.#owned.set(name.id, { name, lease, watch, home, renewedAtMs: sentAtMs, revision: '' })
    watch.start()
  }

  /** Leaves what could not be renewed in time, by this process's own clock. */
  #dropExpired(): void {
    for (const owned of [...this.#owned.values()]) if (!owned.lease.isHeld) this.#leave(owned, false)
  }

  /** At once as far as this monitor goes; what is under way comes to its end beside the rounds, which must go on to renew. */
  #leave(owned: Owned, isGiven: boolean): void {
    this.#owned.delete(owned.name.id)
    this.#parts.onLeft(owned.name)
    const leaving = this.#safely('release', async () => {
      await owned.watch.stop()
      if (isGiven) await owned.lease.give()
    })
    const { id } = owned.name
    this.#leaving.set(id, leaving)
    void leaving.then(() => this.#leaving.get(id) === leaving && this.#leaving.delete(id))
  }

  /** Before a scrape: only what is surely held is shown. */
  dropExpired(): void {
    this.#dropExpired()
  }

  async #safely(step: string, run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.#parts.onTrouble(step, error)
    }
  }
}
