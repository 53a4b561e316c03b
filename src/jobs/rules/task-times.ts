import type { Report } from '../../report/report.ts'
import { isEnd, type TaskStatus } from '../../report/status.ts'
import type { TaskRecord } from '../records.ts'

type Times = Pick<
  TaskRecord,
  'submittedAtMs' | 'scheduledAtMs' | 'startedAtMs' | 'endedAtMs' | 'firstArrivalAtMs' | 'startedArrivalAtMs' | 'endedArrivalAtMs'
>

/** Times of a task before its first report is taken in. */
export function newTimes(report: Report, arrivalAtMs: number): Pick<Times, 'submittedAtMs' | 'firstArrivalAtMs'> {
  return { submittedAtMs: report.reportedAtMs ?? arrivalAtMs, firstArrivalAtMs: arrivalAtMs }
}

/**
 * Takes the moments a report bears witness to into the record: the earliest one counts, so that a late report can only
 * make them truer. The engine's clock is shown where it gave one; arrival is kept beside it for durations.
 */
export function takeStartTimes(times: Times, report: Report, status: TaskStatus | undefined, arrivalAtMs: number): void {
  const at = report.reportedAtMs
  if (at !== undefined) times.submittedAtMs = earlier(times.submittedAtMs, times.firstArrivalAtMs, at)
  if (status === 'scheduled') times.scheduledAtMs = Math.min(times.scheduledAtMs ?? Number.POSITIVE_INFINITY, at ?? arrivalAtMs)
  if (status !== 'running') return
  times.startedAtMs =
    times.startedAtMs === undefined ? (at ?? arrivalAtMs) : earlier(times.startedAtMs, times.startedArrivalAtMs, at)
  times.startedArrivalAtMs = Math.min(times.startedArrivalAtMs ?? Number.POSITIVE_INFINITY, arrivalAtMs)
}

/** Fixes the end of an attempt. */
export function takeEndTime(times: Times, report: Report, status: TaskStatus, arrivalAtMs: number): void {
  if (!isEnd(status)) return
  times.endedAtMs = report.reportedAtMs ?? arrivalAtMs
  times.endedArrivalAtMs = arrivalAtMs
}

/** Milliseconds from submission to running, by one clock for both ends; undefined while not running yet. */
export function queueMsOf(times: Times): number | undefined {
  if (times.startedAtMs === undefined || times.startedArrivalAtMs === undefined) return undefined
  return span(times.submittedAtMs, times.firstArrivalAtMs, times.startedAtMs, times.startedArrivalAtMs)
}

/** Milliseconds from running to the end, by one clock for both ends; undefined when one of them is not known. */
export function runMsOf(times: Times): number | undefined {
  if (times.startedAtMs === undefined || times.startedArrivalAtMs === undefined) return undefined
  if (times.endedAtMs === undefined || times.endedArrivalAtMs === undefined) return undefined
  return span(times.startedAtMs, times.startedArrivalAtMs, times.endedAtMs, times.endedArrivalAtMs)
}

/** Milliseconds from the first report to the end, by one clock for both; undefined while it has not ended. */
export function wholeMsOf(times: Times): number | undefined {
  if (times.endedAtMs === undefined || times.endedArrivalAtMs === undefined) return undefined
  return span(times.submittedAtMs, times.firstArrivalAtMs, times.endedAtMs, times.endedArrivalAtMs)
}

/** A time that only arrival told gives way to any that the engine told. */
export function earlier(known: number, knownArrival: number | undefined, at: number | undefined): number {
  if (at === undefined) return known
  return known === knownArrival ? at : Math.min(known, at)
}

function span(fromMs: number, fromArrivalMs: number, toMs: number, toArrivalMs: number): number {
  const isEngineClock = fromMs !== fromArrivalMs && toMs !== toArrivalMs
  const byEngine = toMs - fromMs
  return isEngineClock && byEngine >= 0 ? byEngine : Math.max(0, toArrivalMs - fromArrivalMs)
}
