/** Reads a shard's event stream and fetches the records it speaks of. */
import type { Keys, Shard } from '../jobs/keys.ts'
import { type EngineRecord, type ExecRecord, type JobRecord, recordAt, type ScopeEvent } from '../jobs/records.ts'
import type { Store } from '../jobs/store/commit.ts'

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
    if (fields[1] !== reached) return 'gap'
    reached = id
    for (let i = 2; i + 1 < fields.length; i += 2) {
      const kind = fields[i] as string
      const text = fields[i + 1] as string
      references.set(kind + text, [kind, JSON.parse(text) as string[]])
    }
  }
  if (entries.length === 0 && (await newestPosition(store, keys, shard)) !== position) return 'gap'
  const reads = [...references.values()].map(([kind, words]) => fetchRecord(store, keys, shard, kind, words))
  // Asked on the same connection, it is answered after them.
  const newest = newestPosition(store, keys, shard)
  return { position: reached, events: await Promise.all(reads), newest: await newest }
}

type Words = readonly string[]

function fetchRecord(store: Store, keys: Keys, shard: Shard, kind: string, words: Words): Promise<ScopeEvent> {
  if (kind === 'e') return fetchEngine(store, keys, shard, words)
  return kind === 'j' ? fetchJob(store, keys, shard, words) : fetchTask(store, keys, shard, words)
}

async function fetchEngine(store: Store, keys: Keys, shard: Shard, [instance = '']: Words): Promise<ScopeEvent> {
  const record = parsed<EngineRecord>(await store.hget(keys.engine(shard, instance), 'engine'))
  return record === undefined || record.isGone ? { kind: 'engine-gone', instance } : { kind: 'engine', record }
}

async function fetchJob(store: Store, keys: Keys, shard: Shard, [namespace = '', jobId = '']: Words): Promise<ScopeEvent> {
  const record = parsed<JobRecord>(await store.hget(keys.job(shard, namespace, jobId), 'job'))
  return record === undefined ? { kind: 'job-gone', namespace, jobId } : { kind: 'job', record }
}

async function fetchTask(store: Store, keys: Keys, shard: Shard, words: Words): Promise<ScopeEvent> {
  const [namespace = '', jobId = '', task = '', engine = '', scope = 'task'] = words
  const exec = parsed<ExecRecord>(await store.hget(keys.job(shard, namespace, jobId), `t:${task}`))
  const record = recordAt(exec, scope === 'job' ? '' : engine)
  return record?.engine.instance === engine ? { kind: 'task', record } : { kind: 'task-gone', namespace, jobId, task, engine }
}

function parsed<T>(text: string | null): T | undefined {
  return text === null ? undefined : (JSON.parse(text) as T)
}
