/** How the progress of a task comes along: what its remaining time and its standstills are judged by. Pure. */
import type { Pace, RunSample, TaskRecord } from '../records.ts'

/** Progress is marked at each tenth between the start and the end. */
export const tenths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const

/** Progress that is stored as 0.3 may be a hair less. */
const epsilon = 1e-9

type Moving = Pick<TaskRecord, 'status' | 'progress' | 'startedArrivalAtMs' | 'pace'>

/** Pace of a task after a report that arrived at `atMs`. The same object when its progress has not moved. */
export function nextPace(before: Moving | undefined, after: Moving, atMs: number): Pace {
  const known = before?.pace
  if (known === undefined)
    return { movedAtMs: atMs, steps: 0, gapsMs: 0, longestGapMs: 0, tenthsMs: reached(after.progress).map(() => 0) }
  // Time spent waiting or suspended is no standstill.
  const resumed = before?.status === 'running' ? known : { ...known, movedAtMs: Math.max(known.movedAtMs, atMs) }
  const from = before?.progress ?? 0
  if (after.progress <= from) return resumed
  const gapMs = Math.max(0, atMs - resumed.movedAtMs)
  return {
    movedAtMs: Math.max(resumed.movedAtMs, atMs),
    steps: known.steps + 1,
    gapsMs: known.gapsMs + gapMs,
    longestGapMs: Math.max(known.longestGapMs, gapMs),
    tenthsMs: withTenths(resumed, from, after, atMs),
  }
}

/** The tenths at or below a progress. */
function reached(progress: number): readonly number[] {
  return tenths.filter((tenth) => tenth <= progress + epsilon)
}

function withTenths(known: Pace, from: number, after: Moving, atMs: number): number[] {
  const already = known.tenthsMs.length
  // Hardly any report passes one.
  if (!isPassed(already, after.progress)) return known.tenthsMs
  const move = { from, to: after.progress, sinceMs: known.movedAtMs, atMs, startedAtMs: after.startedArrivalAtMs }
  return [...known.tenthsMs, ...passedTenths(already, move)]
}

/** Whether a tenth that comes after so many is passed at this progress. */
export function isPassed(already: number, progress: number): boolean {
  const next = tenths[already]
  return next !== undefined && next <= progress + epsilon
}

type ProgressMove = {
  readonly from: number
  readonly to: number
  /** Since when progress stood. */
  readonly sinceMs: number
  readonly atMs: number
  readonly startedAtMs: number | undefined
}

/** Times after the start of the tenths passed by a move beyond so many; several passed at once are spread over the time it took. */
export function passedTenths(already: number, { from, to, sinceMs, atMs, startedAtMs = sinceMs }: ProgressMove): number[] {
  const stoodMs = Math.max(0, sinceMs - startedAtMs)
  const nowMs = Math.max(stoodMs, atMs - startedAtMs)
  const share = (tenth: number) => Math.min(1, Math.max(0, (tenth - from) / (to - from)))
  const passed = reached(to).slice(already)
  return passed.map((tenth) => Math.round(stoodMs + share(tenth) * (nowMs - stoodMs)))
}

/** What is remembered of a run that has succeeded. */
export function runSampleOf(
  record: Pick<TaskRecord, 'pace' | 'startedArrivalAtMs' | 'endedArrivalAtMs'>,
  runMs: number,
): RunSample {
  const { pace } = record
  const tenthsMs = pace?.tenthsMs ?? []
  const isWatchedFromStart = pace !== undefined && pace.steps > 1 && tenthsMs.every((ms) => ms > 0)
  const lastGapMs = pace === undefined || record.endedArrivalAtMs === undefined ? 0 : record.endedArrivalAtMs - pace.movedAtMs
  return [
    Math.round(runMs),
    Math.round(Math.max(pace?.longestGapMs ?? 0, lastGapMs)),
    // A run that jumped over the last tenths to its end passed them then.
    ...(isWatchedFromStart ? tenths.map((_, i) => tenthsMs[i] ?? Math.round(runMs)) : []),
  ]
}
