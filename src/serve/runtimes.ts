/** Everything about runtimes whose messages are fetched, put together. */
import type { Holder } from '../bus/lease.ts'
import type { Config } from '../config/settings.ts'
import type { JobStore } from '../jobs/job-store.ts'
import type { Keys } from '../jobs/keys.ts'
import type { Store } from '../jobs/store/commit.ts'
import { Fetcher } from '../monitor/fetcher.ts'
import { guardedAgent } from '../monitor/guarded-agent.ts'
import { Monitor } from '../monitor/monitor.ts'
import { networksOf } from '../monitor/networks.ts'
import { ProgramLog } from '../monitor/program-log.ts'
import { createRuntimeDesk, type RuntimeDesk } from '../monitor/runtime-desk.ts'
import { RuntimeStore } from '../monitor/runtime-store.ts'
import { Slots } from '../monitor/slots.ts'
import { reportParser } from '../report/parse.ts'
import type { OwnMetrics } from '../series/own-metrics.ts'
import { reportLimits } from './limits.ts'
import { enterListed, requireListed } from './listed-runtimes.ts'
import type { Log } from './log.ts'
import type { LogShipping } from './log-shipping.ts'
import type { Series } from './series.ts'

export type Runtimes = {
  readonly desk: RuntimeDesk
  /** Begins to follow runtimes. */
  start(holder: Holder): void
  /** Before a scrape: what is not surely held is not shown. */
  dropExpired(): void
  /** Gives every runtime back. */
  stop(): Promise<void>
}

export type RuntimesOptions = {
  readonly config: Config
  readonly keys: Keys
  readonly store: Store
  readonly jobStore: JobStore
  readonly shipping: LogShipping
  readonly series: Series
  readonly own: OwnMetrics
  readonly log: Log
}

/** A lost engine is one that was silent for so long; a runtime that answers must be heard of more often. */
const beatShare = 1 / 3

/** @throws ConfigError when a runtime of the settings cannot be followed */
export function openRuntimes(options: RuntimesOptions): Runtimes {
  const { config, keys, store, jobStore, series, shipping, log } = options
  const listed = requireListed(config)
  const nowMs = () => jobStore.clock.nowMs()
  const networks = networksOf(config.runtimeNetworks)
  const runtimes = new RuntimeStore(store, keys)
  const programLog = new ProgramLog(store, keys, config.retentionMs)
  const agent = guardedAgent(networks, config.runtimeConnectTimeoutMs, tlsOf(config))
  const fetcher = new Fetcher(agent, { timeoutMs: config.runtimeTimeoutMs, bodyBytesMax: config.runtimeBodyMaxBytes })
  let monitor: Monitor | undefined
  let listing: NodeJS.Timeout | undefined
  const makeMonitor = (holder: Holder) =>
    new Monitor({
      store,
      keys,
      runtimes,
      holder,
      leaseMs: config.leaseMs,
      watch: {
        log: programLog,
        fetcher,
        parse: reportParser(reportLimits(config), { isNewsRequired: false }),
        apply: applyingCounted(options),
        slots: new Slots(config.runtimeFetchesMax),
        settings: {
          intervalMs: config.runtimeIntervalMs,
          graceMs: config.runtimeGraceMs,
          reset: config.runtimeReset,
          unreachableAfter: config.runtimeFailuresMax,
          retentionMs: config.retentionMs,
          beatMs: config.suspectAfterMs * beatShare,
        },
        nowMs,
        hasRoomForLines: () => !shipping.gate.isShipping || shipping.gate.hasRoom(),
        onView: (_name, view) => series.showRuntime(view),
        onTrouble: ({ namespace, id }, what, error) => log.warn({ namespace, runtime: id, error }, `runtime: ${what}`),
      },
      nowMs,
      onLeft: ({ namespace, id }) => series.leaveRuntime({ namespace, runtime: id }),
      onTrouble: (step, error) => log.debug({ step, error }, 'a step of the monitor failed and is tried again'),
    })
  return {
    desk: createRuntimeDesk({
      runtimes,
      log: programLog,
      networks,
      moreTopics: config.runtimeTopics,
      runtimesMax: config.runtimesMax,
      nowMs,
      onChange: () => monitor?.wake(),
    }),
    start: (holder) => {
      monitor = makeMonitor(holder)
      monitor.start()
      const { runtimesMax } = config
      listing = enterListed({ specs: listed, runtimes, runtimesMax, nowMs, log, onEntered: () => monitor?.wake() })
    },
    dropExpired: () => monitor?.dropExpired(),
    stop: async () => {
      clearInterval(listing)
      await monitor?.stop()
      await agent.destroy()
    },
  }
}

/** Applies reports, from wherever they come, and lets the shipper know of their lines. */
export function applying({ jobs }: JobStore, shipping: LogShipping): JobStore['jobs']['apply'] {
  return async (reports) => {
    const results = await jobs.apply(reports)
    shipping.taken(reports, results)
    return results
  }
}

/** Fetched reports count as those that were sent do. */
function applyingCounted({ jobStore, shipping, own }: RuntimesOptions): JobStore['jobs']['apply'] {
  const apply = applying(jobStore, shipping)
  return async (reports) => {
    const results = await apply(reports)
    for (const { outcome, code } of results) {
      own.ingest.outcome(outcome)
      if (outcome === 'rejected') own.ingest.rejection(code ?? 'REPORT_INVALID')
    }
    return results
  }
}

function tlsOf({ runtimeTlsCa: ca, runtimeTlsCert: cert, runtimeTlsKey: key }: Config) {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key: key.reveal() }),
  }
}
