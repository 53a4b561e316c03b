import type { Keys } from '../keys.ts'
import { type EngineRecord, type EngineState, engineStates } from '../records.ts'
import { badCursor, cursorOf, cursorParts } from './cursor.ts'
import { type EngineSummary, type EngineTask, engineSummary } from './engine-view.ts'
import { engineOf, type RedisReader, readAll } from './read.ts'

/** What a list of engines is narrowed to; absent = any. */
export type EngineFilter = {
  readonly states?: readonly EngineState[] | undefined
  readonly engineType?: string | undefined
  /** Literal text within the instance, node, user or an attribute, whatever the case. */
  readonly q?: string | undefined
}

export type EnginePage = { readonly engines: readonly EngineSummary[]; readonly nextCursor: string | null }

/** Engines one installation may hold before a list leaves the stalest out. */
const enginesPerShardMax = 10_000
const tasksMax = 10_000
const membersPerStep = 1_000
const recordsPerPipeline = 500
const cursorKind = 'engines'

/** Whether a word names a state of an engine. */
export function isEngineState(word: string): word is EngineState {
  return (engineStates as readonly string[]).includes(word)
}

/** Engines in the order of their instance names, so that a page does not move when engines report. */
export async function readEngines(
  redis: RedisReader,
  keys: Keys,
  filter: EngineFilter,
  page: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<EnginePage> {
  const after = instanceOf(page.cursor)
  const records = (await allEngines(redis, keys))
    .filter((record) => matchesEngine(filter, record))
    .sort((a, b) => (a.instance < b.instance ? -1 : 1))
  const rest = after === undefined ? records : records.filter((record) => record.instance > after)
  const shown = rest.slice(0, page.limit)
  const last = shown.at(-1)
  const nextCursor = last === undefined || rest.length <= page.limit ? null : cursorOf(cursorKind, last.instance)
  return { engines: shown.map(engineSummary), nextCursor }
}

/** Engines with an exposition of their own: those whose heartbeat names a `metricsAddress`, and that are not lost. */
export async function readMetricsAddresses(redis: RedisReader, keys: Keys): Promise<{ instance: string; address: string }[]> {
  const records = await allEngines(redis, keys)
  return records
    .filter((record) => record.state !== 'lost')
    .flatMap((record) => {
      const address = record.attributes['metricsAddress']
      return address === undefined ? [] : [{ instance: record.instance, address }]
    })
    .sort((a, b) => (a.instance < b.instance ? -1 : 1))
}

/** Tasks that are open (or lost) on an engine, at most 10,000. */
export async function openTasksOf(redis: RedisReader, keys: Keys, instance: string): Promise<EngineTask[]> {
  const key = keys.engineTasks(keys.shardOfEngine(instance), instance)
  const members = new Set<string>()
  let position = '0'
  do {
    const [answer] = await readAll(redis, [['sscan', key, position, 'COUNT', membersPerStep]])
    const [next, step] = answer as [string, string[]]
    for (const member of step) members.add(member)
    position = next
  } while (position !== '0' && members.size < tasksMax)
  return [...members].map((member) => {
    const [namespace, jobId, execId] = JSON.parse(member) as [string, string, string]
    return { namespace, jobId, execId }
  })
}

async function allEngines(redis: RedisReader, keys: Keys): Promise<EngineRecord[]> {
  const shards = Array.from({ length: keys.shardCount }, (_, shard) => shard)
  const lists = await Promise.all(shards.map((shard) => enginesOfShard(redis, keys, shard)))
  return lists.flat()
}

async function enginesOfShard(redis: RedisReader, keys: Keys, shard: number): Promise<EngineRecord[]> {
  const [answer] = await readAll(redis, [['zrevrange', keys.engines(shard), 0, enginesPerShardMax - 1]])
  const instances = answer as string[]
  const records: EngineRecord[] = []
  for (let at = 0; at < instances.length; at += recordsPerPipeline) {
    const part = instances.slice(at, at + recordsPerPipeline)
    const texts = await readAll(
      redis,
      part.map((instance) => ['hget', keys.engine(shard, instance), 'engine']),
    )
    for (const text of texts) {
      const record = engineOf(text)
      if (record !== undefined && !record.isGone) records.push(record)
    }
  }
  return records
}

function matchesEngine(filter: EngineFilter, record: EngineRecord): boolean {
  if (filter.states !== undefined && !filter.states.includes(record.state)) return false
  if (filter.engineType !== undefined && filter.engineType !== (record.facts.engineType ?? record.engineType)) return false
  if (filter.q === undefined) return true
  const needle = filter.q.toLowerCase()
  const texts = [
    record.instance,
    record.facts.node,
    record.facts.user,
    ...Object.entries(record.attributes).map((pair) => pair.join('=')),
  ]
  return texts.some((text) => text?.toLowerCase().includes(needle) === true)
}

function instanceOf(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const [instance] = cursorParts(cursorKind, cursor) ?? []
  if (typeof instance !== 'string') throw badCursor()
  return instance
}
