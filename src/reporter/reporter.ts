import { Dispatch } from './dispatch.ts'
import { EngineState } from './engine-state.ts'
import { type LogBudget, logLine } from './log-ring.ts'
import { engineFacts, type ReporterOptions, type ReporterSettings, reportRoute, settingsFrom } from './options.ts'
import { Problems } from './problems.ts'
import { ProcessUsage } from './process-usage.ts'
import { watchExit } from './signals.ts'
import { noTotals, type ReporterStats } from './stats.ts'
import { inertTask, type Task, taskHandle } from './task.ts'
import { TaskBook } from './task-book.ts'
import { checkedTask, type TaskOptions, TaskState, taskKey } from './task-state.ts'
import { httpTransport, type Transport } from './transport.ts'
import { type Delivery, type EndStatus, isId, type TaskError, type TaskUpdate } from './wire.ts'

/** Reports the tasks of one engine. No call throws. */
export type Reporter = {
  /** The engine's name and the one word for this start of it. */
  readonly instance: string
  readonly incarnation: string
  /** Begins to report a task. Asked for a task that is open already, it gives that one. */
  readonly task: (options: TaskOptions) => Task
  /** Sends everything that was said. Resolves whether all of it arrived in time; default 30 s. */
  readonly flush: (timeoutMs?: number) => Promise<boolean>
  /** Flushes, says that the engine leaves, and stops. Open tasks are left as they are. Resolves whether all of it arrived. */
  readonly close: (timeoutMs?: number) => Promise<boolean>
  readonly stats: () => ReporterStats
}

/**
 * Makes the reporter of an engine.
 *
 * A wrong or missing `url` makes one that does nothing and says so to `onProblem`: reporting never stops an engine.
 *
 * @example
 * const scope = createReporter({ url: 'http://127.0.0.1:7717', engine: { engineType: 'spark' } })
 * const task = scope.task({ jobId: '48213', taskType: 'sql' })
 * task.update({ progress: 0.4 })
 * await task.finish()
 */
export function createReporter(options: ReporterOptions): Reporter {
  const problems = new Problems(options?.onProblem)
  const settings = settingsFrom(options?.settings, problems)
  const route = reportRoute(options?.url)
  const facts = engineFacts(options?.engine, problems)
  const names = { instance: facts.instance, incarnation: facts.incarnation }
  if (route === undefined) {
    problems.tell('URL_INVALID', 'the reporter has no usable url and reports nothing')
    return disabledReporter(names, problems)
  }
  const transport = httpTransport(route, options.token, settings.requestTimeoutMs)
  const engine = new EngineState(
    facts,
    countOf('taskLimit', options.taskLimit, problems),
    performance.now(),
    countOf('pendingTasks', options.pendingTasks, problems),
  )
  return { ...names, ...new EngineReporter({ options, settings, problems, engine, transport }).calls() }
}

type EngineReporterParts = {
  readonly options: ReporterOptions
  readonly settings: ReporterSettings
  readonly problems: Problems
  readonly engine: EngineState
  readonly transport: Transport
}

class EngineReporter {
  readonly #parts: EngineReporterParts
  readonly #namespace: string | undefined
  readonly #usage = new ProcessUsage()
  readonly #tasks = new TaskBook()
  readonly #dispatch: Dispatch
  readonly #logBudget: LogBudget
  readonly #unwatch: (() => void) | undefined
  #closing: Promise<boolean> | undefined
  #isOver = false
  #gaveUpAtExit = false

