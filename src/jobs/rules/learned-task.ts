/** Counters of a learning task: cumulative numbers, numbers that begin anew with each iteration, histograms. */
import { countedAs, type LearningType } from '../../catalogue/index.ts'
import { histogramOf, numberOf } from '../learning/values.ts'
import type { Cumulative, TaskRecord } from '../records.ts'
import { accumulate, isFall } from './cumulative.ts'

/** Which start of the worker counts, and whether it is its newest word. */
export type Reading = { readonly incarnation: string; readonly isNewest: boolean }

type Reported = Readonly<Record<string, unknown>>
type Counters = Record<string, Cumulative>

/** Takes what only grows into the record, whatever the place of the report. */
export function takeLearned(record: TaskRecord, reported: Reported, type: LearningType, reading: Reading): void {
  const counters: Counters = { ...record.counters }
  const restarts = restartByFields(counters, reported, type, reading)
  for (const name in reported) {
    const shape = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined
    if (shape?.kind === 'histogram') takeHistogram(counters, name, histogramOf(shape, reported[name]), reading)
    const value = numberOf(reported[name])
    if (value === undefined) continue
    if (shape?.kind === 'counter') take(counters, name, value, reading, restarts)
    else if (shape?.kind === 'iteration') takeIteration(counters, name, value, iterationOf(record, reported), reading)
  }
  record.counters = counters
}

/** The iteration a report speaks of: what it leaves out is as before. */
export function iterationOf(record: TaskRecord, reported: Reported): number | undefined {
  return numberOf(reported['iterationNo'] ?? record.metrics['iterationNo'])
}

/** Whether fields that are sure to rise say that an unnamed start has begun anew. Undefined: each counter tells by itself. */
function restartByFields(counters: Counters, reported: Reported, type: LearningType, reading: Reading): boolean | undefined {
  const fields = (type.restartFields ?? []).filter((field) => numberOf(reported[field]) !== undefined)
  if (fields.length === 0) return undefined
  return reading.isNewest && fields.some((field) => isFall(counters[field], reading.incarnation, Number(reported[field])))
}

function take(counters: Counters, name: string, value: number, { incarnation, isNewest }: Reading, restarts?: boolean): void {
  counters[name] = accumulate(counters[name], incarnation, value, isNewest, restarts)
}

/** All parts of a histogram begin anew together, or none. */
function takeHistogram(counters: Counters, name: string, histogram: ReturnType<typeof histogramOf>, reading: Reading): void {
  if (histogram === undefined) return
  const restarts = reading.isNewest && isFall(counters[countedAs.count(name)], reading.incarnation, histogram.count)
  take(counters, countedAs.count(name), histogram.count, reading, restarts)
  take(counters, countedAs.sum(name), histogram.sum, reading, restarts)
  for (const { bound, count } of histogram.upTo) take(counters, countedAs.upTo(name, bound), count, reading, restarts)
}

/**
 * Adds what is new within the iteration. The newest word on an iteration that is over says nothing any more; one that was
 * overtaken on its way still counts, so that the order of arrival changes nothing.
 */
function takeIteration(
  counters: Counters,
  name: string,
  value: number,
  iteration: number | undefined,
  { incarnation, isNewest }: Reading,
): void {
  const counted = countedAs.iteration(name)
  const known = counters[counted]
  const prefix = `${incarnation}#`
  const key = `${prefix}${iteration ?? ''}`
  const isOver = (of: string) =>
    of.startsWith(prefix) && Number(of.slice(prefix.length)) > (iteration ?? Number.POSITIVE_INFINITY)
  if (isNewest && known?.per.some(([of]) => isOver(of)) === true) return
  const max = known?.per.find(([of]) => of === key)?.[1]
  const isUnnamed = incarnation === '' || iteration === undefined
  const restarts = isNewest && isUnnamed && max !== undefined && value < max
  counters[counted] = accumulate(known, key, value, isNewest, restarts)
}
