import { ScopeError } from '../../errors.ts'
import type { Shard } from '../keys.ts'
import type { ScopeEvent } from '../records.ts'
import { type Effects, noEffects } from '../rules/effects.ts'
import type { Change } from './change.ts'
import { newToken } from './change.ts'
import type { Committed, Committer } from './commit.ts'
import { type Held, RecordCache } from './record-cache.ts'

/** What the writer must know of a kind of record. */
export type RecordKind<State, Item, Result> = {
  /** Names the record an item is about. */
  readonly idOf: (item: Item) => string
  /** Reads what the items need. `cached` gives what is known; what it lacks or holds outdated is read anew. */
  readonly load: (
    shard: Shard,
    items: readonly Item[],
    cached: (id: string) => Held<State> | undefined,
  ) => Promise<Map<string, Held<State>>>
  /** Runs the rules: replaces values in `state`, notes effects. @param token of the record as it was loaded */
  readonly apply: (state: State, item: Item, effects: Effects, token: string) => Result
  /** Whether the rules have decided to remove the record: what else speaks of it waits until it is gone. */
  readonly isGone: (state: State) => boolean
  /** How much memory a cached state holds, in records. */
  readonly weigh: (state: State) => number
  /** Remembers what `encode` compares with, before any rule runs. */
  readonly snapshot: (state: State) => unknown
  /** Writes the difference as commands; undefined when there is neither a record nor a wish for one. */
  readonly encode: (
    shard: Shard,
    id: string,
    held: Held<State>,
    before: unknown,
    effects: Effects,
    token: string,
  ) => Change | undefined
}

export type WriterLimits = {
  readonly batchMax: number
  /** Records kept in memory, by {@link RecordKind.weigh}. */
  readonly cacheMax: number
  readonly queueMax: number
  readonly triesMax: number
}

/** Told after each commit, in commit order per shard. */
export type CommitListener = (shard: Shard, event: Committed['event'], events: readonly ScopeEvent[]) => void

/** The items of one call, and who waits for them: one promise for all, since one for each was dearer than the rules. */
type Call<Result> = {
  readonly results: Result[]
  open: number
  readonly resolve: (results: readonly Result[]) => void
  readonly reject: (error: unknown) => void
}

type Queued<Item, Result> = {
  readonly item: Item
  readonly call: Call<Result>
  readonly at: number
  tries: number
  /** What the rules say of it, once they have run. */
  result: Result | undefined
}

type Lane<Item, Result> = { readonly shard: Shard; readonly queue: Queued<Item, Result>[]; isRunning: boolean }

type Draft<State, Item, Result> = {
  readonly held: Held<State>
  readonly before: unknown
  readonly effects: Effects
  /** The items it answers. */
  readonly judged: Queued<Item, Result>[]
}

/** A record as it is once its change has been taken, and who hears of it then. */
type Written<State, Item, Result> = {
  readonly id: string
  readonly held: Held<State>
  readonly events: readonly ScopeEvent[]
  readonly judged: readonly Queued<Item, Result>[]
}

/**
 * Applies items to records: one commit per shard at a time, many items each.
 *
 * The rules run here, on the newest state known; the commit takes the outcome only if nobody has written the record since
 * (its token still fits), otherwise the record is read again and the rules run again. A commit whose answer is lost is
 * *unknown*: the items fail, what was cached of their records is forgotten, and the sender's repeat finds the truth.
 */
export class RecordWriter<State, Item, Result> {
  readonly #kind: RecordKind<State, Item, Result>
  readonly #committer: Committer
  readonly #limits: WriterLimits
  readonly #onCommitted: CommitListener
  readonly #lanes = new Map<Shard, Lane<Item, Result>>()
  readonly #cache: RecordCache<State>
  /** Lanes that have something to do, and start together. */
  #starting: Lane<Item, Result>[] = []

  constructor(kind: RecordKind<State, Item, Result>, committer: Committer, limits: WriterLimits, onCommitted: CommitListener) {
    this.#kind = kind
    this.#committer = committer
    this.#limits = limits
    this.#cache = new RecordCache(limits.cacheMax, kind.weigh)
    this.#onCommitted = onCommitted
  }

  /** Resolves when the item's effect is in the store. @throws ScopeError REDIS_UNAVAILABLE, BUSY */
  async write(shard: Shard, item: Item): Promise<Result> {
    const [result] = await this.writeAll(shard, [item])
    return result as Result
  }

