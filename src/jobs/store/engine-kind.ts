import type { Keys, Shard } from '../keys.ts'
import type { EngineRecord } from '../records.ts'
import type { Effects } from '../rules/effects.ts'
import { ageEngine, applyToEngine, type EngineArrival, type EngineRules } from '../rules/engine-rules.ts'
import type { Place } from '../rules/order.ts'
import { Change } from './change.ts'
import type { Committer, Store } from './commit.ts'
import { writeEffects } from './effect-commands.ts'
import type { Held, RecordKind } from './record-writer.ts'

/** A task that came into an engine's hands, or left them. */
export type TaskLink = { readonly namespace: string; readonly jobId: string; readonly execId: string; readonly isHeld: boolean }

export type EngineItem = { readonly instance: string } & (
  | { readonly kind: 'report'; readonly arrival: EngineArrival; readonly link: TaskLink | undefined }
  | { readonly kind: 'age'; readonly nowMs: number }
  /** Enters a task whose engine was never heard of by itself: created silent since `lastReportAtMs`. */
  | { readonly kind: 'register'; readonly arrival: EngineArrival; readonly link: TaskLink }
  | { readonly kind: 'unlink'; readonly links: readonly TaskLink[] }
)

export type EngineState = { engine: EngineRecord | undefined; links: TaskLink[]; isRemoved: boolean }

/** How engines are read, judged and written. */
export function engineKind(
  store: Store,
  keys: Keys,
  committer: Committer,
  rules: EngineRules,
  isShipping: boolean,
  tailBytesMax: number,
): RecordKind<EngineState, EngineItem, Place> {
  return {
    idOf: (item) => item.instance,
    load: (shard, items, cached) => loadEngines(store, keys, committer, shard, items, cached),
    snapshot: (state) => {
      state.links = []
      return state.engine
    },
    apply: (state, item, effects) => applyItem(state, item, rules, effects),
    encode: (shard, id, held, before, effects, token) => {
      const { state } = held
      if (state.isRemoved) return removal(shard, keys, id, held, effects)
      if (state.engine === undefined) return undefined
      const key = keys.engine(shard, id)
      const change = new Change(key, held.token, token)
      if (state.engine !== before) {
        change.run('HSET', key, 'engine', JSON.stringify(state.engine))
        change.run('ZADD', keys.engines(shard), state.engine.lastReportAtMs, id)
      }
      link(change, shard, keys, id, state.links)
      for (const entry of effects.lines) change.run('TAIL', keys.engineTail(shard, id), JSON.stringify(entry), tailBytesMax)
      writeEffects(change, shard, keys, isShipping, effects)
      return change
    },
  }
}

async function loadEngines(
  store: Store,
  keys: Keys,
  committer: Committer,
  shard: Shard,
  items: readonly EngineItem[],
  cached: (id: string) => Held<EngineState> | undefined,
): Promise<Map<string, Held<EngineState>>> {
  const loaded = new Map<string, Held<EngineState>>()
  const instances = new Set(items.map((item) => item.instance))
  await Promise.all(
    [...instances].map(async (instance) => {
      const known = cached(instance)
      if (known !== undefined) {
        loaded.set(instance, known)
        return
      }
      const [token, text] = await committer.observed('read', () => store.hmget(keys.engine(shard, instance), 'v', 'engine'))
      const engine = text === null || text === undefined ? undefined : (JSON.parse(text) as EngineRecord)
      loaded.set(instance, { token: token ?? '', state: { engine, links: [], isRemoved: false } })
    }),
  )
  return loaded
}

function applyItem(state: EngineState, item: EngineItem, rules: EngineRules, effects: Effects): Place {
  if (item.kind === 'unlink') {
    state.links.push(...item.links)
    return 'newest'
  }
  if (item.kind === 'age') {
    if (state.engine === undefined) return 'newest'
    const aged = ageEngine(state.engine, item.nowMs, rules, effects)
    if (aged === 'expired') state.isRemoved = true
    else if (aged !== undefined) state.engine = aged
    return 'newest'
  }
  if (item.link !== undefined) state.links.push(item.link)
  if (item.kind === 'register' && state.engine !== undefined) return 'newest'
  const { record, place } = applyToEngine(state.engine, item.arrival, rules, effects)
  state.engine = record
  return place
}

function link(change: Change, shard: Shard, keys: Keys, instance: string, links: readonly TaskLink[]): void {
  const last = new Map(links.map((task) => [JSON.stringify([task.namespace, task.jobId, task.execId]), task.isHeld]))
  const key = keys.engineTasks(shard, instance)
  const held = [...last].filter(([, isHeld]) => isHeld).map(([member]) => member)
  const released = [...last].filter(([, isHeld]) => !isHeld).map(([member]) => member)
  if (held.length > 0) change.run('SADD', key, ...held)
  if (released.length > 0) change.run('SREM', key, ...released)
}

function removal(shard: Shard, keys: Keys, instance: string, held: Held<EngineState>, effects: Effects): Change {
  const change = new Change(keys.engine(shard, instance), held.token, '')
  change.run('DEL', keys.engineTasks(shard, instance))
  change.run('DEL', keys.engineTail(shard, instance))
  change.run('ZREM', keys.engines(shard), instance)
  change.run('ZREM', keys.due(shard), JSON.stringify(['engine', instance]))
  effects.events.push({ kind: 'engine-gone', instance })
  writeEffects(change, shard, keys, false, effects)
  return change
}
