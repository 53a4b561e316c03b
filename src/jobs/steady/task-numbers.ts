/** The numbers of a task's record that every report moves, in a fixed order; where and how many they are, the rest of the record says. */
import type { Application, SubtaskProgress } from '../../report/report.ts'
import type { Cumulative, Pace, SeqStream, TaskRecord } from '../records.ts'
import { tenths } from '../rules/pace.ts'

/** What numbers are taken from. */
type Moving =
  | 'lastReportAtMs'
  | 'engineStampUs'
  | 'applied'
  | 'progress'
  | 'streams'
  | 'usage'
  | 'progressInfo'
  | 'applications'
  | 'metrics'
  | 'pace'

/** All the rest of a record. A new field does not compile until it stands here or among the numbers. */
const settled: Record<Exclude<keyof TaskRecord, Moving>, true> = {
  namespace: true,
  jobId: true,
  task: true,
  attempt: true,
  scope: true,
  labels: true,
  engine: true,
  incarnation: true,
  status: true,
  statusBeforeLost: true,
  alignedAsOfMs: true,
  hasProgress: true,
  cpuSecondsCarried: true,
  counters: true,
  attributes: true,
  error: true,
  submittedAtMs: true,
  scheduledAtMs: true,
  startedAtMs: true,
  endedAtMs: true,
  firstArrivalAtMs: true,
  startedArrivalAtMs: true,
  endedArrivalAtMs: true,
  refusedLines: true,
  isQueueObserved: true,
  isDurationObserved: true,
  isStageObserved: true,
  findings: true,
  isSuperseded: true,
}
const settledFields = Object.keys(settled) as (keyof typeof settled)[]

/** Numbers of a task's record; undefined when it differs in anything else. Times are told by their distance: it is shorter. */
export function taskNumbers(before: TaskRecord, after: TaskRecord): number[] | undefined {
  for (const field of settledFields) if (before[field] !== after[field]) return undefined
  if (!haveSameShape(before, after)) return undefined
  const numbers = [
    after.lastReportAtMs - before.lastReportAtMs,
    after.engineStampUs - before.engineStampUs,
    after.applied,
    after.progress,
  ]
  const stream = after.streams[0]
  if (stream !== undefined) numbers.push(stream.newest)
  addUsage(after.usage, numbers)
  for (const stage of after.progressInfo)
    numbers.push(stage.totalTasks, stage.runningTasks, stage.failedTasks, stage.succeedTasks)
  for (const { queueMemory, queueCores, queueInstances } of after.applications)
    numbers.push(queueMemory, queueCores, queueInstances)
  if (!addMetrics(before.metrics, after.metrics, numbers)) return undefined
  if (before.pace !== undefined && after.pace !== undefined) addPace(before.pace, after.pace, numbers)
  return numbers
}

function addPace(before: Pace, { movedAtMs, steps, gapsMs, longestGapMs, tenthsMs }: Pace, numbers: number[]): void {
  numbers.push(movedAtMs - before.movedAtMs, steps, gapsMs, longestGapMs)
  for (let i = 0; i < tenths.length; i++) numbers.push(tenthsMs[i] ?? notPassed)
}

/** Time of a tenth of progress that has not been passed. */
export const notPassed = -1

/** Places of the numbers that every record begins with. Of a record without streams there is no `seq`. */
export const placeOf = { sinceReportMs: 0, sinceStampUs: 1, applied: 2, progress: 3, seq: 4 } as const

/** Places of the numbers of its pace, from {@link TaskLayout.pace} on; the time of each tenth follows. */
export const paceOf = { sinceMovedMs: 0, steps: 1, gapsMs: 2, longestGapMs: 3, tenthsMs: 4 } as const

/** Where the other numbers of a record are; -1 = it has none of these. */
export type TaskLayout = {
  readonly memoryBytes: number
  readonly gpuMemoryBytes: number
  readonly gpuUtilizationRatio: number
  /** CPU seconds of its incarnations, in their order. */
  readonly cpuSeconds: number
  /** Four for each stage. */
  readonly progressInfo: number
  /** Three for each application. */
  readonly applications: number
  /** In the order of {@link TaskLayout.metricNames}. */
  readonly metrics: number
  readonly metricNames: readonly string[]
  /** As {@link paceOf} says. */
  readonly pace: number
}

/** Where {@link taskNumbers} puts the numbers of this record. */
export function layoutOf({ streams, usage, progressInfo, applications, metrics, pace }: TaskRecord): TaskLayout {
  let end: number = streams.length === 0 ? placeOf.seq : placeOf.seq + 1
  const take = (count: number) => {
    end += count
    return count === 0 ? -1 : end - count
  }
  const one = (value: unknown) => take(value === undefined ? 0 : 1)
  const metricNames = Object.keys(metrics)
  return {
    memoryBytes: one(usage.memoryBytes),
    gpuMemoryBytes: one(usage.gpuMemoryBytes),
    gpuUtilizationRatio: one(usage.gpuUtilizationRatio),
    cpuSeconds: take(usage.cpuSeconds?.per.length ?? 0),
    progressInfo: take(4 * progressInfo.length),
    applications: take(3 * applications.length),
    metrics: take(metricNames.length),
    metricNames,
    pace: take(pace === undefined ? 0 : paceOf.tenthsMs + tenths.length),
  }
}

