import type { ExecRecord, JobRecord, TaskRecord } from '../records.ts'
import type { Effects } from '../rules/effects.ts'
import type { JobOutcome } from '../rules/job-outcome.ts'
import type { JobRules, JobState } from '../rules/job-state.ts'
import { takeLines } from '../rules/report-lines.ts'
import type { Arrival } from '../rules/task-arrival.ts'
import { jobPlaceOf, withJobNumbers } from '../steady/job-numbers.ts'
import { movedJob, movedTask } from '../steady/moved.ts'
import { SteadyJob } from '../steady/steady-job.ts'
import { SteadyTask } from '../steady/steady-task.ts'
import { placeOf, withTaskNumbers } from '../steady/task-numbers.ts'
import { onlyTask, type Template, type Written, withOnlyTask } from './record-text.ts'
import { type Traced, TracedMap } from './traced-map.ts'

/**
 * What was known of a job, to tell what the rules have changed: of tasks, what stood where something was set. Numbers of what
 * lagged behind are older than that; nothing is read from them.
 */
export type JobSnapshot = {
  readonly job: JobRecord | undefined
  readonly execs: readonly Traced<string, ExecRecord | undefined>[]
  readonly older: readonly Traced<string, readonly TaskRecord[]>[]
}

/** Where a job and its log lines are stored. */
type JobKeys = { readonly record: string; readonly tail: string }

/** How a record was written last. */
type LastWritten<T, Steady> = {
  readonly template: Template<T>
  /** None = the record is its template. */
  numbers: readonly number[]
  /** How it moves; undefined = not looked at yet, null = not by numbers alone. */
  steady: Steady | null | undefined
}

type TaskWritten = LastWritten<ExecRecord, SteadyTask> & {
  readonly execId: string
  /** Its numbers have moved since the trace began. */
  isMoved: boolean
}

/**
 * As much of a job as is loaded: its records, and how they were written last. A report that only moves numbers is taken without the
 * records, which then lag behind until the rules need them: but for numbers they are as they should be.
 */
export class LoadedJob implements JobState {
  /** Made once: every commit names them. */
  readonly keys: JobKeys
  job: JobRecord | undefined
  readonly execs = new TracedMap<string, ExecRecord | undefined>()
  readonly older = new TracedMap<string, readonly TaskRecord[]>()
  /** Whether the namespace may open one more job. */
  hasRoom = true
  isRemoved = false
  #jobWritten: LastWritten<JobRecord, SteadyJob> | undefined
  readonly #tasksWritten = new Map<string, TaskWritten>()
  /** Tasks whose records lag behind their numbers. */
  readonly #lagging = new Set<string>()
  /** Those that have moved since the trace began. */
  #moved: TaskWritten[] = []
  #isJobLagging = false
  #snapshot: { job: JobRecord | undefined } & JobSnapshot = { job: undefined, execs: [], older: [] }
  /** The rules have run since the trace began: what was written last is no longer how things are. */
  #isRuled = false

  constructor(keys: JobKeys, job: JobRecord | undefined) {
    this.keys = keys
    this.job = job
  }

