import type { MakeCarrier } from './carrier.ts'
import { Dispatch } from './dispatch.ts'
import type { EngineState } from './engine-state.ts'
import { type LogBudget, logLine } from './log-ring.ts'
import type { ReporterOptions, ReporterSettings } from './options.ts'
import type { Problems } from './problems.ts'
import { ProcessUsage } from './process-usage.ts'
import type { Reporter } from './reporter.ts'
import { ProgramBook } from './runtime/program-book.ts'
import type { Pull } from './runtime/pull.ts'
import { watchExit } from './signals.ts'
import type { ReporterStats } from './stats.ts'
import { inertTask, type Task, taskHandle } from './task.ts'
import { TaskBook } from './task-book.ts'
import { checkedTask, type TaskOptions, TaskState, taskKey } from './task-state.ts'
import { type Delivery, type EndStatus, isId, type TaskError, type TaskUpdate } from './wire.ts'

/** What the reporter of an engine is made of. */
export type EngineReporterParts = {
  readonly options: ReporterOptions
  readonly settings: ReporterSettings
  readonly problems: Problems
  readonly engine: EngineState
  readonly carrierOf: MakeCarrier
  /** Present where the reporter is fetched from. */
  readonly pull: Pull | undefined
  readonly incarnation: string
}

/** Reports the tasks and programs of one engine. */
export class EngineReporter {
  readonly #parts: EngineReporterParts
  readonly namespace: string | undefined
  readonly #usage = new ProcessUsage()
  readonly #tasks = new TaskBook()
  readonly #programs: ProgramBook
  readonly #dispatch: Dispatch
  readonly #logBudget: LogBudget
  readonly #unwatch: (() => void) | undefined
  #closing: Promise<boolean> | undefined
  #isOver = false
  #gaveUpAtExit = false

