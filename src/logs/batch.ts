/** From outbox entries to Loki's push body. Pure: the same entry always gives the same bytes, on every replica and at every try. */
import { toUSVString } from 'node:util'
import type { LogEntry } from '../jobs/records.ts'
import { groupedBy } from './grouping.ts'
import { lineMetadata, ownMetadata } from './line-metadata.ts'

/** How far a line's time may lie from the arrival of its report. */
export type ClampWindow = { readonly behindMs: number; readonly aheadMs: number }

/**
 * Loki refuses lines 7 d old, 10 min ahead, or 1 h behind the newest of their stream. A line 9 min ahead and one
 * 40 min behind can meet in one stream, also when they arrived 11 min apart; and the outbox may wait for days.
 */
export const defaultClampWindow: ClampWindow = { behindMs: 40 * 60_000, aheadMs: 9 * 60_000 }

/** The most that two lines may differ in arrival when the newer one is shipped first. */
export const orderSlackMs = 60 * 60_000 - defaultClampWindow.behindMs - defaultClampWindow.aheadMs - 60_000

/** One line, ready to be sent. `Source` says what it came from. */
export type ReadyLine<Source> = {
  readonly source: Source
  /** Position in the entry's `lines`. */
  readonly index: number
  /** The stream's labels as JSON, the same text for the same labels. */
  readonly stream: string
  /** ns, 19 digits */
  readonly ts: string
  /** The value as it goes into the body. */
  readonly json: string
  readonly bytes: number
}

const levels = new Set(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'])

/**
 * Prepares the lines of one entry. A time outside the window round the arrival is moved to its edge and kept as
 * `original_ts`; the times still rise strictly.
 * @param arrivalMs when the entry was written, by the store's clock (its stream id): unlike "now" it never changes
 */
export function readyLines<Source>(
  source: Source,
  entry: LogEntry,
  arrivalMs: number,
  window: ClampWindow = defaultClampWindow,
): ReadyLine<Source>[] {
  const low = nsOf(arrivalMs - window.behindMs)
  const high = nsOf(arrivalMs + window.aheadMs)
  const own = ownMetadata(entry)
  const ownJson = JSON.stringify(own)
  const isOwn = entry.isOwn === true
  const streams = new Map<string, string>()
  let previous = ''
  return entry.lines.map(([original, level, line, fields], index) => {
    const clamped = clamp(original, low, high)
    const ts = clamped > previous ? clamped : String(BigInt(previous) + 1n)
    previous = ts
    const isPlain = ts === original && fields === undefined
    const metadata = isPlain ? ownJson : JSON.stringify(lineMetadata(own, fields, isOwn, ts === original ? undefined : original))
    const json = `["${ts}",${JSON.stringify(toUSVString(line))},${metadata}]`
    return { source, index, stream: streamOf(streams, entry, level), ts, json, bytes: Buffer.byteLength(json) }
  })
}

/** The body of one push: one object a stream, its lines sorted by time. */
export function pushBody(lines: readonly ReadyLine<unknown>[]): string {
  const parts: string[] = []
  for (const [stream, values] of groupedBy(lines, (line) => line.stream)) {
    values.sort((a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0))
    parts.push(`{"stream":${stream},"values":[${values.map((value) => value.json).join()}]}`)
  }
  return `{"streams":[${parts.join()}]}`
}

/** Cuts lines into pushes of at most so many bytes, keeping their order. A single larger line gets a push of its own. */
export function cutIntoPushes<Source>(lines: readonly ReadyLine<Source>[], bytesMax: number): ReadyLine<Source>[][] {
  const pushes: ReadyLine<Source>[][] = []
  let current: ReadyLine<Source>[] = []
  let bytes = 0
  for (const line of lines) {
    if (current.length > 0 && bytes + line.bytes > bytesMax) {
      pushes.push(current)
      current = []
      bytes = 0
    }
    current.push(line)
    bytes += line.bytes
  }
  if (current.length > 0) pushes.push(current)
  return pushes
}

function streamOf(known: Map<string, string>, entry: LogEntry, level: string): string {
  const found = known.get(level)
  if (found !== undefined) return found
  const labels = {
    service_name: 'enginescope',
    namespace: labelOf(entry.namespace),
    engine_type: labelOf(entry.engineType),
    task_type: labelOf(entry.taskType),
    level: levels.has(level) ? level : 'UNKNOWN',
  }
  const made = JSON.stringify(labels)
  known.set(level, made)
  return made
}

/** Loki refuses values of more than 2,048 bytes and forgets labels without a value. */
function labelOf(value: string): string {
  return value === '' ? 'unknown' : toUSVString(value.slice(0, 512))
}

/** Epoch ns of today has 19 digits, so that texts compare as the numbers do. */
function nsOf(ms: number): string {
  return `${String(Math.max(0, Math.trunc(ms))).padStart(13, '0')}000000`
}

function clamp(ts: string, low: string, high: string): string {
  if (!/^\d{19}$/.test(ts)) return /^\d{20,}$/.test(ts) ? high : low
  if (ts < low) return low
  return ts > high ? high : ts
}
