import type { Keys, Shard } from '../keys.ts'
import type { EngineRecord } from '../records.ts'
import type { Effects } from '../rules/effects.ts'
import { timerOf } from '../rules/effects.ts'
import { ageEngine, applyToEngine, type EngineArrival, type EngineOutcome, type EngineRules } from '../rules/engine-rules.ts'
import { Change } from './change.ts'
import type { Committer, Store } from './commit.ts'
import { tailText, writeEffects } from './effect-commands.ts'
import type { Held } from './record-cache.ts'
import type { RecordKind } from './record-writer.ts'

/** A task that came into an engine's hands, or left them. */
export type TaskLink = { readonly namespace: string; readonly jobId: string; readonly execId: string; readonly isHeld: boolean }

export type EngineItem = { readonly instance: string } & (
  | { readonly kind: 'report'; readonly arrival: EngineArrival; readonly link: TaskLink | undefined }
  | { readonly kind: 'age'; readonly nowMs: number }
  /** Enters a task whose engine was never heard of by itself: created silent since `lastReportAtMs`. */
  | { readonly kind: 'register'; readonly nowMs: number; readonly arrival: EngineArrival; readonly link: TaskLink }
  | { readonly kind: 'unlink'; readonly links: readonly TaskLink[] }
)

export type EngineState = {
  engine: EngineRecord | undefined
  links: TaskLink[]
  isRemoved: boolean
}

/** How engines are read, judged and written. */
export function engineKind(
  store: Store,
  keys: Keys,
  committer: Committer,
  rules: EngineRules,
  isShipping: boolean,
  tailBytesMax: number,
): RecordKind<EngineState, EngineItem, EngineOutcome> {
  return {
    idOf: (item) => item.instance,
    load: (shard, items, cached) => loadEngines(store, keys, committer, shard, items, cached),
    isGone: (state) => state.isRemoved,
    weigh: () => 1,
    snapshot: (state) => {
      state.links = []
      return state.engine
    },
    apply: (state, item, effects) => applyItem(state, item, rules, effects),
    encode: (shard, id, held, before, effects, token) => {
      const { state } = held
      if (state.isRemoved) return removal(shard, keys, id, held, effects, isShipping)
      if (state.engine === undefined) return undefined
      const key = keys.engine(shard, id)
      const change = new Change(key, held.token, token)
      if (state.engine !== before) {
        change.set('engine', JSON.stringify(state.engine))
        change.run('ZADD', keys.engines(shard), state.engine.lastReportAtMs, id)
      }
      link(change, shard, keys, id, state.links)
      for (const entry of effects.lines)
        change.run('TAIL', keys.engineTail(shard, id), tailText(entry, tailBytesMax), tailBytesMax)
      writeEffects(change, shard, keys, isShipping, effects)
      return change.orLook()
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

const done: EngineOutcome = { place: 'newest', missing: [] }

function applyItem(state: EngineState, item: EngineItem, rules: EngineRules, effects: Effects): EngineOutcome {
  switch (item.kind) {
    case 'unlink':
      for (const link of item.links) state.links.push(link)
      return done
    case 'age':
      age(state, item.nowMs, rules, effects)
      return done
    case 'register':
      state.links.push(item.link)
      if (state.engine === undefined) return takeArrival(state, item.arrival, rules, effects)
      if (isUnseen(item.arrival, state.engine))
        effects.timers.push({ member: timerOf.engineTasks(item.instance), atMs: item.nowMs })
      return done
    case 'report':
      if (item.link !== undefined) state.links.push(item.link)
      return takeArrival(state, item.arrival, rules, effects)
  }
}

/** Whether the engine's tasks were looked through without this one: when it fell silent, or began anew. */
function isUnseen({ report }: EngineArrival, engine: EngineRecord): boolean {
  const { incarnation } = report.engine
  return engine.state === 'lost' || (incarnation !== undefined && incarnation !== engine.incarnation)
}

function takeArrival(state: EngineState, arrival: EngineArrival, rules: EngineRules, effects: Effects): EngineOutcome {
  const { record, outcome } = applyToEngine(state.engine, arrival, rules, effects)
  state.engine = record
  return outcome
}

function age(state: EngineState, nowMs: number, rules: EngineRules, effects: Effects): void {
  if (state.engine === undefined) return
  const aged = ageEngine(state.engine, nowMs, rules, effects)
  if (aged === 'expired') state.isRemoved = true
  else if (aged !== undefined) state.engine = aged
}

function link(change: Change, shard: Shard, keys: Keys, instance: string, links: readonly TaskLink[]): void {
  const last = new Map(links.map((task) => [JSON.stringify([task.namespace, task.jobId, task.execId]), task.isHeld]))
  const key = keys.engineTasks(shard, instance)
  const members = (isHeld: boolean) => [...last].filter(([, is]) => is === isHeld).map(([member]) => member)
  change.runMany('SADD', key, members(true))
  change.runMany('SREM', key, members(false))
}

function removal(
  shard: Shard,
  keys: Keys,
  instance: string,
  held: Held<EngineState>,
  effects: Effects,
  isShipping: boolean,
): Change {
  const change = new Change(keys.engine(shard, instance), held.token, '')
  change.run('DEL', keys.engineTasks(shard, instance))
  change.run('DEL', keys.engineTail(shard, instance))
  change.run('ZREM', keys.engines(shard), instance)
  effects.timers.push({ member: timerOf.engine(instance), atMs: undefined })
  effects.timers.push({ member: timerOf.engineTasks(instance), atMs: undefined })
  effects.events.push({ kind: 'engine-gone', instance })
  writeEffects(change, shard, keys, isShipping, effects)
  return change
}
