/** The way of some entries: which of their lines are still open, which were refused, which entries are done. Pure. */
import type { LogEntry } from '../jobs/records.ts'
import { cutIntoPushes, type ReadyLine, readyLines } from './batch.ts'
import type { OutboxEntry, RefusedLine } from './outbox-shard.ts'

/** A parsed entry under way. */
export type Parcel = {
  readonly entry: OutboxEntry
  /** Absent when the text is no LogEntry. */
  readonly log?: LogEntry
  linesOpen: number
  readonly refused: RefusedLine[]
}

export type ParcelLine = ReadyLine<Parcel>

/** Opens a taken entry. One that cannot be read is refused as it stands. */
export function openParcel(entry: OutboxEntry, nowMs: number): { parcel: Parcel; lines: ParcelLine[] } {
  const log = logEntryOf(entry.text)
  if (log === undefined) {
    const refused = [refusal(entry, entry.text, 'The outbox entry cannot be read.', nowMs)]
    return { parcel: { entry, linesOpen: 0, refused }, lines: [] }
  }
  const parcel: Parcel = { entry, log, linesOpen: log.lines.length, refused: [] }
  return { parcel, lines: readyLines(parcel, log, entry.atMs) }
}

/** Marks lines as stored. */
export function markStored(lines: readonly ParcelLine[]): void {
  for (const line of lines) line.source.linesOpen--
}

/** Marks one line as refused for good. */
export function markRefused(line: ParcelLine, reason: string, nowMs: number): void {
  const { source: parcel, index } = line
  parcel.linesOpen--
  const text = JSON.stringify({ ...parcel.log, lines: parcel.log?.lines.slice(index, index + 1) })
  parcel.refused.push(refusal(parcel.entry, text, reason, nowMs))
}

/** The two halves of a push that was refused whole. */
export function halves(lines: readonly ParcelLine[]): [ParcelLine[], ParcelLine[]] {
  const middle = Math.ceil(lines.length / 2)
  return [lines.slice(0, middle), lines.slice(middle)]
}

/** Cuts the lines of parcels into pushes, the first one last, so that the next is popped. */
export function stackOfPushes(lines: readonly ParcelLine[], bytesMax: number): ParcelLine[][] {
  return cutIntoPushes(lines, bytesMax).reverse()
}

function refusal(entry: OutboxEntry, text: string, reason: string, nowMs: number): RefusedLine {
  return { text, reason, firstSeenMs: entry.firstSeenMs ?? nowMs, lastSeenMs: nowMs }
}

/** Reads an entry's text; undefined when it is no LogEntry. */
export function logEntryOf(text: string): LogEntry | undefined {
  let entry: unknown
  try {
    entry = JSON.parse(text)
  } catch {
    return undefined
  }
  return isLogEntry(entry) ? entry : undefined
}

/** What is written there is ours; this only keeps a spoilt store from stopping the process. */
function isLogEntry(value: unknown): value is LogEntry {
  if (typeof value !== 'object' || value === null) return false
  const entry = value as Partial<Record<keyof LogEntry, unknown>>
  const hasIds = [entry.namespace, entry.engineType, entry.taskType, entry.jobId, entry.engine].every(
    (id) => typeof id === 'string',
  )
  return hasIds && Array.isArray(entry.lines) && entry.lines.every(isLine)
}

function isLine(line: unknown): boolean {
  return Array.isArray(line) && line.slice(0, 3).every((part) => typeof part === 'string') && line.length >= 3
}