  constructor(parts: EngineReporterParts) {
    const { options, settings, problems, engine } = parts
    this.#parts = parts
    this.#namespace = isId(options.namespace) ? options.namespace : undefined
    if (options.namespace !== undefined && this.#namespace === undefined) {
      problems.tell('ARGUMENT_INVALID', 'namespace does not fit and is left out')
    }
    this.#logBudget = { usedBytes: 0, bytesMax: settings.allLogBytesMax }
    this.#dispatch = new Dispatch(
      {
        settings,
        problems,
        engine,
        usage: this.#usage,
        tasks: this.#tasks,
        namespace: this.#namespace,
        measureUsage: options.measureUsage ?? true,
      },
      parts.transport,
    )
    if (options.handleExit === false) return
    this.#unwatch = watchExit({
      atSignal: (signal, endsProcess) => this.#atSignal(signal, endsProcess),
      atExit: () => this.#atExit(),
    })
  }

  calls(): Pick<Reporter, 'task' | 'flush' | 'close' | 'stats'> {
    const { problems, settings } = this.#parts
    const { deliveryTimeoutMs } = settings
    return {
      task: (options) => problems.guard(() => this.#open(options), inertTask({ jobId: undefined, execId: undefined })),
      flush: (timeoutMs = deliveryTimeoutMs) => this.#dispatch.drain(timeoutMs),
      close: (timeoutMs = deliveryTimeoutMs) => {
        this.#closing ??= this.#close(timeoutMs)
        return this.#closing
      },
      stats: () => this.#stats(),
    }
  }

  #open(given: TaskOptions): Task {
    const { problems, settings, engine } = this.#parts
    const options = checkedTask(given, this.#namespace, problems)
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
    const task = new TaskState(options, seq, this.#usage.cpuSeconds(), limits, problems)
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
    const isDrained = await this.#dispatch.drain(timeoutMs)
    this.#isOver = true
    this.#unwatch?.()
    this.#dispatch.stop()
    return isDrained
  }

  async #atSignal(signal: NodeJS.Signals, endsProcess: boolean): Promise<void> {
    const { options, engine, settings } = this.#parts
    if (endsProcess) {
      engine.isLeaving = true
      if (options.onSignal !== 'leave') {
        const error = { code: `SIGNAL_${signal}`, message: `the engine was ended by ${signal}` }
        for (const task of this.#tasks.all())
          if (task.end === undefined && !task.isReleased) void this.#end(task, 'cancelled', error, undefined)
      }
    }
    await this.#dispatch.drain(settings.exitFlushMs)
  }

  /** The process has nothing left to do; it is held up once, and only while there is something to say. */
  async #atExit(): Promise<void> {
    if (this.#gaveUpAtExit || !this.#dispatch.hasNews) return
    this.#gaveUpAtExit = !(await this.#dispatch.drain(this.#parts.settings.exitFlushMs))
  }

  #stats(): ReporterStats {
    const { totals, outbox, sender } = this.#dispatch
    let queuedLogLines = 0
    for (const task of this.#tasks.all()) queuedLogLines += task.lines.size
    return {
      ...totals,
      tasks: this.#tasks.size,
      queued: outbox.size,
      queuedBytes: outbox.bytes,
      queuedLogLines,
      requests: sender.requests,
      retried: sender.retries,
      isReachable: sender.isReachable,
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

function countOf(name: string, given: number | (() => number) | undefined, problems: Problems): () => number | undefined {
  return () => {
    const count = typeof given === 'function' ? problems.guard(given, undefined) : given
    if (count === undefined || (Number.isInteger(count) && count >= 0)) return count
    problems.tell('ARGUMENT_INVALID', `${name} is not a whole number and is left out`)
    return undefined
  }
}

function disabledReporter(names: { instance: string; incarnation: string }, problems: Problems): Reporter {
  const idle = { tasks: 0, queued: 0, queuedBytes: 0, queuedLogLines: 0, requests: 0, retried: 0, isReachable: undefined }
  return {
    ...names,
    task: (options) => inertTask({ jobId: options?.jobId, execId: options?.execId }),
    flush: () => Promise.resolve(false),
    close: () => Promise.resolve(false),
    stats: () => ({ ...noTotals(), ...idle, problems: problems.counts() }),
  }
}
