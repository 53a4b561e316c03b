/** Runtimes in Redis: what is registered, how far each log has been read, how each stands. Every change is one script. */
import type { Keys, Shard } from '../jobs/keys.ts'
import type { Store } from '../jobs/store/commit.ts'
import type { Batch, KeptMessage } from './batch.ts'
import { opaqueOf, opaqueOfTopicMax, opaqueRing } from './opaque-messages.ts'
import type { Registration } from './registration.ts'
import {
  type DeathNotice,
  type PollFacts,
  type RuntimeName,
  type RuntimeRecord,
  type RuntimeState,
  recordOf,
  type StopWish,
} from './runtime-record.ts'
import * as scripts from './runtime-scripts.ts'

export type CommitAnswer = 'ok' | 'fenced' | 'gone' | 'conflict'

/** Under which lease, and which registration, something is written. */
export type Title = { readonly fence: number; readonly born: string }

/** What is to be counted once. */
export type Counted = { readonly token: string; readonly totals: ReadonlyMap<string, number> }

/** Facts written beside, or without, a batch. */
export type Facts = {
  readonly state?: RuntimeState
  readonly poll?: PollFacts
  readonly stop?: StopWish
  readonly isEnding?: boolean
}

/** Who follows a runtime. */
export type Holding = {
  readonly holder: string | undefined
  readonly fence: number
  readonly endsInMs: number
  readonly home: string | undefined
}

const refusedMax = 50

export class RuntimeStore {
  readonly #store: Store
  readonly #keys: Keys

  constructor(store: Store, keys: Keys) {
    this.#store = store
    this.#keys = keys
  }

  shardOf({ namespace, id }: RuntimeName): Shard {
    return this.#keys.shardOfJob(namespace, id)
  }

  /** Enters a runtime, or replaces URL, mode, topics and token of a known one. */
  async register(
    spec: Registration,
    nowMs: number,
    runtimesMax: number,
  ): Promise<'created' | 'replaced' | 'ended' | 'elsewhere' | 'full'> {
    const { runtimeId: id, namespace, token = '', ...shown } = spec
    const claim = await this.#store.eval(scripts.claim, 1, this.#keys.runtimes, id, namespace, runtimesMax)
    if (claim === 'elsewhere' || claim === 'full') return claim
    const { shard, runtime } = this.#places({ namespace, id })
    const text = JSON.stringify({ runtimeId: id, namespace, ...shown })
    const found = await this.#store.eval(scripts.register, 2, runtime, this.#keys.counters(shard), text, token, nowMs)
    if (found === 'created' || found === 'replaced') await this.#store.sadd(this.#keys.activeRuntimes, id)
    return found as 'created' | 'replaced' | 'ended'
  }

