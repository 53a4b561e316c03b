/** Reads a shard's event stream and fetches the records it speaks of. */
import type { Keys, Shard } from '../jobs/keys.ts'
import { type EngineRecord, recordAt, type ScopeEvent } from '../jobs/records.ts'
import type { Store } from '../jobs/store/commit.ts'
import { execFields, execFrom, jobFields, jobFrom } from '../jobs/store/record-text.ts'

/** What became of a read: events in order, or word that the stream was trimmed or replaced behind the reader's back. */
export type Read =
  | {
      readonly position: string
      readonly events: readonly ScopeEvent[]
      /** Newest entry after the records were read, which may be as new as that. */
      readonly newest: string
    }
  | 'gap'

const entriesPerRead = 128

/** Id of the newest entry; `0-0` when there is none. */
export async function newestPosition(store: Store, keys: Keys, shard: Shard): Promise<string> {
  return (await store.hget(keys.counters(shard), 'lastEvent')) ?? '0-0'
}

/** Whether a stream id comes after another one. */
export function isAfter(id: string, other: string): boolean {
  const [ms = 0, number = 0] = id.split('-').map(Number)
  const [otherMs = 0, otherNumber = 0] = other.split('-').map(Number)
  return ms === otherMs ? number > otherNumber : ms > otherMs
}

/** Reads what came after `position`. Each entry names the one before it, so that a hole cannot go unseen. */
export async function readEvents(store: Store, keys: Keys, shard: Shard, position: string): Promise<Read> {
  const entries = (await store.xrange(keys.events(shard), `(${position}`, '+', 'COUNT', entriesPerRead)) as [string, string[]][]
  const references = new Map<string, readonly [kind: string, words: readonly string[]]>()
  let reached = position
  for (const [id, fields] of entries) {
    if (fields[1] !== reached || fields[2] !== 'e') return 'gap'
    reached = id
    for (const line of (fields[3] ?? '').split('\n')) refer(line, references)
  }
  if (entries.length === 0 && (await newestPosition(store, keys, shard)) !== position) return 'gap'
  const reads = [...references.values()].map(([kind, words]) => fetchRecord(store, keys, shard, kind, words))
  // Asked on the same connection, it is answered after them.
  const newest = newestPosition(store, keys, shard)
  return { position: reached, events: await Promise.all(reads), newest: await newest }
}

type Words = readonly string[]

/** A line of an entry: what it speaks of (task, job, engine, or both a task and its job), and its name as JSON. */
function refer(line: string, references: Map<string, readonly [kind: string, words: Words]>): void {
  const kind = line.slice(0, 1)
  const words = JSON.parse(line.slice(1)) as Words
  if (kind !== 'b') references.set(line, [kind, words])
  else {
    references.set(`t${line.slice(1)}`, ['t', words])
    references.set(`j${JSON.stringify(words.slice(0, 2))}`, ['j', words])
  }
}

function fetchRecord(store: Store, keys: Keys, shard: Shard, kind: string, words: Words): Promise<ScopeEvent> {
  if (kind === 'e') return fetchEngine(store, keys, shard, words)
  return kind === 'j' ? fetchJob(store, keys, shard, words) : fetchTask(store, keys, shard, words)
}

async function fetchEngine(store: Store, keys: Keys, shard: Shard, [instance = '']: Words): Promise<ScopeEvent> {
  const text = await store.hget(keys.engine(shard, instance), 'engine')
  const record = text === null ? undefined : (JSON.parse(text) as EngineRecord)
  return record === undefined || record.isGone ? { kind: 'engine-gone', instance } : { kind: 'engine', record }
}

async function fetchJob(store: Store, keys: Keys, shard: Shard, [namespace = '', jobId = '']: Words): Promise<ScopeEvent> {
  const record = jobFrom(await store.hmget(keys.job(shard, namespace, jobId), ...jobFields))
  return record === undefined ? { kind: 'job-gone', namespace, jobId } : { kind: 'job', record }
}

async function fetchTask(store: Store, keys: Keys, shard: Shard, words: Words): Promise<ScopeEvent> {
  const [namespace = '', jobId = '', task = '', engine = '', scope = 'task'] = words
  const exec = execFrom(await store.hmget(keys.job(shard, namespace, jobId), ...execFields(task)))
  const record = recordAt(exec, scope === 'job' ? '' : engine)
  return record?.engine.instance === engine ? { kind: 'task', record } : { kind: 'task-gone', namespace, jobId, task, engine }
}
