import type { OrderGuard } from './order-guard.ts'
import type { OutboxEntry, OutboxShard } from './outbox-shard.ts'

/**
 * Takes the oldest entries over all shards, merged by arrival, until there is enough or nothing more may go.
 * @throws ScopeError REDIS_UNAVAILABLE when nothing could be read; what was read before a failure is handed out
 */
export async function takeOldest(shards: readonly OutboxShard[], guard: OrderGuard, bytesMax: number): Promise<OutboxEntry[]> {
  await Promise.all(shards.map((shard) => shard.fill()))
  const taken: OutboxEntry[] = []
  let bytes = 0
  while (bytes < bytesMax) {
    const head = oldestHead(shards)
    if (head === undefined || !guard.mayShip(head.atMs)) break
    head.from.take()
    taken.push(head)
    bytes += head.bytes
    if (head.from.head() === undefined && !(await hasFilled(head.from))) break
  }
  return taken
}

/** A shard that cannot be read on ends the batch: what follows might be older than what the others have. */
async function hasFilled(shard: OutboxShard): Promise<boolean> {
  try {
    await shard.fill()
    return true
  } catch {
    // The next turn meets the same trouble with empty hands, and says so.
    return false
  }
}

function oldestHead(shards: readonly OutboxShard[]): OutboxEntry | undefined {
  let oldest: OutboxEntry | undefined
  for (const shard of shards) {
    const head = shard.isActive ? shard.head() : undefined
    if (head !== undefined && (oldest === undefined || isOlder(head, oldest))) oldest = head
  }
  return oldest
}

function isOlder(a: OutboxEntry, b: OutboxEntry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number)
}