  /** Namespace of a runtime; `undefined` = not registered. */
  async namespaceOf(id: string): Promise<string | undefined> {
    return (await this.#store.hget(this.#keys.runtimes, id)) ?? undefined
  }

  /** All that are registered, the ended ones too. */
  async all(): Promise<RuntimeName[]> {
    const all = await this.#store.hgetall(this.#keys.runtimes)
    return Object.entries(all).map(([id, namespace]) => ({ id, namespace }))
  }

  /** Those that have not ended. */
  async active(): Promise<RuntimeName[]> {
    const ids = await this.#store.smembers(this.#keys.activeRuntimes)
    if (ids.length === 0) return []
    const namespaces = await this.#store.hmget(this.#keys.runtimes, ...ids)
    return ids.flatMap((id, i) => {
      const namespace = namespaces[i]
      return typeof namespace === 'string' ? [{ id, namespace }] : []
    })
  }

  async load(name: RuntimeName): Promise<RuntimeRecord | undefined> {
    return recordOf(await this.#store.hgetall(this.#places(name).runtime))
  }

  /** Who holds the lease, for how long if it is not renewed, and who should have the runtime back. */
  async holderOf(name: RuntimeName): Promise<Holding> {
    const { runtime, lease } = this.#places(name)
    const [[holder, fence], endsInMs, home] = await Promise.all([
      this.#store.hmget(lease, 'holder', 'fence'),
      this.#store.pttl(lease),
      this.#store.hget(runtime, 'home'),
    ])
    return { holder: holder ?? undefined, fence: Number(fence ?? 0), endsInMs: Math.max(0, endsInMs), home: home ?? undefined }
  }

  /** A number that changes whenever somebody else has changed something about the runtime. */
  async revisionOf(name: RuntimeName): Promise<string> {
    return (await this.#store.hget(this.#places(name).runtime, 'rev')) ?? ''
  }

  /** Remembers the monitor to which a runtime belongs; `''` = to whoever takes it next. */
  async setHome(name: RuntimeName, home: string): Promise<void> {
    await this.#store.eval(scripts.setHome, 1, this.#places(name).runtime, home)
  }

  /** @returns whether the runtime is there and has not ended */
  async askStop(name: RuntimeName, wish: StopWish): Promise<boolean> {
    return this.#wish(name, 'stop', wish)
  }

  async noteDeath(name: RuntimeName, notice: DeathNotice): Promise<boolean> {
    return this.#wish(name, 'dead', notice)
  }

  async #wish(name: RuntimeName, field: string, value: unknown): Promise<boolean> {
    return (await this.#store.eval(scripts.wish, 1, this.#places(name).runtime, field, JSON.stringify(value))) === 1
  }

  /**
   * Writes what a cycle has brought, if lease and registration are still these. Running it twice does what once does.
   * @param totals of the batch. @param polls beside it
   */
  async commit(
    name: RuntimeName,
    { fence, born }: Title,
    batch: Batch | undefined,
    facts: Facts,
    totals: ReadonlyMap<string, number>,
    polls?: Counted,
  ): Promise<CommitAnswer> {
    const { shard, runtime, lease, refused, opaque } = this.#places(name)
    const offsets = batch?.moves.flatMap(({ topic, from, to }) => [`o:${topic}`, from ?? '', to ?? '']) ?? []
    const refusals = (batch?.refused ?? []).slice(-refusedMax).map((each) => JSON.stringify(each))
    const answer = await this.#store.eval(
      scripts.commit,
      5,
      lease,
      runtime,
      this.#keys.counters(shard),
      refused,
      opaque,
      fence,
      born,
      batch?.token ?? '',
      polls?.token ?? '',
      facts.state ?? '',
      ...counted(offsets, 3),
      ...counted(fieldsOf(batch, facts), 2),
      ...counted([...totals].flat(), 2),
      ...counted([...(polls?.totals ?? [])].flat(), 2),
      ...[refusedMax, ...counted(refusals, 1)],
      ...[opaqueOfTopicMax, ...counted(opaqueRing(batch?.opaque ?? []), 2)],
    )
    return answer as CommitAnswer
  }

  /** Adds to totals outside of any lease. */
  async addTotals(name: RuntimeName, counters: ReadonlyMap<string, number>): Promise<void> {
    const key = this.#keys.counters(this.shardOf(name))
    await Promise.all([...counters].map(([field, by]) => this.#store.hincrby(key, field, by)))
  }

  /** The runtime is over: its offsets and its lease go. @returns false when the lease is another's */
  async finish(name: RuntimeName, { fence, born }: Title, nowMs: number, retentionMs: number, detail: string): Promise<boolean> {
    const { shard, runtime, lease, fenceKey } = this.#places(name)
    const isDone = await this.#store.eval(
      scripts.finish,
      4,
      lease,
      runtime,
      this.#keys.counters(shard),
      fenceKey,
      fence,
      born,
      nowMs,
      detail,
    )
    if (isDone !== 1) return false
    await this.retire(name, nowMs + retentionMs)
    return true
  }

  /** Takes an ended runtime out of those that are followed. */
  async retire({ id }: RuntimeName, forgetAtMs: number): Promise<void> {
    await this.#store.zadd(this.#keys.endedRuntimes, forgetAtMs, id)
    await this.#store.srem(this.#keys.activeRuntimes, id)
  }

  /** Forgets a runtime. Its job stays. */
  async remove(name: RuntimeName): Promise<void> {
    const { shard, runtime, lease, fenceKey, refused, opaque } = this.#places(name)
    await this.#store.srem(this.#keys.activeRuntimes, name.id)
    await this.#store.eval(scripts.remove, 6, runtime, this.#keys.counters(shard), refused, opaque, lease, fenceKey)
    await this.#store.hdel(this.#keys.runtimes, name.id)
    await this.#store.zrem(this.#keys.endedRuntimes, name.id)
  }

  /** Forgets ended runtimes whose time is over. */
  async forgetEnded(nowMs: number): Promise<void> {
    const ids = await this.#store.zrangebyscore(this.#keys.endedRuntimes, '-inf', nowMs, 'LIMIT', 0, 100)
    for (const id of ids) {
      const namespace = await this.namespaceOf(id)
      if (namespace === undefined) await this.#store.zrem(this.#keys.endedRuntimes, id)
      else await this.remove({ id, namespace })
    }
  }

  /** Messages that were not taken, newest first. */
  async refusedMessages(name: RuntimeName): Promise<KeptMessage[]> {
    const texts = await this.#store.lrange(this.#places(name).refused, 0, refusedMax - 1)
    return texts.map((text) => JSON.parse(text) as KeptMessage)
  }

  /** Messages that mean nothing to us, topic by topic, the newest of each first. */
  async opaqueMessages(name: RuntimeName): Promise<KeptMessage[]> {
    return opaqueOf(await this.#store.hgetall(this.#places(name).opaque))
  }

  leaseKeys(name: RuntimeName): readonly [lease: string, fence: string] {
    const { lease, fenceKey } = this.#places(name)
    return [lease, fenceKey]
  }

  #places(name: RuntimeName) {
    const shard = this.shardOf(name)
    const { namespace, id } = name
    return {
      shard,
      runtime: this.#keys.runtime(shard, namespace, id),
      lease: this.#keys.runtimeOwner(shard, namespace, id),
      fenceKey: this.#keys.runtimeFence(shard, namespace, id),
      refused: this.#keys.runtimeRefused(shard, namespace, id),
      opaque: this.#keys.runtimeOpaque(shard, namespace, id),
    }
  }
}

function counted(values: readonly (string | number)[], each: number): (string | number)[] {
  return [values.length / each, ...values]
}

function fieldsOf(batch: Batch | undefined, facts: Facts): string[] {
  const fields: string[] = []
  for (const move of batch?.moves ?? [])
    fields.push(`l:${move.topic}`, move.latest ?? '', `g:${move.topic}`, String(move.generation))
  if (batch !== undefined) {
    fields.push('epoch', batch.epoch, 'statuses', JSON.stringify([...batch.statuses]))
    if (batch.program !== undefined) fields.push('program', JSON.stringify(batch.program))
  }
  if (facts.poll !== undefined) fields.push('poll', JSON.stringify(facts.poll))
  if (facts.stop !== undefined) fields.push('stop', JSON.stringify(facts.stop))
  if (facts.isEnding === true) fields.push('ending', '1')
  return fields
}
