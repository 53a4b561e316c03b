/** The aggregator's own log: one JSON object (or line of text) per event, written asynchronously, secrets left out at any depth. */
import { pino } from 'pino'

export type Log = {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}
export type LogFields = Readonly<Record<string, unknown>>

export type LogSettings = { readonly level: string; readonly format: 'json' | 'text' }

const secretName = /pass(word|wd|phrase)?$|secret|token|authorization|cookie|credential|api[-_]?key/i
const depthMax = 6

/** Writes to `fd`; what cannot be written (a full disk) is dropped, not fatal. @returns the log and a function that empties it */
export function createLog(settings: LogSettings, fd: number): { log: Log; flush: () => void; dropped: () => number } {
  const destination = pino.destination({ fd, sync: false, minLength: 0 })
  let droppedCount = 0
  destination.on('error', () => {
    droppedCount += 1
  })
  const options = {
    level: settings.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: levelName },
  }
  const target = settings.format === 'json' ? destination : { write: (line: string) => void destination.write(asText(line)) }
  const logger = pino(options, target)
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, message: string) =>
    logger[level](redacted(fields, 0) as object, message)
  const flush = () => {
    try {
      destination.flushSync()
    } catch {
      droppedCount += 1 // Not open yet, or no longer: there is nowhere left to say so.
    }
  }
  return {
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    flush,
    dropped: () => droppedCount,
  }
}

const levelName = (label: string) => ({ level: label })

/** A copy in which values under secret names are masked and errors are told by name, code and message. */
function redacted(value: unknown, depth: number): unknown {
  if (value instanceof Error) return redactedError(value, depth)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= depthMax) return '…'
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => redacted(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, secretName.test(name) ? '<secret>' : redacted(inner, depth + 1)]),
  )
}

function redactedError(error: Error, depth: number): unknown {
  const { name, message, stack, cause } = error
  const code = 'code' in error ? { code: error.code } : {}
  return {
    name,
    message,
    ...code,
    stack,
    ...(cause === undefined || depth >= depthMax ? {} : { cause: redacted(cause, depth + 1) }),
  }
}

function asText(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${rest.join('')}\n`
}
