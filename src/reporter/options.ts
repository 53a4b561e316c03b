import { hostname } from 'node:os'
import { isMainThread, threadId } from 'node:worker_threads'
import type { Problem, Problems } from './problems.ts'
import type { PullOptions } from './runtime/pull-options.ts'
import { type EngineDescription, isId } from './wire.ts'

/** Times and limits of a reporter. Every queue of it is bounded by one of these. */
export type ReporterSettings = {
  /** A new task's first report; its status changing sends at once. Default 1 s. */
  readonly firstReportMs: number
  /** Every open task is reported this often. Default 5 s. */
  readonly reportIntervalMs: number
  /** An engine that had nothing else to say reports itself this often. Default 5 s; 0 = never. */
  readonly heartbeatMs: number
  /** One request, from connect to the last byte of the answer. Default 10 s. */
  readonly requestTimeoutMs: number
  /** How long `finish()` and `close()` wait. Default 30 s. */
  readonly deliveryTimeoutMs: number
  /** A final report is sent once more after this, against a store that was rolled back. Default 2 s; 0 = never. */
  readonly repeatFinalMs: number
  /** How long a signal or the natural end of the process is held up. Default 2 s. */
  readonly exitFlushMs: number
  /** First step of the back-off, which doubles. Default 0.5 s. */
  readonly retryBaseMs: number
  /** Cap of the back-off and of an honoured `Retry-After`. Default 30 s. */
  readonly retryMaxMs: number
  /** Reports in one request. Default 100. */
  readonly batchReportsMax: number
  /** Bytes of one request before compression; a single larger report goes alone. Default 256 KiB. */
  readonly batchBytesMax: number
  /** Bodies above this are compressed. Default 1 KiB. */
  readonly gzipAboveBytes: number
  /** Encoded bytes of one part (`metadata`, `lineage`, ...); a larger part is left out. Default 512 KiB. */
  readonly partBytesMax: number
  /** Unsent log lines of one task. Default 500. */
  readonly logLinesMax: number
  /** Bytes of the unsent log lines of one task. Default 1 MiB. */
  readonly logBytesMax: number
  /** Bytes of the unsent log lines of all tasks. Default 16 MiB. */
  readonly allLogBytesMax: number
  /** Tasks that are open or wait for their final report to arrive. Default 10,000. */
  readonly tasksMax: number
  /** Written reports that wait to be sent. Default 16 MiB. */
  readonly outboxBytesMax: number
  /** Sent reports kept in case the aggregator asks for them again. Default 4 MiB. */
  readonly ringBytesMax: number
  /** Age of such reports. Default 60 s. */
  readonly ringMs: number
}

/** What `createReporter` takes. */
export type ReporterOptions = {
  /** Where the aggregator listens, e.g. `http://127.0.0.1:7717`. Needed to push; with `pull` it is where the run registers. */
  readonly url?: string | undefined
  /** `push` (default) sends reports; `pull` keeps the same reports until monitors fetch them. */
  readonly mode?: 'push' | 'pull' | undefined
  /** How the run is fetched from; with `pull` only. */
  readonly runtime?: PullOptions | undefined
  /** Bearer token with the role `report`. */
  readonly token?: string | undefined
  readonly engine: EngineDescription
  /** Namespace of heartbeats, and of tasks that name none. */
  readonly namespace?: string | undefined
  /** How many tasks this engine runs at once, as `engineTaskCounts.limit`. A function is asked for each report. */
  readonly taskLimit?: number | (() => number) | undefined
  /** Tasks that wait for this engine, where its own waiting tasks do not say it: `engineTaskCounts.pending`. */
  readonly pendingTasks?: (() => number) | undefined
  /** Measure CPU and memory of this process for its tasks; default true. Values given by `update` go first. */
  readonly measureUsage?: boolean | undefined
  /** Flush at SIGTERM, SIGINT and at the natural end of the process; default true. */
  readonly handleExit?: boolean | undefined
  /**
   * Open tasks when a signal ends the process: reported `cancelled` (default), or left as they are.
   * Where the engine has a handler of its own for that signal, its tasks are left to that handler.
   */
  readonly onSignal?: 'cancel' | 'leave' | undefined
  /** Told once per code. Default: a process warning, once per code. */
  readonly onProblem?: ((problem: Problem) => void) | undefined
  readonly settings?: Partial<ReporterSettings> | undefined
}

