/** How full the outbox is, for those who write to it. */
import type { Keys } from '../jobs/keys.ts'
import { Pause } from '../pause.ts'
import type { LogPressure } from '../report/report.ts'
import { orUnavailable, type Store } from './outbox-scripts.ts'
import { msOfId } from './outbox-shard.ts'

/** Share of the cap from which reporters are asked to send lines less often. */
const tightRatio = 0.7

/** Where all outboxes of an installation stand. */
export type OutboxTotals = {
  readonly bytes: number
  /** When the oldest entry was written, by the store's clock; absent when there is none. */
  readonly oldestAtMs?: number
}

/** Reads the totals over all shards. @throws ScopeError REDIS_UNAVAILABLE */
export async function outboxTotals(store: Store, keys: Keys): Promise<OutboxTotals> {
  const shards = Array.from({ length: keys.shardCount }, (_, shard) => shard)
  const [bytes, firsts] = await orUnavailable(
    Promise.all([
      Promise.all(shards.map((shard) => store.get(keys.outboxBytes(shard)))),
      Promise.all(shards.map((shard) => store.xrange(keys.outbox(shard), '-', '+', 'COUNT', 1))),
    ]),
  )
  const oldestAtMs = Math.min(...firsts.flatMap(([first]) => (first === undefined ? [] : [msOfId(first[0])])))
  const sum = bytes.reduce((total, text) => total + Number(text ?? 0), 0)
  return { bytes: sum, ...(Number.isFinite(oldestAtMs) ? { oldestAtMs } : {}) }
}

/** What reporters are told: `tight` from 70 % of the cap, `full` at the cap. The wait is jittered. */
export function logPressure(bytes: number, bytesMax: number): LogPressure {
  if (bytes >= bytesMax) return { state: 'full', retryAfterSeconds: 5 + Math.ceil(Math.random() * 10) }
  if (bytes >= bytesMax * tightRatio) return { state: 'tight', retryAfterSeconds: 1 + Math.ceil(Math.random() * 4) }
  return { state: 'ok' }
}

/** The totals as they were a moment ago, with what this process wrote since. */
export type OutboxWatch = {
  pressure(): LogPressure
  /** Says that so many bytes were written, so that the cap holds between two looks. */
  wrote(bytes: number): void
  totals(): OutboxTotals
  close(): Promise<void>
}

export type OutboxWatchOptions = {
  readonly store: Store
  readonly keys: Keys
  /** ENGINESCOPE_LOG_OUTBOX_MAX */
  readonly bytesMax: number
  /** Default 1,000. */
  readonly everyMs?: number
}

/** Starts to watch. While the store is away the last totals stand: nothing can be written then either. */
export function watchOutbox({ store, keys, bytesMax, everyMs = 1_000 }: OutboxWatchOptions): OutboxWatch {
  const pause = new Pause()
  let totals: OutboxTotals = { bytes: 0 }
  let isClosed = false

  async function look(): Promise<void> {
    while (!isClosed) {
      totals = await outboxTotals(store, keys).catch(() => totals)
      await pause.wait(everyMs)
    }
  }

  const looking = look()
  return {
    pressure: () => logPressure(totals.bytes, bytesMax),
    wrote(bytes) {
      totals = { ...totals, bytes: totals.bytes + bytes }
    },
    totals: () => totals,
    async close() {
      isClosed = true
      pause.close()
      await looking
    },
  }
}
