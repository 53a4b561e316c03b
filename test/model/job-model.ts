/**
 * What a report does, once more: written from the contract's section 3 and the rules for engines that report, in memory,
 * with sets in place of ranges and with no thought of speed. The store must agree with it after any history.
 *
 * It knows numbered reports of engines that name their incarnation by a number, and no limits of what is remembered.
 */
import type { Outcome } from '../../src/report/report.ts'
import { isEnd, isOpen, type TaskStatus } from '../../src/report/status.ts'

export type ModelReport = {
  readonly jobId: string
  readonly execId: string
  readonly engine: string
  readonly incarnation: number
  readonly attempt: number
  readonly seq: number
  readonly status: Exclude<TaskStatus, 'lost'>
  readonly progress: number
  readonly cpuSeconds: number
  readonly engineSucceeded: number
  readonly lines: readonly string[]
}

export type ModelTimes = { readonly lostAfterMs: number; readonly gapTimeoutMs: number }

type Stream = { newest: number; readonly seen: Set<number>; readonly missing: Map<number, number> }

class ModelTask {
  readonly engine: string
  readonly attempt: number
  readonly streams = new Map<number, Stream>()
  readonly cpu = new Map<number, number>()
  status: TaskStatus = 'inited'
  beforeLost: TaskStatus = 'running'
  progress = 0
  hasRun = false
  isSuperseded = false
  lastReportAtMs = 0

  constructor(engine: string, attempt: number) {
    this.engine = engine
    this.attempt = attempt
  }

  get incarnation(): number {
    return Math.max(...this.streams.keys())
  }
}

type ModelExec = { attempt: number; readonly tasks: Map<string, ModelTask> }
type ModelEngine = {
  incarnation: number
  lastReportAtMs: number
  restarts: number
  restartedAtMs: number | undefined
  state: 'live' | 'lost'
  readonly succeeded: Map<number, number>
}

export class JobModel {
  readonly #times: ModelTimes
  readonly #jobs = new Map<string, Map<string, ModelExec>>()
  readonly #engines = new Map<string, ModelEngine>()
  readonly lines: string[] = []
  lost = 0
  reportsLost = 0

  constructor(times: ModelTimes) {
    this.#times = times
  }

  /** One report arrives. */
  send(report: ModelReport, nowMs: number): Outcome {
    const outcome = this.#judge(report, nowMs)
    this.#hear(report, nowMs)
    return outcome
  }

