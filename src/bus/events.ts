/** Reads a shard's event stream and fetches the records it speaks of. */
import type { Keys, Shard } from '../jobs/keys.ts'
import type { EngineRecord, ExecRecord, JobRecord, ScopeEvent } from '../jobs/records.ts'
import type { Store } from '../jobs/store/commit.ts'

/** What became of a read: events in order, or word that the stream was trimmed or replaced behind the reader's back. */
export type Read = { readonly position: string; readonly events: readonly ScopeEvent[]; readonly hasMore: boolean } | 'gap'

const entriesPerRead = 128

/** Id of the newest entry; `0-0` when there is none. */
export async function newestPosition(store: Store, keys: Keys, shard: Shard): Promise<string> {
  return (await store.hget(keys.counters(shard), 'lastEvent')) ?? '0-0'
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
  const events = await Promise.all([...references.values()].map(([kind, words]) => fetchRecord(store, keys, shard, kind, words)))
  return { position: reached, events: events.flat(), hasMore: entries.length === entriesPerRead }
}

async function fetchRecord(
  store: Store,
  keys: Keys,
  shard: Shard,
  kind: string,
  words: readonly string[],
): Promise<ScopeEvent[]> {
  const [first = '', second = '', task = '', engine = '', scope = 'task'] = words
  if (kind === 'e') {
    const text = await store.hget(keys.engine(shard, first), 'engine')
    const record = text === null ? undefined : (JSON.parse(text) as EngineRecord)
    return [record === undefined || record.isGone ? { kind: 'engine-gone', instance: first } : { kind: 'engine', record }]
  }
  const key = keys.job(shard, first, second)
  if (kind === 'j') {
    const text = await store.hget(key, 'job')
    return [
      text === null
        ? { kind: 'job-gone', namespace: first, jobId: second }
        : { kind: 'job', record: JSON.parse(text) as JobRecord },
    ]
  }
  const text = await store.hget(key, `t:${task}`)
  const exec = text === null ? undefined : (JSON.parse(text) as ExecRecord)
  const record = exec?.current[scope === 'job' ? '' : engine]
  if (record === undefined || record.engine.instance !== engine)
    return [{ kind: 'task-gone', namespace: first, jobId: second, task, engine }]
  return [{ kind: 'task', record }]
}