/** The record that numbers were taken of, from the one they were taken over, which stays as it is. */
export function withTaskNumbers(task: TaskRecord, numbers: readonly number[]): TaskRecord {
  let at = 0
  const next = () => numbers[at++] as number
  const record: TaskRecord = {
    ...task,
    lastReportAtMs: task.lastReportAtMs + next(),
    engineStampUs: task.engineStampUs + next(),
    applied: next(),
    progress: next(),
  }
  const [stream, ...others] = task.streams
  if (stream !== undefined) record.streams = [{ ...stream, newest: next() }, ...others]
  record.usage = withUsage(task.usage, next)
  record.progressInfo = task.progressInfo.map((stage) => ({
    ...stage,
    totalTasks: next(),
    runningTasks: next(),
    failedTasks: next(),
    succeedTasks: next(),
  }))
  record.applications = task.applications.map((application) => ({
    ...application,
    queueMemory: next(),
    queueCores: next(),
    queueInstances: next(),
  }))
  const metrics: Record<string, number> = {}
  for (const name in task.metrics) metrics[name] = next()
  record.metrics = metrics
  if (task.pace !== undefined)
    record.pace = {
      movedAtMs: task.pace.movedAtMs + next(),
      steps: next(),
      gapsMs: next(),
      longestGapMs: next(),
      // In an earlier build's list they end here.
      tenthsMs: at < numbers.length ? numbers.slice(at).filter((ms) => ms !== notPassed) : task.pace.tenthsMs,
    }
  return record
}

function haveSameShape(before: TaskRecord, after: TaskRecord): boolean {
  return (
    haveSameStreams(before.streams, after.streams) &&
    haveSameUsage(before.usage, after.usage) &&
    haveSameStages(before.progressInfo, after.progressInfo) &&
    haveSameApplications(before.applications, after.applications) &&
    (before.pace === undefined) === (after.pace === undefined)
  )
}

/** Only the newest number of the newest incarnation moves; whatever is missing is written in full. */
function haveSameStreams(before: readonly SeqStream[], after: readonly SeqStream[]): boolean {
  const [was, is] = [before[0], after[0]]
  if (before.length !== after.length || was?.incarnation !== is?.incarnation || was?.engine !== is?.engine) return false
  if (was !== undefined && is !== undefined && was.missing !== is.missing && was.missing.length + is.missing.length > 0)
    return false
  for (let i = 1; i < before.length; i++) if (before[i] !== after[i]) return false
  return true
}

const usageFields = ['memoryBytes', 'gpuMemoryBytes', 'gpuUtilizationRatio'] as const

function haveSameUsage(before: TaskRecord['usage'], after: TaskRecord['usage']): boolean {
  for (const field of usageFields) if ((before[field] === undefined) !== (after[field] === undefined)) return false
  return haveSameIncarnations(before.cpuSeconds, after.cpuSeconds)
}

function haveSameIncarnations(before: Cumulative | undefined, after: Cumulative | undefined): boolean {
  if (before === undefined || after === undefined) return before === after
  if (before.base !== after.base || before.per.length !== after.per.length) return false
  for (let i = 0; i < before.per.length; i++) if (before.per[i]?.[0] !== after.per[i]?.[0]) return false
  return true
}

function addUsage(usage: TaskRecord['usage'], numbers: number[]): void {
  for (const field of usageFields) {
    const value = usage[field]
    if (value !== undefined) numbers.push(value)
  }
  for (const [, max] of usage.cpuSeconds?.per ?? []) numbers.push(max)
}

function withUsage(known: TaskRecord['usage'], next: () => number): TaskRecord['usage'] {
  const usage = { ...known }
  for (const field of usageFields) if (usage[field] !== undefined) usage[field] = next()
  const { cpuSeconds } = known
  if (cpuSeconds !== undefined)
    usage.cpuSeconds = { base: cpuSeconds.base, per: cpuSeconds.per.map(([incarnation]) => [incarnation, next()]) }
  return usage
}

function haveSameStages(before: readonly SubtaskProgress[], after: readonly SubtaskProgress[]): boolean {
  if (before.length !== after.length) return false
  for (let i = 0; i < before.length; i++) if (before[i]?.id !== after[i]?.id) return false
  return true
}

function haveSameApplications(before: readonly Application[], after: readonly Application[]): boolean {
  if (before.length !== after.length) return false
  for (let i = 0; i < before.length; i++) {
    const [was, is] = [before[i], after[i]]
    if (was?.applicationId !== is?.applicationId || was?.live !== is?.live) return false
    if (was?.jobStatus !== is?.jobStatus || was?.queue !== is?.queue) return false
  }
  return true
}

/** @returns false when other names are there, or not all are numbers */
function addMetrics(before: TaskRecord['metrics'], after: TaskRecord['metrics'], numbers: number[]): boolean {
  let names = 0
  for (const name in before) {
    const value = after[name]
    if (!Number.isFinite(value) || typeof before[name] !== 'number') return false
    numbers.push(value as number)
    names += 1
  }
  for (const _name in after) names -= 1
  return names === 0
}