  /** What is compared with, from now on. */
  beginTrace(): JobSnapshot {
    this.#isRuled = false
    for (const task of this.#moved) task.isMoved = false
    this.#moved = noneMoved
    this.#snapshot = { job: this.job, execs: this.execs.beginTrace(), older: this.older.beginTrace() }
    return this.#snapshot
  }

  /** Takes a report that only moves the numbers of a running task; undefined when it is for the rules to say what it does. */
  move(execId: string, arrival: Arrival, hasRoomForLines: boolean, rules: JobRules, effects: Effects): JobOutcome | undefined {
    const [task, job] = [this.#tasksWritten.get(execId), this.#jobWritten]
    if (this.#isRuled || task === undefined || job === undefined) return undefined
    const [steadyTask, steadyJob] = [steadyTaskOf(task, rules), steadyJobOf(job)]
    if (steadyTask === null || steadyJob === null) return undefined
    const { report, atMs, stampUs } = arrival
    if (report.logs !== undefined && report.logs.length > 0 && !hasRoomForLines) return undefined
    const known = task.numbers.length === 0 ? steadyTask.numbers : task.numbers
    const numbers = steadyTask.take(known, arrival)
    if (numbers === undefined) return undefined
    const move = {
      progressBefore: known[placeOf.progress] as number,
      progress: numbers[placeOf.progress] as number,
      report,
      atMs,
    }
    const jobNumbers = steadyJob.take(job.numbers.length === 0 ? steadyJob.numbers : job.numbers, move, effects)
    if (jobNumbers === undefined) return undefined
    takeLines(arrival, steadyTask.still, { labels: steadyTask.still.labels, hasRoomForJob: true, hasRoomForLines }, effects)
    task.numbers = numbers
    job.numbers = jobNumbers
    this.#lagging.add(execId)
    this.#noteMove(task)
    this.#isJobLagging = true
    return { result: applied, engine: { stampUs } }
  }

  #noteMove(task: TaskWritten): void {
    if (task.isMoved) return
    task.isMoved = true
    if (this.#moved === noneMoved) this.#moved = [task]
    else this.#moved.push(task)
  }

  /** Brings the records up to their numbers, for the rules to go on from there. */
  catchUp(effects: Effects): void {
    this.#isRuled = true
    if (!this.#isJobLagging) return
    for (const execId of this.#lagging) this.#catchUpTask(execId, effects)
    const { template, numbers } = this.#jobWritten as LastWritten<JobRecord, SteadyJob>
    this.job = withJobNumbers(template.record, numbers)
    if (this.#moved.length > 0) effects.events.push({ kind: 'job', record: this.job })
    else this.#snapshot.job = this.job
    this.#lagging.clear()
    this.#isJobLagging = false
  }

  /** What moved before the rules ran is written and told of with what they bring about. */
  #catchUpTask(execId: string, effects: Effects): void {
    const { template, numbers, steady, isMoved } = this.#tasksWritten.get(execId) as TaskWritten
    const record = withTaskNumbers((steady as SteadyTask).still, numbers)
    const exec = withOnlyTask(template.record, record)
    if (!isMoved) {
      this.execs.setUntraced(execId, exec)
      return
    }
    this.execs.set(execId, exec)
    effects.events.push({ kind: 'task', record })
  }

  /** What has moved since the trace began, and tells of it. @param lines log lines that came with it. Undefined: nothing has */
  takeMoves(lines: number, effects: Effects) {
    const [tasks, job] = [this.#moved, this.#jobWritten]
    if (this.#isRuled || job === undefined || tasks.length === 0) return undefined
    const { template, numbers } = job
    if (lines > 0) job.numbers = numbers.with(jobPlaceOf.tailNo, (numbers[jobPlaceOf.tailNo] as number) + lines)
    for (const task of tasks) effects.events.push(movedTask(task.steady as SteadyTask, task.numbers))
    effects.events.push(movedJob(template.record, job.numbers))
    return { tasks, job: { template, numbers: job.numbers } }
  }

  get jobTemplate(): Template<JobRecord> | undefined {
    return this.#jobWritten?.template
  }

  taskTemplate(execId: string): Template<ExecRecord> | undefined {
    return this.#tasksWritten.get(execId)?.template
  }

  /** The job's own record is being written so. */
  jobWritten({ template, numbers }: Written<JobRecord>): void {
    const known = this.#jobWritten
    if (known?.template === template) known.numbers = numbers
    else this.#jobWritten = { template, numbers, steady: undefined }
  }

  taskWritten(execId: string, { template, numbers }: Written<ExecRecord>): void {
    const known = this.#tasksWritten.get(execId)
    if (known?.template === template) known.numbers = numbers
    else this.#tasksWritten.set(execId, { execId, template, numbers, steady: undefined, isMoved: false })
  }

  /** Leaves only these tasks loaded. The job's own record may go on lagging behind what the others have moved. */
  keepTasks(execIds: ReadonlySet<string>): void {
    for (const execId of this.execs.keys()) {
      if (execIds.has(execId)) continue
      this.execs.delete(execId)
      this.#tasksWritten.delete(execId)
      this.#lagging.delete(execId)
    }
    for (const execId of this.older.keys()) if (!execIds.has(execId)) this.older.delete(execId)
  }
}

/** Stands for an empty list until something moves. */
const noneMoved: TaskWritten[] = []

const applied = Object.freeze({ outcome: 'applied' } as const)

function steadyTaskOf(written: LastWritten<ExecRecord, SteadyTask>, rules: JobRules): SteadyTask | null {
  if (written.steady === undefined) {
    const task = onlyTask(written.template.record)
    written.steady = (task === undefined ? undefined : SteadyTask.of(task, rules)) ?? null
  }
  return written.steady
}

function steadyJobOf(written: LastWritten<JobRecord, SteadyJob>): SteadyJob | null {
  if (written.steady === undefined) written.steady = SteadyJob.of(written.template.record) ?? null
  return written.steady
}
