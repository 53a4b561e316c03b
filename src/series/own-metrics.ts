import { collectDefaultMetrics, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client'
import { metrics, type SharedGroup } from '../catalogue/index.ts'
import { type ErrorCode, errorTable } from '../errors.ts'
import type { Outcome } from '../report/report.ts'
import type { ExpositionStore } from './exposition-store.ts'
import type { ExpositionFormat } from './exposition-text.ts'
import { OwnFactory } from './own-counters.ts'
import { ownText } from './own-text.ts'

/** Gauges of prom-client whose names end in `_total` though they are no counters: promtool objects to them. */
const misnamedDefaults = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

const ignoredFieldsMax = 50
const redisCommandsMax = 50
const redisErrorKindsMax = 20
const lokiCodesMax = 40
const rejectionCodesMax = 100

/** There from the start, since an alert rests on their increase. */
const lokiCodes = ['204', '400', '401', '403', '404', '429', '500', '503', 'timeout', 'unreachable']
const redisErrorKinds = ['timeout', 'connection', 'other']
/** Codes with which a single report is rejected. */
const reportCodes = [
  'REPORT_INVALID',
  'REPORT_TOO_MANY_METRICS',
  'REPORT_TOO_MANY_LINES',
  'NAMESPACE_FORBIDDEN',
  'OPEN_JOBS_LIMIT',
  'JOB_TASKS_LIMIT',
] as const satisfies readonly ErrorCode[]

type LogOutcome = (typeof metrics.logLines.values.outcome)[number]

/** What this replica says of itself, and the only place that knows prom-client. */
export class OwnMetrics {
  readonly #registry = new Registry()
  readonly #factory = new OwnFactory(this.#registry)

  /** What the door observes. */
  readonly ingest: {
    requestSeconds(seconds: number): void
    outcome(outcome: Outcome): void
    rejection(code: string): void
    ignoredField(path: string): void
    reportDelaySeconds(seconds: number): void
  }
  /** What the clients of Redis observe. */
  readonly redis: {
    commandSeconds(command: string, seconds: number): void
    error(kind: string): void
    isUp(isUp: boolean): void
    isDurable(isDurable: boolean): void
  }
  /** What outbox and shipper observe. */
  readonly logs: {
    lines(outcome: LogOutcome, count: number): void
    lokiRequest(code: string): void
    outboxBytes(bytes: number): void
    outboxLimitBytes(bytes: number): void
    outboxAgeSeconds(seconds: number): void
  }
  /** What the bus observes. */
  readonly shards: { owned(count: number): void; total(count: number): void }
  /** Something was not judged. */
  readonly insightSkipped: (reason: 'siblings_full') => void
  /** Something found no room in the shared store. */
  readonly seriesOverflow: (group: SharedGroup) => void

  /** @param version of the program. */
  constructor(version: string) {
    collectDefaultMetrics({ register: this.#registry })
    for (const name of misnamedDefaults) this.#registry.removeSingleMetric(name)
    const build = { version, node_version: process.versions.node }
    this.#factory.gaugeOf(metrics.buildInfo, () => [[build, 1]])
    this.ingest = ingestObserver(this.#factory)
    this.redis = redisObserver(this.#factory)
    this.logs = logsObserver(this.#factory)
    this.seriesOverflow = this.#factory.counter(metrics.seriesOverflow, metrics.seriesOverflow.values.family)
    this.insightSkipped = this.#factory.counter(metrics.insightSkipped, metrics.insightSkipped.values.reason)
    const owned = this.#factory.gauge(metrics.shardsOwned)
    const total = this.#factory.gauge(metrics.shards)
    this.shards = { owned: (count) => owned.set(count), total: (count) => total.set(count) }
  }

  /** Shows how full the shared store is. To be called once. */
  watch(store: ExpositionStore): void {
    const groups = metrics.series.values.family
    this.#factory.gaugeOf(metrics.series, () => groups.map((family) => [{ family }, store.linesOf(family)] as const))
    this.#factory.gaugeOf(metrics.seriesLimit, () => groups.map((family) => [{ family }, store.linesMaxOf(family)] as const))
  }

  /** Own series as text, without the end mark of OpenMetrics. */
  async text(format: ExpositionFormat): Promise<string> {
    const families: MetricObjectWithValues<MetricValue<string>>[] = await this.#registry.getMetricsAsJSON()
    return ownText(families, format)
  }
}

function ingestObserver(factory: OwnFactory): OwnMetrics['ingest'] {
  const codes = Object.keys(errorTable).length + reportCodes.length
  return {
    outcome: factory.counter(metrics.reports, metrics.reports.values.outcome),
    rejection: factory.counter(metrics.reportRejections, reportCodes, Math.max(codes, rejectionCodesMax)),
    ignoredField: factory.counter(metrics.ignoredFields, [], ignoredFieldsMax),
    requestSeconds: factory.histogram(metrics.ingestRequest),
    reportDelaySeconds: factory.histogram(metrics.reportDelay),
  }
}

function redisObserver(factory: OwnFactory): OwnMetrics['redis'] {
  const up = factory.gauge(metrics.redisUp)
  const notDurable = factory.gauge(metrics.redisNotDurable)
  return {
    commandSeconds: factory.histogramBy(metrics.redisCommand, redisCommandsMax),
    error: factory.counter(metrics.redisErrors, redisErrorKinds, redisErrorKindsMax),
    isUp: (isUp) => up.set(isUp ? 1 : 0),
    isDurable: (isDurable) => notDurable.set(isDurable ? 0 : 1),
  }
}

function logsObserver(factory: OwnFactory): OwnMetrics['logs'] {
  const bytes = factory.gauge(metrics.logOutboxBytes)
  const limitBytes = factory.gauge(metrics.logOutboxLimit)
  const ageSeconds = factory.gauge(metrics.logOutboxAge)
  return {
    lines: factory.counter(metrics.logLines, metrics.logLines.values.outcome),
    lokiRequest: factory.counter(metrics.lokiRequests, lokiCodes, lokiCodesMax),
    outboxBytes: (value) => bytes.set(value),
    outboxLimitBytes: (value) => limitBytes.set(value),
    outboxAgeSeconds: (value) => ageSeconds.set(value),
  }
}
