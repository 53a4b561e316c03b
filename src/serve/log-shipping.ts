/** The way of log lines to Loki, and back for the log view. Without Loki, lines stay in the tails and nothing of this runs. */
import type { LokiLogs } from '../api/deps.ts'
import type { Config } from '../config/settings.ts'
import type { Keys, Shard } from '../jobs/keys.ts'
import type { Store } from '../jobs/store/commit.ts'
import type { OutboxGate } from '../jobs/store/job-item.ts'
import { createLokiClient, type LokiAuth } from '../logs/loki-client.ts'
import { watchOutbox } from '../logs/outbox.ts'
import { Shipper } from '../logs/shipper.ts'
import type { ShipperObserver, ShipperReadiness } from '../logs/shipper-options.ts'
import type { LogPressure, Report, ReportResult } from '../report/report.ts'

export type LogShipping = {
  readonly gate: OutboxGate
  pressure(): LogPressure
  /** Counts the lines that were just taken, so that the cap holds before the store is looked at again. */
  taken(reports: readonly Report[], results: readonly ReportResult[]): void
  /** Ships these shards from now on, and no others. */
  own(shards: readonly Shard[]): void
  /** Says that lines were written to a shard. */
  wake(shard: Shard): void
  readiness(): ShipperReadiness
  readonly lokiLogs: LokiLogs | undefined
  close(): Promise<void>
}

const nothingShipped: LogShipping = {
  gate: { isShipping: false, hasRoom: () => true },
  pressure: () => ({ state: 'ok' }),
  taken: () => undefined,
  own: () => undefined,
  wake: () => undefined,
  readiness: () => ({ ready: true }),
  lokiLogs: undefined,
  close: () => Promise.resolve(),
}

/** @param store a connection of its own */
export function startLogShipping(
  config: Config,
  store: Store,
  keys: Keys,
  replicaId: string,
  observer: ShipperObserver,
): LogShipping {
  if (config.lokiUrl === undefined) return nothingShipped
  const loki = createLokiClient({ url: config.lokiUrl, tenant: config.lokiTenant, auth: authOf(config) })
  const outbox = watchOutbox({ store, keys, bytesMax: config.logOutboxMaxBytes })
  const limits = { deadLettersBytes: config.deadLettersMaxBytes }
  const shipper = new Shipper({ store, keys, loki, replicaId, observer, limits })
  let owned: readonly Shard[] = []
  return {
    gate: { isShipping: true, hasRoom: () => outbox.pressure().state !== 'full' },
    pressure: () => outbox.pressure(),
    taken: (reports, results) => outbox.wrote(bytesTaken(reports, results)),
    own(shards) {
      for (const shard of owned) if (!shards.includes(shard)) void shipper.stop(shard)
      for (const shard of shards) shipper.start(shard)
      owned = shards
    },
    wake: (shard) => shipper.wake(shard),
    readiness: () => shipper.readiness(),
    lokiLogs: (query) => loki.queryJob(query),
    async close() {
      await shipper.close()
      await Promise.all([outbox.close(), loki.close()])
    },
  }
}

/** Roughly what lies around each line in the outbox: its time, its level, the quotes. */
const wrappingBytes = 40

function bytesTaken(reports: readonly Report[], results: readonly ReportResult[]): number {
  let bytes = 0
  for (const [at, { logs }] of reports.entries()) {
    const result = results[at]
    const isTaken = result !== undefined && result.outcome !== 'duplicate' && result.outcome !== 'rejected'
    if (logs === undefined || !isTaken || result.logLinesRefused !== undefined) continue
    for (const { line } of logs) bytes += line.length + wrappingBytes
  }
  return bytes
}

function authOf({ lokiUser, lokiPassword, lokiToken }: Config): LokiAuth | undefined {
  if (lokiToken !== undefined) return { kind: 'bearer', token: lokiToken.reveal() }
  if (lokiUser === undefined) return undefined
  return { kind: 'basic', user: lokiUser, password: lokiPassword?.reveal() ?? '' }
}
