import { hostname } from 'node:os'

/** What the flags of `enginescope report` say. */
export type ReportFlags = {
  job?: string
  exec?: string
  namespace?: string
  engine?: string
  engineType: string
  type?: string
  attempt?: number
  seq?: number
  status?: string
  progress?: number
  log: readonly string[]
  metric: Readonly<Record<string, number>>
  attribute: Readonly<Record<string, string>>
  errorCode?: string
  errorMessage?: string
}

type JsonObject = Readonly<Record<string, unknown>>

/** One report of what the flags say. Without `--job` and `--exec`, but with `--engine`, a heartbeat. @throws Error naming what is missing */
export function reportFromFlags(flags: ReportFlags, at: Date): JsonObject {
  const execId = flags.exec ?? flags.job
  if (execId === undefined && flags.engine === undefined)
    throw new Error('--job or --exec is needed, or --engine for a heartbeat')
  if (execId !== undefined && flags.status === undefined && flags.progress === undefined) {
    throw new Error('--status or --progress is needed')
  }
  const { errorCode, errorMessage } = flags
  const error = errorCode === undefined && errorMessage === undefined ? undefined : { code: errorCode, message: errorMessage }
  return {
    namespace: flags.namespace,
    jobId: flags.job,
    execId,
    taskType: flags.type,
    attempt: flags.attempt,
    seq: flags.seq,
    reportedAt: at.toISOString(),
    status: flags.status,
    progress: flags.progress,
    engine: engineOf(flags),
    algorithmMetrics: unlessEmpty(flags.metric),
    attributes: unlessEmpty(flags.attribute),
    error,
    logs: flags.log.length === 0 ? undefined : flags.log.map((line) => logLineOf(line, at)),
  }
}

/**
 * Reports out of JSON: one, an array, or one a line. Engine and namespace of the flags are put in where a report has none.
 * @throws Error saying which line is no JSON object
 */
export function reportsFromText(json: string, flags: ReportFlags): JsonObject[] {
  if (json.trim() === '') throw new Error('standard input is empty')
  const whole = parsed(json)
  const items = whole === undefined ? json.split('\n').flatMap(lineOf) : Array.isArray(whole) ? whole : [whole]
  return items.map((item: unknown, index) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) throw new Error(`report ${index} is no JSON object`)
    return completed(item as JsonObject, flags)
  })
}

function lineOf(line: string, index: number): unknown[] {
  if (line.trim() === '') return []
  const item = parsed(line)
  if (item === undefined) throw new Error(`line ${index + 1} is no JSON`)
  return [item]
}

function completed(report: JsonObject, flags: ReportFlags): JsonObject {
  const isBare = report['engine'] === undefined && report['extraInfoMap'] !== undefined
  return {
    ...(flags.namespace === undefined ? {} : { namespace: flags.namespace }),
    ...(isBare || report['engine'] !== undefined ? {} : { engine: engineOf(flags) }),
    ...report,
  }
}

function engineOf(flags: ReportFlags): JsonObject {
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, 150)
  return { instance: flags.engine ?? `${host}:report`, engineType: flags.engineType }
}

function logLineOf(line: string, at: Date): JsonObject {
  const found = /^(TRACE|DEBUG|INFO|WARN|ERROR|FATAL):(.*)$/is.exec(line)
  return { ts: at.toISOString(), level: found?.[1]?.toUpperCase() ?? 'INFO', line: found?.[2] ?? line }
}

function unlessEmpty<T extends object>(values: T): T | undefined {
  return Object.keys(values).length === 0 ? undefined : values
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
