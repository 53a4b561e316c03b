/** The parts of the aggregator that are made once and handed around. */
import { hostname } from 'node:os'
import { Authoriser } from '../access/authoriser.ts'
import type { Bus } from '../bus/bus.ts'
import {
  durationBoundsSeconds,
  learningTypesOf,
  metricKinds,
  queueBoundsSeconds,
  readTaskTypes,
  type TaskType,
  taskTypes,
} from '../catalogue/index.ts'
import { ConfigError } from '../config/fault.ts'
import type { Config } from '../config/settings.ts'
import { type JobStore, openJobStore } from '../jobs/job-store.ts'
import { type Keys, keysFor, type Shard } from '../jobs/keys.ts'
import { fieldReader } from '../jobs/learning/read-fields.ts'
import type { ScopeEvent } from '../jobs/records.ts'
import type { Store } from '../jobs/store/commit.ts'
import { OwnMetrics } from '../series/own-metrics.ts'
import { type Insight, openInsight } from './insight.ts'
import { jobStoreSettings } from './limits.ts'
import type { Log } from './log.ts'
import { type LogShipping, startLogShipping } from './log-shipping.ts'
import { type OverloadGuard, watchOverload } from './overload.ts'
import { connected, connectRedis } from './redis-clients.ts'
import { openRuntimes, type Runtimes } from './runtimes.ts'
import { openSeries, type Series } from './series.ts'
import { type StoreHealth, watchStoreHealth } from './store-health.ts'

export type ServiceOptions = {
  readonly config: Config
  readonly version: string
  readonly log: Log
  /** The process cannot go on: a fault of our own, or a store that must not be used. */
  readonly onFatal: (reason: 'fault' | 'configuration', error: unknown) => void
}

/** How long a start waits for the store; without it the service starts too, and refuses reports until it comes. */
const connectWithinMs = 3_000

type Watcher = (shard: Shard, events: readonly ScopeEvent[]) => void

/** The bus comes last, since its name needs the port. */
export type Parts = ServiceOptions & {
  readonly keys: Keys
  readonly own: OwnMetrics
  readonly authoriser: Authoriser
  readonly stores: { readonly ingest: Store; readonly read: Store; readonly ship: Store }
  readonly shipping: LogShipping
  readonly jobStore: JobStore
  readonly health: StoreHealth
  readonly series: Series
  readonly insight: Insight
  readonly runtimes: Runtimes
  readonly overload: OverloadGuard
  readonly watchers: Set<Watcher>
  /** One word for this start of the process. */
  readonly start: string
  readonly state: { isDraining: boolean; bus: Bus | undefined }
}

/** @throws AuthFileError, ConfigError (task types) */
export async function makeParts(options: ServiceOptions): Promise<Parts> {
  const { config, version, log } = options
  const types = openTaskTypes(config)
  const keys = keysFor(config.shards)
  const own = new OwnMetrics(version)
  own.logs.outboxLimitBytes(config.logOutboxMaxBytes)
  own.shards.total(keys.shardCount)
  const authoriser = openAccess(config, log)
  const connect = (use: 'ingest' | 'read' | 'ship') =>
    connectRedis(config.redis, use, (error) => log.debug({ error, use }, 'trouble on a connection to the store'))
  const stores = { ingest: connect('ingest'), read: connect('read'), ship: connect('ship') }
  await Promise.all(Object.values(stores).map((store) => connected(store, connectWithinMs)))
  const start = `${Date.now()}-${process.pid}`
  const shipping = startLogShipping(config, stores.ship, keys, `${hostname()}-${start}`, {
    ...own.logs,
    changed: ({ ready, reason }) =>
      ready ? log.info({ reason }, 'log lines go to Loki') : log.error({ reason }, 'log lines do not get to Loki'),
  })
  const state: Parts['state'] = { isDraining: false, bus: undefined }
  const jobStore = openJobStore({
    store: stores.ingest,
    keys,
    settings: jobStoreSettings(config),
    bounds: { durationSeconds: durationBoundsSeconds, queueSeconds: queueBoundsSeconds },
    metricKind: metricKinds(types),
    learning: learningTypesOf(types),
    readFields: fieldReader(types, {
      ignoredField: own.ingest.ignoredField,
      overflow: () => own.seriesOverflow('task_metric'),
    }),
    gate: shipping.gate,
    observer: own.redis,
    onCommitted: (shard, event, events) => {
      state.bus?.committed(shard, event, events)
      shipping.wake(shard)
    },
    onLines: (outcome, count) => own.logs.lines(outcome, count),
  })
  const health = await watchHealth(options, stores.read, jobStore, own)
  const insight = openInsight(config, jobStore, own, log)
  const series = openSeries({ config, types, keys, own, log, store: stores.read, jobStore, bus: () => state.bus })
  const overload = watchOverload()
  const runtimes = openRuntimes({ config, keys, jobStore, series, own, log, shipping, store: stores.read })
  return {
    ...options,
    keys,
    own,
    authoriser,
    stores,
    shipping,
    jobStore,
    health,
    series,
    insight,
    runtimes,
    overload,
    watchers: new Set(),
    start,
    state,
  }
}

function watchHealth({ config, log, onFatal }: ServiceOptions, store: Store, jobStore: JobStore, own: OwnMetrics) {
  return watchStoreHealth({
    store,
    jobStore,
    isFsyncWaived: config.durability === 'fast',
    log,
    onUp: (isUp) => own.redis.isUp(isUp),
    onDurability: (isDurable) => own.redis.isDurable(isDurable),
    onRefusal: (reason) => onFatal('configuration', new Error(reason)),
  })
}

function openAccess(config: Config, log: Log): Authoriser {
  return new Authoriser({
    file: config.authFile,
    onReload: (result) =>
      'faults' in result
        ? log.error({ faults: result.faults }, 'the auth file has faults; the tokens read before stay in force')
        : log.info({ tokens: result.tokens }, 'the auth file was read again'),
  })
}

/** Built-in task types and those of the user's file. @throws ConfigError with every fault of the file */
function openTaskTypes({ taskTypesFile }: Config): readonly TaskType[] {
  if (taskTypesFile === undefined) return taskTypes()
  const { types, faults } = readTaskTypes(taskTypesFile)
  if (types === undefined) throw new ConfigError(faults)
  return taskTypes(types)
}
