import type { Keys } from './keys.ts'
import type { Committer, Store } from './store/commit.ts'

/** The counters of all shards, added up by field. @throws ScopeError REDIS_UNAVAILABLE: a part of them would be wrong */
export async function readTotals(
  store: Store,
  keys: Keys,
  committer: Pick<Committer, 'observed'>,
): Promise<ReadonlyMap<string, number>> {
  const shards = await committer.observed('totals', () =>
    Promise.all(Array.from({ length: keys.shardCount }, (_, shard) => store.hgetall(keys.counters(shard)))),
  )
  const totals = new Map<string, number>()
  for (const counters of shards) {
    for (const [field, value] of Object.entries(counters)) {
      // Fields of totals are JSON arrays; the hash also holds the id of the shard's newest event.
      if (field.startsWith('[')) totals.set(field, (totals.get(field) ?? 0) + Number(value))
    }
  }
  return totals
}
