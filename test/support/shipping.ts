import type { Cluster, Redis } from 'ioredis'
import { keysFor, type Shard } from '../../src/jobs/keys.ts'
import type { LogEntry } from '../../src/jobs/records.ts'
import { createLokiClient, type LokiClient } from '../../src/logs/loki-client.ts'
import { Shipper } from '../../src/logs/shipper.ts'
import type { ShipperLimits, ShipperObserver, ShipperReadiness } from '../../src/logs/shipper-options.ts'

/** Times a hundredth to a thirtieth of the real ones. */
const fastLimits: Partial<ShipperLimits> = {
  lingerMs: 20,
  pollMs: 20,
  claimIdleMs: 300,
  backoffMinMs: 20,
  backoffMaxMs: 200,
  probeMs: 200,
  drainMs: 500,
}

/** What a shipper said. */
export type Heard = {
  shipped: number
  dead_lettered: number
  dead_letters_trimmed: number
  codes: string[]
  bytes: number
  ageSeconds: number
  changes: ShipperReadiness[]
}

export type ShippingOptions = {
  readonly replicaId?: string
  readonly limits?: Partial<ShipperLimits>
  readonly deadlineMs?: number
  /** Default: all. */
  readonly shards?: readonly Shard[]
  readonly shardCount?: number
}

/** A shipper at work, with its client and what it said. */
export type Shipping = { readonly shipper: Shipper; readonly client: LokiClient; readonly heard: Heard; close(): Promise<void> }

/** Starts a shipper on a connection that is the caller's. */
export function startShipping(store: Redis | Cluster, lokiUrl: string, options: ShippingOptions = {}): Shipping {
  const heard: Heard = { shipped: 0, dead_lettered: 0, dead_letters_trimmed: 0, codes: [], bytes: 0, ageSeconds: 0, changes: [] }
  const observer: ShipperObserver = {
    lines: (outcome, count) => {
      heard[outcome] += count
    },
    lokiRequest: (code) => heard.codes.push(code),
    outboxBytes: (bytes) => {
      heard.bytes = bytes
    },
    outboxAgeSeconds: (seconds) => {
      heard.ageSeconds = seconds
    },
    changed: (readiness) => heard.changes.push(readiness),
  }
  const client = createLokiClient({ url: lokiUrl, deadlineMs: options.deadlineMs ?? 1_000 })
  const keys = keysFor(options.shardCount ?? 4)
  const limits = { ...fastLimits, ...options.limits }
  const shipper = new Shipper({ store, keys, loki: client, replicaId: options.replicaId ?? 'a', observer, limits })
  if (options.shards === undefined) shipper.startAll()
  else for (const shard of options.shards) shipper.start(shard)
  return {
    shipper,
    client,
    heard,
    close: async () => {
      await shipper.close()
      await client.close()
    },
  }
}

/** Writes an entry as a commit does. @param atMs sets the store's time of it, else it is now */
export async function writeEntry(
  store: Redis | Cluster,
  shard: Shard,
  entry: LogEntry | string,
  options: { atMs?: number; shardCount?: number } = {},
): Promise<void> {
  const keys = keysFor(options.shardCount ?? 4)
  const text = typeof entry === 'string' ? entry : JSON.stringify(entry)
  const id = options.atMs === undefined ? '*' : `${options.atMs}-*`
  await store.xadd(keys.outbox(shard), id, 'e', text)
  await store.incrby(keys.outboxBytes(shard), Buffer.byteLength(text))
}

/** How many entries are left in all outboxes. */
export async function entriesLeft(store: Redis | Cluster, shardCount = 4): Promise<number> {
  const keys = keysFor(shardCount)
  const lengths = await Promise.all(Array.from({ length: shardCount }, (_, shard) => store.xlen(keys.outbox(shard))))
  return lengths.reduce((sum, length) => sum + length, 0)
}

/** What the byte counters of all outboxes say. */
export async function bytesLeft(store: Redis | Cluster, shardCount = 4): Promise<number> {
  const keys = keysFor(shardCount)
  const texts = await Promise.all(Array.from({ length: shardCount }, (_, shard) => store.get(keys.outboxBytes(shard))))
  return texts.reduce((sum, text) => sum + Number(text ?? 0), 0)
}
