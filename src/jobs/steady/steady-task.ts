/**
 * A running task whose report brings nothing but newer numbers, as nearly all do: then the numbers are all that is worked out. What any
 * other report does, and what each of these would do, is said by the rules (`../rules`); here stands the same for the usual case, and a
 * property test holds the two together.
 */
import type { Application, Report, SubtaskProgress, Usage } from '../../report/report.ts'
import { referenceTo, type SeqStream, type TaskRecord } from '../records.ts'
import { isPassed, passedTenths } from '../rules/pace.ts'
import { nextProgress, reportedProgress } from '../rules/progress.ts'
import type { Arrival, TaskRules } from '../rules/task-arrival.ts'
import { earlier } from '../rules/task-times.ts'
import { layoutOf, notPassed, paceOf, placeOf, type TaskLayout, taskNumbers } from './task-numbers.ts'

export class SteadyTask {
  /** The record that numbers are taken over. */
  readonly still: TaskRecord
  /** Names it in the event stream. */
  readonly reference: string
  /** Its own numbers. */
  readonly numbers: readonly number[]
  readonly #layout: TaskLayout
  readonly #stream: SeqStream
  #metricPlaces: Map<string, number> | undefined

  private constructor(still: TaskRecord, stream: SeqStream, numbers: readonly number[]) {
    this.still = still
    this.reference = referenceTo(still)
    this.numbers = numbers
    this.#layout = layoutOf(still)
    this.#stream = stream
  }

  /** Undefined when the reports of such a record can do more than move its numbers. */
  static of(still: TaskRecord, rules: TaskRules): SteadyTask | undefined {
    const [stream] = still.streams
    if (stream === undefined || still.pace === undefined || !isSteady(still, stream)) return undefined
    const { taskType } = still.labels
    if (rules.learning.has(taskType)) return undefined
    for (const name in still.metrics) if (rules.metricKind(taskType, name) !== 'gauge') return undefined
    const numbers = taskNumbers(still, still)
    return numbers === undefined ? undefined : new SteadyTask(still, stream, numbers)
  }

  /** The numbers after a report that does nothing else; undefined when it does, or may. @param known numbers before it */
  take(known: readonly number[], { report, atMs, stampUs }: Arrival): number[] | undefined {
    const { still } = this
    if (report.seq !== (known[placeOf.seq] as number) + 1 || report.attempt !== still.attempt || !isUsual(report))
      return undefined
    if (!this.#saysTheSame(report.engine) || !this.#isWithinTimes(report.reportedAtMs, atMs)) return undefined
    const numbers = known.slice()
    const isTaken =
      this.#takeUsage(numbers, report.usage) &&
      this.#takeStages(numbers, report.progressInfo) &&
      this.#takeApplications(numbers, report.resources) &&
      this.#takeMetrics(numbers, report.algorithmMetrics)
    if (!isTaken) return undefined
    const progress = nextProgress(known[placeOf.progress] as number, reportedProgress(report), 'running')
    if (progress > (known[placeOf.progress] as number)) this.#takePace(numbers, progress, atMs)
    numbers[placeOf.sinceReportMs] = Math.max(known[placeOf.sinceReportMs] as number, atMs - still.lastReportAtMs)
    numbers[placeOf.sinceStampUs] = stampUs - still.engineStampUs
    numbers[placeOf.applied] = (known[placeOf.applied] as number) + 1
    numbers[placeOf.progress] = progress
    numbers[placeOf.seq] = report.seq
    return numbers
  }

  /** Whether the engine has no news of itself, a new start included. */
  #saysTheSame(engine: Arrival['report']['engine']): boolean {
    const known = this.still.engine
    let name: keyof typeof engine
    for (name in engine) if (engine[name] !== known[name]) return false
    return true
  }

