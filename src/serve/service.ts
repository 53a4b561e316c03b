/** The aggregator as a whole: makes every part, hands each what it needs, and takes them down in order. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { Authoriser } from '../access/authoriser.ts'
import { createApp } from '../api/app.ts'
import { Bus } from '../bus/bus.ts'
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
import { ScopeError } from '../errors.ts'
import { requestIdOf } from '../http/request-id.ts'
import { sendError } from '../ingest/answer.ts'
import { type ReportsRouteDeps, reportsRoute } from '../ingest/reports-route.ts'
import { type WorkersRouteOptions, workersRoute } from '../ingest/sedna/workers-route.ts'
import { type JobStore, openJobStore } from '../jobs/job-store.ts'
import { type Keys, keysFor, type Shard } from '../jobs/keys.ts'
import { fieldReader } from '../jobs/learning/read-fields.ts'
import { createQueries } from '../jobs/queries/queries.ts'
import type { ScopeEvent } from '../jobs/records.ts'
import type { Store } from '../jobs/store/commit.ts'
import { LiveHub } from '../live/hub.ts'
import { createDeadLetters } from '../logs/dead-letters.ts'
import { publishedReportSchema } from '../report/schema.ts'
import { OwnMetrics } from '../series/own-metrics.ts'
import { type Doors, listen } from './http-server.ts'
import { type Insight, openInsight } from './insight.ts'
import { doorLimits, jobStoreSettings, reportLimits } from './limits.ts'
import type { Log } from './log.ts'
import { type LogShipping, startLogShipping } from './log-shipping.ts'
import { type OverloadGuard, watchOverload } from './overload.ts'
import { connected, connectRedis } from './redis-clients.ts'
import { applying, openRuntimes, type Runtimes } from './runtimes.ts'
import { openSeries, type Series } from './series.ts'
import { type StoreHealth, watchStoreHealth } from './store-health.ts'

export type Service = {
  readonly url: string
  /** Reads tokens again. */
  reload(): void
  /** Finishes requests in progress, gives its shards back, closes. At most about ten seconds. */
  stop(): Promise<void>
}

export type ServiceOptions = {
  readonly config: Config
  readonly version: string
  readonly log: Log
  /** The process cannot go on: a fault of our own, or a store that must not be used. */
  readonly onFatal: (reason: 'fault' | 'configuration', error: unknown) => void
}

const drainWithinMs = 5_000
/** How long a start waits for the store; without it the service starts too, and refuses reports until it comes. */
const connectWithinMs = 3_000
const busSettings = { pollMs: 250, sweepMs: 1_000, expiryCheckMs: 200 }

type Watcher = (shard: Shard, events: readonly ScopeEvent[]) => void

