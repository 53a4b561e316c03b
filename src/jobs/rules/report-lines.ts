/** Log lines of a report: packed for the job's tail and the outbox, or refused while that is full, which is remembered. */
import type { TaskRecord } from '../records.ts'
import type { Effects } from './effects.ts'
import type { Circumstances, JobOutcome } from './job-outcome.ts'
import { packLines } from './log-entry.ts'
import type { Arrival } from './task-arrival.ts'

/** A report of a job whose place this one has taken: its lines, no more. */
export function takeFormer(arrival: Arrival, { labels, hasRoomForLines }: Circumstances, effects: Effects): JobOutcome {
  const { report, atMs } = arrival
  const lines = report.logs ?? []
  const stale: JobOutcome = { result: { outcome: 'stale' }, engine: { stampUs: 0 } }
  if (lines.length > 0 && !hasRoomForLines) return withRefusal(stale, lines.length)
  if (lines.length > 0) effects.lines.push(packLines(report, labels, lines, report.seq ?? Math.floor(atMs), atMs))
  return stale
}

/** Says that the lines of a report were not taken, so that its sender keeps them for the next one. */
export function withRefusal(answered: JobOutcome, linesRefused: number): JobOutcome {
  if (linesRefused === 0) return answered
  return { ...answered, result: { ...answered.result, code: 'LOGS_REFUSED', logLinesRefused: linesRefused } }
}

/** How many lines were refused when this report came the first time. */
export function refusedBefore(record: TaskRecord, { report }: Arrival): number {
  const incarnation = report.engine.incarnation ?? record.incarnation
  const found = record.refusedLines?.find(([of, seq]) => of === incarnation && seq === report.seq)
  return found?.[2] ?? 0
}

/** @returns how many lines were refused because the outbox is full */
export function takeLines(arrival: Arrival, record: TaskRecord, circumstances: Circumstances, effects: Effects): number {
  const lines = arrival.report.logs ?? []
  if (lines.length === 0) return 0
  if (!circumstances.hasRoomForLines) {
    rememberRefusal(record, arrival, lines.length)
    return lines.length
  }
  const order = arrival.report.seq ?? record.applied
  effects.lines.push(packLines(arrival.report, record.labels, lines, order, arrival.atMs))
  return 0
}

const refusalsMax = 64

function rememberRefusal(record: TaskRecord, { report }: Arrival, lines: number): void {
  if (report.seq === undefined) return
  const refusal: [string, number, number] = [report.engine.incarnation ?? record.incarnation, report.seq, lines]
  record.refusedLines = [...(record.refusedLines ?? []), refusal].slice(-refusalsMax)
}