  /** Whether the report bears witness to no earlier start or submission than is known. */
  #isWithinTimes(at: number | undefined, atMs: number): boolean {
    const { submittedAtMs, firstArrivalAtMs, startedAtMs, startedArrivalAtMs } = this.still
    if (startedAtMs === undefined || startedArrivalAtMs === undefined || atMs < startedArrivalAtMs) return false
    return (
      at === undefined ||
      (earlier(submittedAtMs, firstArrivalAtMs, at) === submittedAtMs &&
        earlier(startedAtMs, startedArrivalAtMs, at) === startedAtMs)
    )
  }

  #takeUsage(numbers: number[], usage: Usage | undefined): boolean {
    if (usage === undefined) return true
    const { memoryBytes, gpuMemoryBytes, gpuUtilizationRatio, cpuSeconds } = this.#layout
    return (
      put(numbers, memoryBytes, usage.memoryBytes) &&
      put(numbers, gpuMemoryBytes, usage.gpuMemoryBytes) &&
      put(numbers, gpuUtilizationRatio, usage.gpuUtilizationRatio) &&
      (usage.cpuSeconds === undefined || (cpuSeconds >= 0 && this.#takeCpuSeconds(numbers, usage.cpuSeconds)))
    )
  }

  /** Each start of the engine for itself. Where starts have no names, a fall tells of another. */
  #takeCpuSeconds(numbers: number[], seconds: number): boolean {
    const { incarnation } = this.#stream
    const per = this.still.usage.cpuSeconds?.per ?? []
    const at = per.findIndex(([name]) => name === incarnation)
    if (at < 0) return false
    const place = this.#layout.cpuSeconds + at
    const max = numbers[place] as number
    if (seconds < max && incarnation === '') return false
    numbers[place] = Math.max(max, seconds)
    return true
  }

  #takeStages(numbers: number[], stages: readonly SubtaskProgress[] | undefined): boolean {
    if (stages === undefined) return true
    const known = this.still.progressInfo
    if (stages.length !== known.length) return false
    let at = this.#layout.progressInfo
    for (let i = 0; i < stages.length; i++) {
      const stage = stages[i] as SubtaskProgress
      if (stage.id !== known[i]?.id) return false
      numbers[at++] = stage.totalTasks
      numbers[at++] = stage.runningTasks
      numbers[at++] = stage.failedTasks
      numbers[at++] = stage.succeedTasks
    }
    return true
  }

  #takeApplications(numbers: number[], applications: readonly Application[] | undefined): boolean {
    if (applications === undefined) return true
    const known = this.still.applications
    if (applications.length !== known.length) return false
    let at = this.#layout.applications
    for (let i = 0; i < applications.length; i++) {
      const is = applications[i] as Application
      const was = known[i] as Application
      if (is.applicationId !== was.applicationId || is.live !== was.live) return false
      if (is.jobStatus !== was.jobStatus || is.queue !== was.queue) return false
      numbers[at++] = is.queueMemory
      numbers[at++] = is.queueCores
      numbers[at++] = is.queueInstances
    }
    return true
  }

  #takeMetrics(numbers: number[], metrics: Readonly<Record<string, unknown>> | undefined): boolean {
    if (metrics === undefined) return true
    const { metricNames, metrics: at } = this.#layout
    let count = 0
    for (const name in metrics) {
      const value = metrics[name]
      // Mostly they come in the same order.
      const place = metricNames[count] === name ? count : this.#placeOfMetric(name)
      if (place === undefined || !Number.isFinite(value)) return false
      numbers[at + place] = value as number
      count += 1
    }
    // `{}` = none now.
    return count > 0 || metricNames.length === 0
  }

  #placeOfMetric(name: string): number | undefined {
    this.#metricPlaces ??= new Map(this.#layout.metricNames.map((known, i) => [known, i]))
    return this.#metricPlaces.get(name)
  }

  #takePace(numbers: number[], progress: number, atMs: number): void {
    const at = this.#layout.pace
    const movedAtMs = this.still.pace?.movedAtMs ?? 0
    const knownMs = numbers[at + paceOf.sinceMovedMs] as number
    this.#takeTenths(numbers, progress, movedAtMs + knownMs, atMs)
    const sinceMs = atMs - movedAtMs
    const gapMs = Math.max(0, sinceMs - knownMs)
    numbers[at + paceOf.sinceMovedMs] = Math.max(knownMs, sinceMs)
    numbers[at + paceOf.steps] = (numbers[at + paceOf.steps] as number) + 1
    numbers[at + paceOf.gapsMs] = (numbers[at + paceOf.gapsMs] as number) + gapMs
    numbers[at + paceOf.longestGapMs] = Math.max(numbers[at + paceOf.longestGapMs] as number, gapMs)
  }

  #takeTenths(numbers: number[], to: number, sinceMs: number, atMs: number): void {
    const at = this.#layout.pace + paceOf.tenthsMs
    let already = 0
    while (at + already < numbers.length && numbers[at + already] !== notPassed) already += 1
    if (!isPassed(already, to)) return
    const move = { from: numbers[placeOf.progress] as number, to, sinceMs, atMs, startedAtMs: this.still.startedArrivalAtMs }
    for (const ms of passedTenths(already, move)) numbers[at + already++] = ms
  }
}

/** It runs, and nothing of it is missing or remarkable. */
function isSteady(still: TaskRecord, stream: SeqStream): boolean {
  return (
    still.status === 'running' &&
    still.scope === 'task' &&
    still.isSuperseded !== true &&
    still.findings === undefined &&
    still.error === undefined &&
    still.statusBeforeLost === undefined &&
    still.hasProgress &&
    still.incarnation === stream.incarnation &&
    still.streams.every(({ missing }) => missing.length === 0)
  )
}

/** Whether a report says that its task runs, and brings nothing but numbers and lines. */
function isUsual(report: Report): boolean {
  return (
    report.status === 'running' &&
    report.scope === 'task' &&
    report.isNative !== true &&
    report.fetched === undefined &&
    report.attributes === undefined &&
    report.error === undefined &&
    report.metadata === undefined &&
    report.lineage === undefined &&
    report.workflowToken === undefined
  )
}

/** @returns false when there is news of what was not known */
function put(numbers: number[], at: number, value: number | undefined): boolean {
  if (value === undefined) return true
  if (at < 0) return false
  numbers[at] = value
  return true
}