  constructor(parts: EngineReporterParts) {
    const { options, settings, problems, engine } = parts
    this.#parts = parts
    this.namespace = isId(options.namespace) ? options.namespace : undefined
    if (options.namespace !== undefined && this.namespace === undefined) {
      problems.tell('ARGUMENT_INVALID', 'namespace does not fit and is left out')
    }
    this.#programs = new ProgramBook({
      pull: parts.pull,
      namespace: this.namespace,
      incarnation: parts.incarnation,
      problems,
      taskOf: (given) => this.#task(given),
    })
    this.#logBudget = { usedBytes: 0, bytesMax: settings.allLogBytesMax }
    this.#dispatch = new Dispatch(
      {
        settings,
        problems,
        engine,
        usage: this.#usage,
        tasks: this.#tasks,
        namespace: this.namespace,
        measureUsage: options.measureUsage ?? true,
      },
      parts.carrierOf,
    )
    if (options.handleExit === false) return
    this.#unwatch = watchExit({
      atSignal: (signal, endsProcess) => this.#atSignal(signal, endsProcess),
      atExit: () => this.#atExit(),
    })
  }

  calls(): Omit<Reporter, 'instance' | 'incarnation'> {
    const { settings, pull } = this.#parts
    const { deliveryTimeoutMs } = settings
    const closeTimeoutMs = pull === undefined ? deliveryTimeoutMs : pull.run.settings.endGraceMs
    return {
      task: (options) => this.#task(options),
      program: (options) => this.#programs.open(options),
      runtime: pull?.run.calls(),
      flush: (timeoutMs = deliveryTimeoutMs) => this.#dispatch.drain(timeoutMs),
      close: (timeoutMs = closeTimeoutMs) => {
        this.#closing ??= this.#close(timeoutMs)
        return this.#closing
      },
      stats: () => this.#stats(),
    }
  }

  #task(given: TaskOptions): Task {
    return this.#parts.problems.guard(() => this.#open(given), inertTask({ jobId: undefined, execId: undefined }))
  }

  #open(given: TaskOptions): Task {
    const { problems, settings, engine } = this.#parts
    const options = checkedTask(given, this.namespace, problems)
    if (options === undefined) return inertTask({ jobId: given?.jobId, execId: given?.execId })
    const key = taskKey(options)
    const known = this.#tasks.get(key)
    if (known?.isReleased === true) return this.#takeBack(known, options)
    if (known !== undefined) {
      problems.tell('TASK_BEGUN_TWICE', `the task ${key} was begun twice; both are one`)
      return this.#handle(known)
    }
    if (this.#closing !== undefined || this.#tasks.size >= settings.tasksMax) {
      if (this.#closing !== undefined)
        problems.tell('CLOSED', 'a task was begun after the reporter was closed; it is not reported')
      else problems.tell('TOO_MANY_TASKS', `more than ${settings.tasksMax} tasks at once; further ones are not reported`)
      return inertTask(idsOf(options))
    }
    const seq = this.#tasks.lastSeq(key)
    if (seq > 0 && !this.#tasks.wasReleased(key))
      problems.tell('TASK_ENDED', `the task ${key} has ended before; starting it over needs a higher attempt`)
    const limits = { linesMax: settings.logLinesMax, bytesMax: settings.logBytesMax, budget: this.#logBudget }
    const measures = options.measureUsage ?? this.#parts.options.measureUsage ?? true
    const task = new TaskState(options, seq, measures ? this.#usage.cpuSeconds() : 0, limits, problems)
    engine.move(undefined, task.parts.status, performance.now())
    this.#dispatch.open(task)
    return this.#handle(task)
  }

  /** It was released a moment ago, and is this engine's again. */
  #takeBack(task: TaskState, options: TaskOptions): Task {
    task.isReleased = false
    task.parts.status = options.status ?? 'running'
    task.isDirty = true
    this.#parts.engine.move(undefined, task.parts.status, performance.now())
    this.#dispatch.open(task)
    return this.#handle(task)
  }

  #handle(task: TaskState): Task {
    const actions = {
      update: (news: TaskUpdate) => this.#update(task, news),
      log: (level: unknown, line: unknown, fields: unknown) => {
        if (this.#isOver) return
        this.#dispatch.log(task, logLine(level, line, fields, Date.now()))
      },
      release: () => this.#release(task),
      end: (status: EndStatus, error: TaskError | undefined, last: TaskUpdate | undefined) =>
        this.#end(task, status, error, last),
    }
    return taskHandle(idsOf(task.options), actions, this.#parts.problems)
  }

  #update(task: TaskState, news: TaskUpdate): void {
    if (this.#isOver || typeof news !== 'object' || news === null) return
    if (task.end !== undefined || task.isReleased) {
      this.#parts.problems.tell('TASK_ENDED', `news of ${task.key} came after its end`)
      return
    }
    const before = task.parts.status
    const hasMoved = task.parts.merge(news)
    if (hasMoved) this.#parts.engine.move(before, task.parts.status, performance.now())
    this.#dispatch.touch(task, hasMoved)
  }

  #release(task: TaskState): void {
    if (task.end !== undefined || task.isReleased || this.#isOver) return
    task.isReleased = true
    this.#parts.engine.move(task.parts.status, 'cancelled', performance.now())
    this.#dispatch.release(task)
  }

  #end(task: TaskState, status: EndStatus, error: TaskError | undefined, last: TaskUpdate | undefined): Promise<Delivery> {
    if (task.isReleased) {
      this.#parts.problems.tell('TASK_ENDED', `${task.key} was released and is not this engine's to end`)
      return Promise.resolve({ delivered: false, reason: 'released' })
    }
    if (task.end !== undefined) this.#parts.problems.tell('TASK_ENDED', `${task.key} was ended twice; the first end counts`)
    else if (!this.#isOver) {
      if (last !== undefined && last !== null) task.parts.merge({ ...last, status: undefined })
      task.end = { status, error }
      this.#parts.engine.move(task.parts.status, status, performance.now())
      this.#dispatch.end(task)
    }
    return this.#isOver ? task.delivery : withinMs(task.delivery, this.#parts.settings.deliveryTimeoutMs)
  }

  async #close(timeoutMs: number): Promise<boolean> {
    const { engine } = this.#parts
    engine.isLeaving = true
    if (this.#dispatch.hasSpoken) this.#dispatch.heartbeat()
    const hasArrived = await this.#deliver(timeoutMs)
    this.#isOver = true
    this.#unwatch?.()
    this.#dispatch.stop()
    await this.#parts.pull?.close()
    return hasArrived
  }

  /** Has everything sent or fetched; a run that has ended also waits for its shutdown. @returns whether that came about in time */
  async #deliver(timeoutMs: number): Promise<boolean> {
    const untilMs = performance.now() + timeoutMs
    const isDrained = await this.#dispatch.drain(timeoutMs)
    return (await this.#parts.pull?.ended(untilMs - performance.now())) === false ? false : isDrained
  }

  async #atSignal(signal: NodeJS.Signals, endsProcess: boolean): Promise<void> {
    const { options, engine, settings } = this.#parts
    if (endsProcess) engine.isLeaving = true
    if (endsProcess && options.onSignal !== 'leave') this.#cancelOpen(signal)
    await this.#deliver(settings.exitFlushMs)
  }

  #cancelOpen(signal: NodeJS.Signals): void {
    const error = { code: `SIGNAL_${signal}`, message: `the engine was ended by ${signal}` }
    for (const task of this.#tasks.all())
      if (task.end === undefined && !task.isReleased) void this.#end(task, 'cancelled', error, undefined)
    // What is pushed of a program is one of the tasks.
    if (this.#parts.pull !== undefined) this.#programs.cancelAll(error.message)
  }

  /** The process has nothing left to do; it is held up once, and only while there is something to say. */
  async #atExit(): Promise<void> {
    const { settings, pull } = this.#parts
    if (this.#gaveUpAtExit || !(this.#dispatch.hasNews || pull?.isAwaited === true)) return
    this.#gaveUpAtExit = !(await this.#deliver(pull === undefined ? settings.exitFlushMs : pull.run.settings.endGraceMs))
  }

  #stats(): ReporterStats {
    const { totals, outbox, carrier } = this.#dispatch
    let queuedLogLines = 0
    for (const task of this.#tasks.all()) queuedLogLines += task.lines.size
    return {
      ...totals,
      tasks: this.#tasks.size,
      queued: outbox.size,
      queuedBytes: outbox.bytes,
      queuedLogLines,
      requests: carrier.requests,
      retried: carrier.retries,
      isReachable: carrier.isReachable,
      problems: this.#parts.problems.counts(),
    }
  }
}

function idsOf(options: TaskOptions): { jobId: string | undefined; execId: string | undefined } {
  return { jobId: options.jobId, execId: options.execId ?? options.jobId }
}

/** What it resolves to, or undelivered after a while; holds the process until then and no longer. */
async function withinMs(delivery: Promise<Delivery>, timeoutMs: number): Promise<Delivery> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Delivery>((resolve) => {
    timer = setTimeout(() => resolve({ delivered: false, reason: 'timeout' }), timeoutMs)
  })
  const first = await Promise.race([delivery, late])
  clearTimeout(timer)
  return first
}
