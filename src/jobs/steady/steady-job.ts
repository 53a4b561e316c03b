/** A job one of whose running tasks has moved its numbers, and nothing else: see {@link SteadyTask}. */
import type { Report } from '../../report/report.ts'
import type { JobRecord } from '../records.ts'
import type { Effects } from '../rules/effects.ts'
import { isSampleDue } from '../rules/history.ts'
import { isOpenJob, meanProgress, progressE9Of } from '../rules/job-summary.ts'
import { tellsType } from '../rules/job-type.ts'
import { jobNumbers, jobPlaceOf } from './job-numbers.ts'

/** How a report has moved a task of the job. */
type TaskMove = {
  readonly progressBefore: number
  readonly progress: number
  readonly report: Report
  readonly atMs: number
}

export class SteadyJob {
  /** The record that numbers are taken over. */
  readonly still: JobRecord
  /** Its own numbers. */
  readonly numbers: readonly number[]

  private constructor(still: JobRecord, numbers: readonly number[]) {
    this.still = still
    this.numbers = numbers
  }

  /** Undefined when such a record may change otherwise with a report of a running task. */
  static of(still: JobRecord): SteadyJob | undefined {
    const isSteady = isOpenJob(still) && still.taskCount > 0 && still.jobScopedTask === undefined && still.error === undefined
    const numbers = isSteady ? jobNumbers(still, still) : undefined
    return numbers === undefined ? undefined : new SteadyJob(still, numbers)
  }

  /** The numbers after a move; undefined when the report tells the job something else. @param known numbers before it */
  take(known: readonly number[], { progressBefore, progress, report, atMs }: TaskMove, effects: Effects): number[] | undefined {
    const { still } = this
    const { engine } = report
    if (tellsType(still, report)) return undefined
    if (engine.instance !== still.engine || (engine.user !== undefined && engine.user !== still.user)) return undefined
    const numbers = known.slice()
    const sum =
      (known[jobPlaceOf.progressSumE9] as number) + progressE9Of({ progress }) - progressE9Of({ progress: progressBefore })
    const jobProgress = meanProgress(sum, still.taskCount)
    numbers[jobPlaceOf.progress] = jobProgress
    numbers[jobPlaceOf.progressSumE9] = sum
    numbers[jobPlaceOf.sinceReportMs] = Math.max(known[jobPlaceOf.sinceReportMs] as number, atMs - still.lastReportAtMs)
    const sampledAtMs = still.lastSampleAtMs ?? 0
    if (isSampleDue(still.firstArrivalAtMs, sampledAtMs + (known[jobPlaceOf.sinceSampleMs] as number), atMs)) {
      numbers[jobPlaceOf.sinceSampleMs] = atMs - sampledAtMs
      effects.samples.push({ at: atMs, status: still.status, progress: jobProgress, tasks: still.taskCount })
    }
    return numbers
  }
}
