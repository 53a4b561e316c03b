import type { RunSample } from './records.ts'
import { tenths } from './rules/pace.ts'

/** What earlier runs of one kind (task type and engine type) say about the next one. Made once, asked often. */
export type RunProfile = {
  readonly count: number
  /** Run times, rising. */
  readonly runMs: readonly number[]
  readonly runMsP95: number
  readonly longestGapMsP95: number
  /** How the runs stood at each tenth of progress; absent while too few were seen from start to end. */
  readonly curve?: Curve
}

/**
 * At each tenth of progress, in logarithms: by how much the time that was left differed from an even pace (median), and how far
 * the runs lay apart (as a standard deviation).
 */
export type Curve = { readonly count: number; readonly offsets: readonly number[]; readonly spreads: readonly number[] }

const curveRunsMin = 3
/** Standard deviation of a normal distribution per distance of its quartiles. */
export const perQuartileDistance = 1 / 1.349

/** Undefined when there are no runs. */
export function profileOf(samples: readonly RunSample[]): RunProfile | undefined {
  if (samples.length === 0) return undefined
  const runMs = rising(samples.map(([ms]) => ms))
  const curve = curveOf(samples.filter((sample) => sample.length === tenths.length + 2))
  return {
    count: samples.length,
    runMs,
    runMsP95: quantile(runMs, 0.95),
    longestGapMsP95: quantile(rising(samples.map(([, gapMs]) => gapMs)), 0.95),
    ...(curve === undefined ? {} : { curve }),
  }
}

/** Value at a share of a rising list, or of its end from a place on. */
export function quantile(values: readonly number[], share: number, from = 0): number {
  return between(values, from + share * (values.length - 1 - from))
}

/** Value at a place of a list, between two neighbours in a straight line; 0 of an empty one. */
export function between(values: readonly number[], place: number): number {
  const low = values[Math.floor(place)] ?? 0
  const high = values[Math.ceil(place)] ?? low
  return low + (high - low) * (place - Math.floor(place))
}

/** A standard deviation that a few wild values do not move. @param values rising */
function spreadOf(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) * perQuartileDistance
}

const rising = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)

function curveOf(samples: readonly RunSample[]): Curve | undefined {
  if (samples.length < curveRunsMin) return undefined
  const columns = tenths.map((progress, i) => rising(samples.map((sample) => offsetAt(sample, i, progress))))
  return {
    count: samples.length,
    offsets: columns.map((values) => quantile(values, 0.5)),
    spreads: columns.map(spreadOf),
  }
}

/** Logarithm of the time that was left at a tenth, over the time an even pace would have left. */
function offsetAt([runMs, , ...tenthsMs]: RunSample, i: number, progress: number): number {
  const goneMs = Math.max(1, tenthsMs[i] ?? 1)
  const leftMs = Math.max(1, runMs - goneMs)
  return Math.log(leftMs / goneMs) - Math.log((1 - progress) / progress)
}
