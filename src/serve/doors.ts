/** What the aggregator answers over HTTP, by its parts. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createApp } from '../api/app.ts'
import type { Config } from '../config/settings.ts'
import { ScopeError } from '../errors.ts'
import { requestIdOf } from '../http/request-id.ts'
import { sendError } from '../ingest/answer.ts'
import { type ReportsRouteDeps, reportsRoute } from '../ingest/reports-route.ts'
import { type WorkersRouteOptions, workersRoute } from '../ingest/sedna/workers-route.ts'
import { createQueries } from '../jobs/queries/queries.ts'
import type { LiveHub } from '../live/hub.ts'
import { createDeadLetters } from '../logs/dead-letters.ts'
import { publishedReportSchema } from '../report/schema.ts'
import type { Doors } from './http-server.ts'
import { doorLimits, reportLimits } from './limits.ts'
import type { Parts } from './parts.ts'
import { applying } from './runtimes.ts'

export function makeDoors(parts: Parts, live: LiveHub): Doors {
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

function linksOf({ grafanaUrl, prometheusUrl }: Config): { href: string; name: string; about: string }[] {
  return [
    ...(grafanaUrl === undefined ? [] : [{ href: String(grafanaUrl), name: 'Grafana', about: 'dashboards' }]),
    ...(prometheusUrl === undefined ? [] : [{ href: String(prometheusUrl), name: 'Prometheus', about: 'series and alerts' }]),
  ]
}