  /**
   * Resolves when the effects of all items are in the store, with their results in the same order.
   * @throws ScopeError REDIS_UNAVAILABLE, BUSY: then it is not known of any of them
   */
  writeAll(shard: Shard, items: readonly Item[]): Promise<readonly Result[]> {
    const lane = this.#laneOf(shard)
    if (lane.queue.length >= this.#limits.queueMax) return Promise.reject(new ScopeError('BUSY'))
    return new Promise((resolve, reject) => {
      const call: Call<Result> = { results: new Array<Result>(items.length), open: items.length, resolve, reject }
      for (const [at, item] of items.entries()) lane.queue.push({ item, call, at, tries: 0, result: undefined })
      if (lane.isRunning) return
      lane.isRunning = true
      // One turn of the event loop later, so that all items of a request, and of its neighbours, share a commit.
      if (this.#starting.length === 0) setImmediate(() => this.#start())
      this.#starting.push(lane)
    })
  }

  #start(): void {
    const lanes = this.#starting
    this.#starting = []
    for (const lane of lanes) void this.#run(lane)
  }

  /** Forgets what is cached of a record. */
  forget(id: string): void {
    this.#cache.forget(id)
  }

  #laneOf(shard: Shard): Lane<Item, Result> {
    const known = this.#lanes.get(shard)
    if (known !== undefined) return known
    const lane: Lane<Item, Result> = { shard, queue: [], isRunning: false }
    this.#lanes.set(shard, lane)
    return lane
  }

  async #run(lane: Lane<Item, Result>): Promise<void> {
    while (lane.queue.length > 0) {
      const batch = lane.queue.splice(0, this.#limits.batchMax)
      try {
        lane.queue.unshift(...(await this.#attempt(lane.shard, batch)))
      } catch (error) {
        for (const { item, call } of batch) {
          this.forget(this.#kind.idOf(item))
          call.reject(error)
        }
      }
    }
    lane.isRunning = false
  }

  /** @returns the items to do again, because another replica wrote their record first */
  async #attempt(shard: Shard, batch: Queued<Item, Result>[]): Promise<Queued<Item, Result>[]> {
    const { drafts, later } = await this.#draft(shard, batch)
    const { changes, written } = this.#encode(shard, drafts)
    if (changes.length === 0) return later
    const committed = await this.#committer.commit(shard, changes)
    const redo: Queued<Item, Result>[] = []
    const events: ScopeEvent[] = []
    written.forEach((each, i) => {
      if (committed.taken[i] !== true) {
        redo.push(...this.#again(each.judged))
        return
      }
      if (each.held.token === '') this.forget(each.id)
      else this.#cache.remember(each.id, each.held)
      events.push(...each.events)
    })
    this.#onCommitted(shard, committed.event, events)
    written.forEach(({ judged }, i) => {
      if (committed.taken[i] === true) settle(judged)
    })
    return [...redo, ...later]
  }

  /** What is to be written, and what is to be known when it has been: all else can go while that is under way. */
  #encode(shard: Shard, drafts: ReadonlyMap<string, Draft<State, Item, Result>>) {
    const changes: Change[] = []
    const written: Written<State, Item, Result>[] = []
    for (const [id, { held, before, effects, judged }] of drafts) {
      const change = this.#kind.encode(shard, id, held, before, effects, newToken())
      if (change === undefined) {
        settle(judged)
        continue
      }
      changes.push(change)
      written.push({ id, held: { token: change.token, state: held.state }, events: effects.events, judged })
    }
    return { changes, written }
  }

  /** Runs the rules. What speaks of a record that an item before it has removed comes `later`: it finds none. */
  async #draft(shard: Shard, batch: Queued<Item, Result>[]) {
    const items = batch.map(({ item }) => item)
    const loaded = await this.#kind.load(shard, items, (id) => this.#cache.get(id))
    const drafts = new Map<string, Draft<State, Item, Result>>()
    const later: Queued<Item, Result>[] = []
    for (const queued of batch) {
      const id = this.#kind.idOf(queued.item)
      const known = drafts.get(id)
      if (known !== undefined && this.#kind.isGone(known.held.state)) {
        later.push(queued)
        continue
      }
      const draft = known ?? this.#begin(id, loaded, queued)
      if (known === undefined) drafts.set(id, draft)
      else draft.judged.push(queued)
      queued.result = this.#kind.apply(draft.held.state, queued.item, draft.effects, draft.held.token)
    }
    return { drafts, later }
  }

  /** From here on the state is being changed: it is cached again only when the commit has succeeded. */
  #begin(id: string, loaded: Map<string, Held<State>>, first: Queued<Item, Result>): Draft<State, Item, Result> {
    const held = loaded.get(id)
    if (held === undefined) throw new Error(`record ${id} was not loaded`)
    this.#cache.lend(id)
    return { held, before: this.#kind.snapshot(held.state), effects: noEffects(), judged: [first] }
  }

  #again(judged: readonly Queued<Item, Result>[]): Queued<Item, Result>[] {
    return judged.flatMap((queued) => {
      queued.tries += 1
      if (queued.tries < this.#limits.triesMax) return [queued]
      queued.call.reject(new ScopeError('BUSY', 'other replicas write this record all the time'))
      return []
    })
  }
}

function settle<Item, Result>(judged: readonly Queued<Item, Result>[]): void {
  for (const { call, at, result } of judged) {
    call.results[at] = result as Result
    call.open -= 1
    if (call.open === 0) call.resolve(call.results)
  }
}