const mebibyte = 1024 * 1024

const defaults: ReporterSettings = {
  firstReportMs: 1_000,
  reportIntervalMs: 5_000,
  heartbeatMs: 5_000,
  requestTimeoutMs: 10_000,
  deliveryTimeoutMs: 30_000,
  repeatFinalMs: 2_000,
  exitFlushMs: 2_000,
  retryBaseMs: 500,
  retryMaxMs: 30_000,
  batchReportsMax: 100,
  batchBytesMax: 256 * 1024,
  gzipAboveBytes: 1024,
  partBytesMax: 512 * 1024,
  logLinesMax: 500,
  logBytesMax: mebibyte,
  allLogBytesMax: 16 * mebibyte,
  tasksMax: 10_000,
  outboxBytesMax: 16 * mebibyte,
  ringBytesMax: 4 * mebibyte,
  ringMs: 60_000,
}

const mayBeZero: ReadonlySet<string> = new Set([
  'firstReportMs',
  'heartbeatMs',
  'repeatFinalMs',
  'gzipAboveBytes',
  'ringBytesMax',
])

/** The settings with defaults filled in; a value that does not fit is told of and left at its default. */
export function settingsFrom(given: Partial<ReporterSettings> | undefined, problems: Problems): ReporterSettings {
  const settings: Record<string, number> = { ...defaults }
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === undefined) continue
    const fits = typeof value === 'number' && Number.isFinite(value) && (value > 0 || (value === 0 && mayBeZero.has(name)))
    if (fits && name in defaults) settings[name] = value
    else problems.tell('ARGUMENT_INVALID', `settings.${name} does not fit; its default is used`)
  }
  return settings as ReporterSettings
}

/** The route that reports go to, or undefined where the address cannot be used. */
export function reportRoute(url: unknown): URL | undefined {
  return apiRoute(url, '/api/v1/reports')
}

/** A route of the aggregator; its address may be given with a path before it, or with the route of reports. */
export function apiRoute(url: unknown, api: string): URL | undefined {
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined
  const route = new URL(url)
  if (route.protocol !== 'http:' && route.protocol !== 'https:') return undefined
  route.pathname = route.pathname.replace(/\/$/, '').replace(/\/api\/v1\/reports$/, '') + api
  route.username = ''
  route.password = ''
  route.search = ''
  route.hash = ''
  return route
}

const made = { reporters: 0, lastIncarnationMs: 0 }

/**
 * The engine's facts with defaults, and one incarnation for this reporter: a time, later than that of any other here.
 * @param run a run that is fetched from names both itself
 */
export function engineFacts(
  engine: EngineDescription | undefined,
  problems: Problems,
  run?: { readonly instance: string; readonly incarnation: string },
): EngineDescription & EngineIdentity {
  made.reporters++
  made.lastIncarnationMs = Math.max(Date.now(), made.lastIncarnationMs + 1)
  const { instance, engineType, ...rest } = engine ?? { engineType: undefined }
  if (instance !== undefined && !isId(instance))
    problems.tell('ARGUMENT_INVALID', 'engine.instance does not fit; a default is used')
  if (!isId(engineType)) problems.tell('ARGUMENT_INVALID', 'engine.engineType does not fit; "unknown" is used')
  return {
    node: hostname(),
    ...textsOf(rest, problems),
    instance: isId(instance) ? instance : defaultInstance(),
    engineType: isId(engineType) ? engineType : 'unknown',
    incarnation: new Date(made.lastIncarnationMs).toISOString(),
    ...run,
  }
}

export type EngineIdentity = { readonly instance: string; readonly engineType: string; readonly incarnation: string }

function textsOf(facts: Record<string, unknown>, problems: Problems): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['engineVersion', 'ticketId', 'ecmInstance', 'node', 'user', 'creator']) {
    const value = facts[name]
    if (typeof value === 'string' && value !== '') kept[name] = value.slice(0, 200)
    else if (value !== undefined) problems.tell('ARGUMENT_INVALID', `engine.${name} is not a text; left out`)
  }
  return kept
}

/** Two reporters of one host must never share a name: the newer would push the older one's reports aside. */
export function defaultInstance(): string {
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9._:@/-]/g, '_')
    .slice(0, 150)
  const thread = isMainThread ? '' : `/t${threadId}`
  return `${host}:${process.pid}${thread}${made.reporters > 1 ? `/${made.reporters}` : ''}`
}