  #judge(report: ModelReport, nowMs: number): Outcome {
    const exec = this.#execOf(report)
    if (report.attempt > exec.attempt) this.#supersede(exec, report.attempt)
    const task = this.#taskOf(exec, report)
    const wasEnded = isEnd(task.status)
    const place = this.#place(task, report, nowMs)
    if (place === 'duplicate') return place
    this.lines.push(...report.lines.map((line) => `${report.jobId}|${report.execId}|INFO|${line}`))
    task.lastReportAtMs = nowMs
    if (place === 'newest' && !isEnd(task.status)) this.#apply(task, report)
    else if (place !== 'newest') this.#applyBehind(task, report, place)
    if (report.attempt < exec.attempt) return 'stale'
    if (place !== 'newest') return place
    return wasEnded ? 'closed' : 'applied'
  }

  #apply(task: ModelTask, report: ModelReport): void {
    if (task.status === 'lost') task.status = task.beforeLost
    task.status = report.status
    task.hasRun ||= report.status === 'running'
    this.#takeProgress(task, report)
    this.#takeCpu(task, report)
  }

  /** What only grows, and an end that was not known. */
  #applyBehind(task: ModelTask, report: ModelReport, place: 'late' | 'stale'): void {
    task.hasRun ||= report.status === 'running'
    this.#takeCpu(task, report)
    if (place === 'stale' || isEnd(task.status) || !isEnd(report.status)) return
    task.status = report.status
    this.#takeProgress(task, report)
  }

  #takeProgress(task: ModelTask, report: ModelReport): void {
    if (task.status === 'succeeded') task.progress = 1
    else if (!isEnd(task.status)) task.progress = Math.max(task.progress, Math.min(0.99, report.progress))
    else if (report.progress < 1) task.progress = Math.max(task.progress, report.progress)
  }

  #takeCpu(task: ModelTask, { incarnation, cpuSeconds }: ModelReport): void {
    task.cpu.set(incarnation, Math.max(task.cpu.get(incarnation) ?? 0, cpuSeconds))
  }

  #place(task: ModelTask, { incarnation, seq }: ModelReport, nowMs: number): 'newest' | 'late' | 'stale' | 'duplicate' {
    const isOld = task.streams.size > 0 && incarnation < task.incarnation
    const stream = task.streams.get(incarnation) ?? { newest: 0, seen: new Set(), missing: new Map() }
    task.streams.set(incarnation, stream)
    if (stream.seen.has(seq)) return 'duplicate'
    stream.seen.add(seq)
    stream.missing.delete(seq)
    const isAhead = seq > stream.newest
    for (let skipped = stream.newest + 1; skipped < seq; skipped++) stream.missing.set(skipped, nowMs)
    stream.newest = Math.max(stream.newest, seq)
    if (isOld) return 'stale'
    return isAhead ? 'newest' : 'late'
  }

  #supersede(exec: ModelExec, attempt: number): void {
    exec.attempt = attempt
    for (const task of exec.tasks.values()) task.isSuperseded = true
  }

  #execOf({ jobId, execId, attempt }: ModelReport): ModelExec {
    const job = this.#jobs.get(jobId) ?? new Map<string, ModelExec>()
    this.#jobs.set(jobId, job)
    const exec = job.get(execId) ?? { attempt, tasks: new Map() }
    job.set(execId, exec)
    return exec
  }

  #taskOf(exec: ModelExec, { engine, attempt }: ModelReport): ModelTask {
    const key = `${attempt} ${engine}`
    const task = exec.tasks.get(key) ?? new ModelTask(engine, attempt)
    exec.tasks.set(key, task)
    task.isSuperseded = attempt < exec.attempt
    return task
  }

  /** Liveness and counts of the engine: whatever became of the report. */
  #hear({ engine: name, incarnation, engineSucceeded }: ModelReport, nowMs: number): void {
    const engine = this.#engines.get(name) ?? {
      incarnation,
      lastReportAtMs: nowMs,
      restarts: 0,
      restartedAtMs: undefined,
      state: 'live' as const,
      succeeded: new Map<number, number>(),
    }
    this.#engines.set(name, engine)
    engine.succeeded.set(incarnation, Math.max(engine.succeeded.get(incarnation) ?? 0, engineSucceeded))
    if (incarnation < engine.incarnation) return
    if (incarnation > engine.incarnation) {
      engine.incarnation = incarnation
      engine.restarts += 1
      engine.restartedAtMs = nowMs
    }
    engine.lastReportAtMs = nowMs
    engine.state = 'live'
  }

  /** All that is due at this moment is done. */
  sweep(nowMs: number): void {
    for (const [name, engine] of this.#engines) {
      if (nowMs >= engine.lastReportAtMs + this.#times.lostAfterMs) engine.state = 'lost'
      for (const task of this.#presentTasks()) if (task.engine === name) this.#align(task, engine, nowMs)
    }
    for (const task of this.#allTasks()) {
      for (const { missing, seen } of task.streams.values()) {
        for (const [seq, openedAtMs] of [...missing]) {
          if (nowMs < openedAtMs + this.#times.gapTimeoutMs) continue
          missing.delete(seq)
          seen.add(seq)
          this.reportsLost += 1
        }
      }
    }
  }

  #align(task: ModelTask, engine: ModelEngine, nowMs: number): void {
    const { lostAfterMs } = this.#times
    const isOfOldStart = task.incarnation !== engine.incarnation
    if (engine.state === 'live' && !isOfOldStart && task.status === 'lost') task.status = task.beforeLost
    if (!isOpen(task.status)) return
    if (engine.state === 'live' && !isOfOldStart) return
    const sinceMs = engine.state === 'lost' ? engine.lastReportAtMs : (engine.restartedAtMs ?? 0)
    if (nowMs < Math.max(sinceMs, task.lastReportAtMs) + lostAfterMs) return
    task.beforeLost = task.status
    task.status = 'lost'
    this.lost += 1
  }

  *#allTasks(): Generator<ModelTask> {
    for (const job of this.#jobs.values()) for (const exec of job.values()) yield* exec.tasks.values()
  }

  *#presentTasks(): Generator<ModelTask> {
    for (const task of this.#allTasks()) if (!task.isSuperseded) yield task
  }

  /** All that the outside sees, in one value. */
  get seen() {
    return {
      jobs: Object.fromEntries([...this.#jobs].map(([jobId, execs]) => [jobId, jobSeen(execs)])),
      engines: Object.fromEntries(
        [...this.#engines].map(([name, { restarts, succeeded, state }]) => [
          name,
          { restarts, state, succeeded: [...succeeded.values()].reduce((sum, max) => sum + max, 0) },
        ]),
      ),
      totals: this.#totals(),
      lines: [...this.lines].sort(),
    }
  }

  #totals(): Record<string, number> {
    const totals: Record<string, number> = {}
    const count = (name: string, by = 1) => {
      totals[name] = (totals[name] ?? 0) + by
    }
    for (const task of this.#presentTasks()) if (isOpen(task.status)) count(`tasks ${task.status}`)
    for (const task of this.#allTasks()) if (isEnd(task.status)) count(`finished ${task.status}`)
    if (this.lost > 0) count('lost', this.lost)
    if (this.reportsLost > 0) count('reportsLost', this.reportsLost)
    return totals
  }

  /** Histogram counts, once no report is missing any more: every task that ran has waited, every one that ended has run. */
  get observed() {
    const tasks = [...this.#allTasks()].filter((task) => task.hasRun)
    return { queued: tasks.length, ended: tasks.filter((task) => isEnd(task.status)).length }
  }
}

const openOrder: readonly TaskStatus[] = ['running', 'suspended', 'waiting_for_retry', 'scheduled', 'inited']
const endOrder: readonly TaskStatus[] = ['failed', 'timed_out', 'lost', 'cancelled', 'succeeded']

function jobSeen(execs: ReadonlyMap<string, ModelExec>) {
  const present = [...execs.values()].flatMap((exec) => [...exec.tasks.values()].filter((task) => !task.isSuperseded))
  const statuses = new Set(present.map((task) => task.status))
  const status = [...openOrder, ...endOrder].find((each) => statuses.has(each)) ?? 'succeeded'
  const mean = present.reduce((sum, task) => sum + task.progress, 0) / present.length
  return {
    status,
    progress: Math.round((status === 'succeeded' ? 1 : mean) * 1e6) / 1e6,
    tasks: Object.fromEntries(
      [...execs].map(([execId, exec]) => [
        execId,
        Object.fromEntries(
          [...exec.tasks.values()]
            .filter((task) => !task.isSuperseded)
            .map((task) => [
              task.engine,
              { attempt: task.attempt, status: task.status, progress: task.progress, cpuSeconds: cpuOf(exec, task) },
            ]),
        ),
      ]),
    ),
  }
}

/** CPU time of a task on an engine goes on over its attempts there. */
function cpuOf(exec: ModelExec, { engine }: ModelTask): number {
  const own = [...exec.tasks.values()].filter((task) => task.engine === engine)
  return own.flatMap((task) => [...task.cpu.values()]).reduce((sum, max) => sum + max, 0)
}
