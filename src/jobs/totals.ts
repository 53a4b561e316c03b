import type { TaskStatus } from '../report/status.ts'
import type { Keys, Shard } from './keys.ts'
import { isWaitingStatus } from './rules/task-counts.ts'
import type { Committer, Store } from './store/commit.ts'

type Kind = readonly [taskType: string, engineType: string]

/**
 * The counters of all shards, added up by field, and for each kind of task of which some wait `["oldestWaitingMs", ...kind]`, when
 * the oldest of them was submitted. @throws ScopeError REDIS_UNAVAILABLE: a part of them would be wrong
 */
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
  await addOldestWaiting(totals, shards, store, keys, committer)
  return totals
}

/** Asks only the shards where tasks wait, one question a kind: the counters say which these are. */
async function addOldestWaiting(
  totals: Map<string, number>,
  shards: readonly Readonly<Record<string, string>>[],
  store: Store,
  keys: Keys,
  committer: Pick<Committer, 'observed'>,
): Promise<void> {
  const places = shards.flatMap((counters, shard) => waitingKinds(counters).map((kind) => ({ shard, kind })))
  const oldest = await committer.observed('totals', () =>
    Promise.all(places.map(({ shard, kind }) => oldestSubmission(store, keys, shard, kind))),
  )
  places.forEach(({ kind }, i) => {
    const submittedAtMs = oldest[i]
    if (submittedAtMs === undefined) return
    const field = JSON.stringify(['oldestWaitingMs', ...kind])
    totals.set(field, Math.min(totals.get(field) ?? submittedAtMs, submittedAtMs))
  })
}

function waitingKinds(counters: Readonly<Record<string, string>>): Kind[] {
  const kinds = new Map<string, Kind>()
  for (const [field, value] of Object.entries(counters)) {
    if (!field.startsWith('["tasks",') || Number(value) <= 0) continue
    const [, , taskType = '', engineType = '', status] = JSON.parse(field) as string[]
    if (isWaitingStatus(status as TaskStatus)) kinds.set(`${taskType}\n${engineType}`, [taskType, engineType])
  }
  return [...kinds.values()]
}

async function oldestSubmission(store: Store, keys: Keys, shard: Shard, kind: Kind): Promise<number | undefined> {
  const [, score] = await store.zrange(keys.waiting(shard, ...kind), '0', '0', 'WITHSCORES')
  return score === undefined ? undefined : Number(score)
}
