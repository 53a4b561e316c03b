/** From the items of a request to what is answered about each of them. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ScopeError } from '../errors.ts'
import type { ParseReport } from '../report/parse.ts'
import type { Outcome, Report, ReportResult } from '../report/report.ts'
import { outcomes } from '../report/report.ts'
import type { Item } from './items.ts'
import type { IngestObserver } from './observer.ts'

/** Namespaces that a sender may write to. */
export type Access = { readonly namespaces: '*' | ReadonlySet<string> }

/** Every item of a request, read: a report at its index, or a result that needs no store. */
export type Batch = {
  readonly size: number
  readonly reports: readonly Report[]
  /** Index in the request of each report. */
  readonly indexes: readonly number[]
  readonly refused: readonly ItemResult[]
}

/** One line of the answer. */
export type ItemResult = ReportResult & { readonly index: number }

export type BatchReader = {
  readonly parse: ParseReport
  readonly observer: IngestObserver
  readonly nowMs: () => number
}

/**
 * Reads every item, leaving the event loop free between pieces. Nothing was applied when it throws.
 * @throws ScopeError when no line of NDJSON can be read
 */
export async function readBatch(pieces: Iterable<readonly Item[]>, access: Access, reader: BatchReader): Promise<Batch> {
  const batch: Draft = { size: 0, unreadable: 0, nowMs: reader.nowMs(), reports: [], indexes: [], refused: [] }
  for (const piece of pieces) {
    if (batch.size > 0) await nextTurn()
    for (const item of piece) addItem(batch, item, access, reader)
  }
  if (batch.size > 0 && batch.unreadable === batch.size) {
    throw new ScopeError('BODY_NOT_JSON', 'No line of the body is JSON that can be read.')
  }
  return batch
}

type Draft = Batch & {
  size: number
  /** Lines that are no JSON. */
  unreadable: number
  /** When the request was read. */
  nowMs: number
  reports: Report[]
  indexes: number[]
  refused: ItemResult[]
}

function addItem(batch: Draft, item: Item, access: Access, reader: BatchReader): void {
  const index = batch.size++
  if ('fault' in item) batch.unreadable++
  const read = 'fault' in item ? faultResult(item.fault) : readItem(item.value, batch.nowMs, access, reader.parse)
  if ('outcome' in read) {
    batch.refused.push({ index, ...read })
    return
  }
  batch.reports.push(read.report)
  batch.indexes.push(index)
  for (const path of read.ignored) reader.observer.ignoredField(path)
  observeDelay(read.report, batch.nowMs, reader.observer)
}

type ReadItem = { readonly report: Report; readonly ignored: readonly string[] } | ReportResult

function readItem(value: unknown, nowMs: number, access: Access, parse: ParseReport): ReadItem {
  const parsed = parse(value, nowMs)
  if (!parsed.isValid) return { outcome: 'rejected', ...parsed.rejection }
  const { namespace } = parsed.report
  if (access.namespaces === '*' || access.namespaces.has(namespace)) return parsed
  const { code, message } = new ScopeError('NAMESPACE_FORBIDDEN')
  return { outcome: 'rejected', code, path: 'namespace', message }
}

function faultResult(fault: 'BODY_NOT_JSON' | 'BODY_TOO_DEEP'): ReportResult {
  const message = fault === 'BODY_NOT_JSON' ? 'the line is not JSON' : 'the line is nested too deeply'
  return { outcome: 'rejected', code: 'REPORT_INVALID', path: '', message }
}

function observeDelay(report: Report, nowMs: number, observer: IngestObserver): void {
  if (report.reportedAtMs !== undefined) observer.reportDelaySeconds(Math.max(0, nowMs - report.reportedAtMs) / 1_000)
}

export type Answer = { -readonly [O in Outcome]: number } & { results: ItemResult[] }

/** Counts every item once, and lists those that were not plainly applied, in the order they were sent. */
export function answerOf(batch: Batch, applied: readonly ReportResult[], observer: IngestObserver): Answer {
  if (applied.length !== batch.reports.length) throw new Error(`${batch.reports.length} reports, ${applied.length} results`)
  const counts = Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>
  const results = [...batch.refused]
  for (const [at, result] of applied.entries()) {
    const isPlain = result.outcome === 'applied' && result.code === undefined && result.missing === undefined
    if (isPlain) counts.applied++
    else results.push({ index: batch.indexes[at] ?? 0, ...result })
    if (isPlain) observer.outcome('applied')
  }
  results.sort((a, b) => a.index - b.index)
  for (const result of results) {
    counts[result.outcome]++
    observer.outcome(result.outcome)
    if (result.outcome === 'rejected') observer.rejection(result.code ?? 'REPORT_INVALID')
  }
  return { ...counts, results }
}
