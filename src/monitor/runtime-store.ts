/** Runtimes in Redis: what is registered, how far each log has been read, how each stands. Every change is one script. */
import type { Keys, Shard } from '../jobs/keys.ts'
import type { Store } from '../jobs/store/commit.ts'
import type { Batch, KeptMessage } from './batch.ts'
import type { TopicState } from './distrust.ts'
import type { ProgramRun, ProgramStatus } from './program-status.ts'
import type { Registration } from './registration.ts'
import * as scripts from './runtime-scripts.ts'

export const runtimeStates = ['ACTIVE', 'FINISHING', 'UNREACHABLE', 'ENDED'] as const
export type RuntimeState = (typeof runtimeStates)[number]

/** Names a runtime in the store. */
export type RuntimeName = { readonly namespace: string; readonly id: string }

/** How polling goes; shown in the detail. */
export type PollFacts = {
  readonly lastPollAtMs?: number
  readonly lastSuccessAtMs?: number
  readonly failures: number
  readonly problem?: string
}

export type StopWish = { readonly askedAtMs: number; readonly sentAtMs?: number; readonly says?: string }
export type DeathNotice = { readonly noticedAtMs: number; readonly exitCode?: number; readonly message?: string }

/** A runtime as it is stored. */
export type RuntimeRecord = {
  readonly spec: Registration
  readonly state: RuntimeState
  readonly registeredAtMs: number
  readonly epoch: string | undefined
  readonly topics: ReadonlyMap<string, TopicState>
  readonly statuses: ReadonlyMap<string, ProgramStatus>
  readonly program: ProgramRun | undefined
  readonly poll: PollFacts
  readonly stop: StopWish | undefined
  readonly dead: DeathNotice | undefined
  /** The last status of the run is committed; what remains is to say good-bye. */
  readonly isEnding: boolean
  readonly endedAtMs: number | undefined
  readonly detail: string | undefined
}

export type CommitAnswer = 'ok' | 'fenced' | 'gone' | 'conflict'

/** Facts written beside, or without, a batch. */
export type Facts = {
  readonly state?: RuntimeState
  readonly poll?: PollFacts
  readonly stop?: StopWish
  readonly isEnding?: boolean
}

const refusedMax = 50
const opaqueMax = 100

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

  /** Who holds the lease, and who should have the runtime back. */
  async holderOf(
    name: RuntimeName,
  ): Promise<{ readonly holder: string | undefined; readonly fence: number; readonly home: string | undefined }> {
    const { runtime, lease } = this.#places(name)
    const [[holder, fence], home] = await Promise.all([
      this.#store.hmget(lease, 'holder', 'fence'),
      this.#store.hget(runtime, 'home'),
    ])
    return { holder: holder ?? undefined, fence: Number(fence ?? 0), home: home ?? undefined }
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

  /** Writes what a cycle has brought, if the lease is still the one of this fence. Running it twice does what once does. */
  async commit(
    name: RuntimeName,
    fence: number,
    batch: Batch | undefined,
    facts: Facts,
    counters: ReadonlyMap<string, number>,
  ): Promise<CommitAnswer> {
    const { shard, runtime, lease, refused, opaque } = this.#places(name)
    const offsets = batch?.moves.flatMap(({ topic, from, to }) => [`o:${topic}`, from ?? '', to ?? '']) ?? []
    const fields = fieldsOf(batch, facts)
    const totals = [...counters].flat()
    const texts = (kept: readonly KeptMessage[] | undefined, max: number) =>
      (kept ?? []).slice(-max).map((each) => JSON.stringify(each))
    const lists = [texts(batch?.refused, refusedMax), texts(batch?.opaque, opaqueMax)]
    const answer = await this.#store.eval(
      scripts.commit,
      5,
      lease,
      runtime,
      this.#keys.counters(shard),
      refused,
      opaque,
      fence,
      batch?.token ?? '',
      facts.state ?? '',
      ...counted(offsets, 3),
      ...counted(fields, 2),
      ...counted(totals, 2),
      ...lists.flatMap((list, i) => [i === 0 ? refusedMax : opaqueMax, list.length, ...list]),
    )
    return answer as CommitAnswer
  }

  /** Adds to totals outside of any lease. */
  async addTotals(name: RuntimeName, counters: ReadonlyMap<string, number>): Promise<void> {
    const key = this.#keys.counters(this.shardOf(name))
    await Promise.all([...counters].map(([field, by]) => this.#store.hincrby(key, field, by)))
  }

  /** The runtime is over: its offsets and its lease go. @returns false when the lease is another's */
  async finish(name: RuntimeName, fence: number, nowMs: number, retentionMs: number, detail: string): Promise<boolean> {
    const { shard, runtime, lease, fenceKey } = this.#places(name)
    const isDone = await this.#store.eval(
      scripts.finish,
      4,
      lease,
      runtime,
      this.#keys.counters(shard),
      fenceKey,
      fence,
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
    const { shard, runtime, lease, refused, opaque } = this.#places(name)
    await this.#store.srem(this.#keys.activeRuntimes, name.id)
    await this.#store.eval(scripts.remove, 5, runtime, this.#keys.counters(shard), refused, opaque, lease)
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

  /** Messages that were not taken, or mean nothing to us, newest first. */
  async keptMessages(name: RuntimeName, which: 'refused' | 'opaque'): Promise<KeptMessage[]> {
    const texts = await this.#store.lrange(this.#places(name)[which], 0, opaqueMax - 1)
    return texts.map((text) => JSON.parse(text) as KeptMessage)
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

function recordOf(hash: Readonly<Record<string, string>>): RuntimeRecord | undefined {
  const { spec, token } = hash
  if (spec === undefined) return undefined
  const json = <T>(text: string | undefined): T | undefined => (text === undefined ? undefined : (JSON.parse(text) as T))
  const registration = JSON.parse(spec) as Registration
  const topics = registration.topics.map((topic): [string, TopicState] => {
    const committed = hash[`o:${topic}`] || null
    const generation = Number(hash[`g:${topic}`] ?? 0)
    return [topic, { topic, committed, read: committed, latest: hash[`l:${topic}`] || null, generation }]
  })
  return {
    spec: { ...registration, token: token === '' ? undefined : token },
    state: (hash['state'] ?? 'ACTIVE') as RuntimeState,
    registeredAtMs: Number(hash['registeredAtMs'] ?? 0),
    epoch: hash['epoch'],
    topics: new Map(topics),
    statuses: new Map(json<[string, ProgramStatus][]>(hash['statuses']) ?? []),
    program: json(hash['program']),
    poll: json<PollFacts>(hash['poll']) ?? { failures: 0 },
    stop: json(hash['stop']),
    dead: json(hash['dead']),
    isEnding: hash['ending'] === '1',
    endedAtMs: hash['endedAtMs'] === undefined ? undefined : Number(hash['endedAtMs']),
    detail: hash['detail'],
  }
}