/** What is made once and handed around. The bus comes last, since its name needs the port. */
type Parts = ServiceOptions & {
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

/** Starts the aggregator. @throws AuthFileError, ConfigError (task types, listed runtimes), and the system's error when the port is taken */
export async function startService(options: ServiceOptions): Promise<Service> {
  const parts = await makeParts(options)
  const { config, log, state, watchers } = parts
  const live = new LiveHub({
    follow: (watcher) => {
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    queries: createQueries(parts.stores.read, parts.keys, parts.jobStore.runs),
    runs: parts.jobStore.runs.known,
    onFault: (error) => log.warn({ error }, 'an event stream could not be fed'),
  })
  const server = await listen(makeDoors(parts, live), config.host, config.port, (error) => options.onFatal('fault', error))
  state.bus = makeBus(parts, `${hostname()}:${server.port}`)
  await state.bus.start()
  parts.runtimes.start({ name: `${hostname()}:${server.port}`, start: parts.start })
  state.bus.watch((shard, events) => {
    for (const watcher of watchers) watcher(shard, events)
  })
  return {
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${server.port}`,
    reload: () => void parts.authoriser.reload(),
    async stop() {
      state.isDraining = true
      live.close()
      await server.drain(drainWithinMs)
      await parts.runtimes.stop()
      await state.bus?.stop()
      await parts.shipping.close()
      for (const part of [parts.series, parts.insight, parts.health, parts.overload, parts.authoriser]) part.close()
      for (const store of Object.values(parts.stores)) store.disconnect()
    },
  }
}

async function makeParts(options: ServiceOptions): Promise<Parts> {
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

function makeDoors(parts: Parts, live: LiveHub): Doors {
  const { config, authoriser, jobStore, shipping, overload, own, stores, keys, log } = parts
  const deps: ReportsRouteDeps = {
    authorise: (req) => authoriser.check(req.headers.authorization, 'report', req.socket.remoteAddress),
    apply: applying(jobStore, shipping),
    logPressure: () => shipping.pressure(),
    isDraining: () => parts.state.isDraining,
    isOverloaded: () => overload.isOverloaded(),
    observer: own.ingest,
    limits: doorLimits(config),
    reportLimits: reportLimits(config),
    nowMs: () => jobStore.clock.nowMs(),
  }
  const rest = createApp({
    version: parts.version,
    queries: createQueries(stores.read, keys, jobStore.runs),
    access: (req, role) => authoriser.check(req.headers.authorization, role, req.socket.remoteAddress),
    live,
    readiness: () => readinessOf(parts),
    runtimes: parts.runtimes.desk,
    deadLetters: createDeadLetters({ store: stores.read, keys }),
    lokiLogs: shipping.lokiLogs,
    reportJsonSchema: publishedReportSchema(reportLimits(config)),
    onFault: (error, requestId) => log.error({ error, requestId }, 'a request failed by a fault of our own'),
    links: linksOf(config),
  })
  const sedna = config.sednaAdapter === 'on' ? workersRoute(deps, sednaOptions(config)) : undefined
  return { reports: reportsRoute(deps), metrics: (req, res) => answerMetrics(parts, req, res), sedna, rest }
}

function sednaOptions({ sednaForwardUrl, sednaMiningFirst }: Config): WorkersRouteOptions {
  return { forwardUrl: sednaForwardUrl, miningFirst: new Set(sednaMiningFirst?.split(',')) }
}

/** Series are open on loopback, and where the settings say so; else they need a token that may read. */
async function answerMetrics(
  { config, authoriser, series, runtimes }: Parts,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const address = req.socket.remoteAddress
  const isLocal = address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address)
  try {
    if (!isLocal && config.metricsAuth !== 'none') authoriser.check(req.headers.authorization, 'read', address)
  } catch (error) {
    if (!(error instanceof ScopeError)) throw error
    sendError(res, error, requestIdOf(req.headers['x-request-id']))
    return
  }
  runtimes.dropExpired()
  await series.route(req, res)
}

function makeBus(parts: Parts, name: string): Bus {
  const { stores, keys, config, series, insight, jobStore, own, shipping, log } = parts
  return new Bus({
    store: stores.read,
    keys,
    holder: { name, start: parts.start },
    settings: { ...busSettings, leaseMs: config.leaseMs },
    listeners: [...series.listeners, ...insight.listeners],
    sweep: (shard) => jobStore.sweeper.sweep(shard),
    onOwnership: ({ shards, hasFleet }) => {
      own.shards.owned(shards.length)
      series.setFleetHolder(hasFleet)
      shipping.own(shards)
      log.info({ shards: shards.length, hasFleet }, 'owned shards changed')
    },
    onTrouble: (step, error) => log.debug({ step, error }, 'a step of the bus failed and is tried again'),
  })
}

function readinessOf({ state, health, shipping }: Parts): { ready: boolean; reasons: string[] } {
  const logs = shipping.readiness()
  const reasons = [
    state.isDraining ? 'shutting down' : undefined,
    state.bus === undefined ? 'starting' : undefined,
    health.trouble(),
    logs.ready ? undefined : (logs.reason ?? 'log lines do not get to Loki'),
  ].filter((reason) => reason !== undefined)
  return { ready: reasons.length === 0, reasons }
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

function linksOf({ grafanaUrl, prometheusUrl }: Config): { href: string; name: string; about: string }[] {
  return [
    ...(grafanaUrl === undefined ? [] : [{ href: String(grafanaUrl), name: 'Grafana', about: 'dashboards' }]),
    ...(prometheusUrl === undefined ? [] : [{ href: String(prometheusUrl), name: 'Prometheus', about: 'series and alerts' }]),
  ]
}
