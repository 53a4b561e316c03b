import { type Problem, Problems, textOf } from '../problems.ts'
import { isId } from '../wire.ts'
import { nextEpoch } from './epoch.ts'
import { type HandlerStats, type RuntimeHandler, runtimeHandler } from './handler.ts'
import { type Listening, type ListenOptions, listen } from './listen.ts'
import { MessageLog, type MessageLogStats } from './message-log.ts'
import type { Monitor } from './request.ts'
import { type RuntimeSettings, runtimeSettingsFrom } from './settings.ts'
import { topicNames, topicsFrom } from './topics.ts'

/** What `createRuntime` takes. */
export type RuntimeOptions = {
  /** The run, e.g. `run-7f3c`: also the job's id, and its engine's name. 1..200 characters out of `A-Z a-z 0-9 . _ : @ / -`. */
  readonly runtimeId: string
  /** Topics beside the standard ones, and partitions: `['task.running:2', 'audit']`. */
  readonly topics?: readonly string[] | undefined
  /** Bearer token that monitors need. */
  readonly token?: string | undefined
  /** Where to listen; `false`: nowhere, `handler` is mounted into a server of the program's own. */
  readonly listen?: ListenOptions | false | undefined
  /** Keeps the epoch between starts of the same run, for machines whose clock may be set back. */
  readonly epochFile?: string | undefined
  /** A monitor has all messages, the end of the run too. */
  readonly onShutdown?: (() => void) | undefined
  /** Somebody asked for the run to be stopped. Default: SIGTERM to this process, as it would be stopped otherwise. */
  readonly onKill?: (() => void) | undefined
  /** Told once per code. Default: a process warning. */
  readonly onProblem?: ((problem: Problem) => void) | undefined
  readonly settings?: Partial<RuntimeSettings> | undefined
}

export type RuntimeStats = MessageLogStats &
  Readonly<HandlerStats> & {
    /** Who fetched last, as it says itself. */
    readonly monitor: Monitor | undefined
    readonly problems: Readonly<Record<string, number>>
  }

/** The messages of one run of a program, to be fetched. No call throws. */
export type Runtime = {
  readonly runtimeId: string
  /** 13 digits of milliseconds: which log this is. A restarted runtime has a higher one. */
  readonly epoch: string
  /** As a registration names them. */
  readonly topics: readonly string[]
  /** The address it listens at; undefined where it does not. */
  readonly listening: Promise<string | undefined>
  /** For `http.createServer(handler)` or `app.use(handler)`. */
  readonly handler: RuntimeHandler
  /** Publishes a message. @param key all messages of one key go to one partition. @returns its id; undefined where it was refused */
  readonly publish: (topic: string, message: unknown, key?: string) => string | undefined
  /** Waits until a monitor has asked for the shutdown; default 60 s. @returns whether one has */
  readonly ended: (timeoutMs?: number) => Promise<boolean>
  /** Stops listening. What was not fetched is gone. */
  readonly close: () => Promise<void>
  readonly stats: () => RuntimeStats
}

/**
 * Makes the runtime side of a run that is fetched from.
 *
 * What does not fit is told to `onProblem`; a program never fails by it.
 *
 * @example
 * const runtime = createRuntime({ runtimeId: 'run-7f3c', listen: { portFile: '/run/etl/port' } })
 * runtime.publish('logs', { ts: Date.now(), level: 'INFO', line: 'Starting workflow daily' })
 * await runtime.ended()
 * await runtime.close()
 */
export function createRuntime(options: RuntimeOptions): Runtime {
  return new RunLog(options, new Problems(options?.onProblem)).calls()
}

/** The run's messages with everything that serves them; the reporter publishes into it. */
export class RunLog {
  readonly runtimeId: string
  readonly topics: readonly string[]
  readonly settings: RuntimeSettings
  readonly log: MessageLog
  readonly listening: Promise<string | undefined>
  readonly handler: RuntimeHandler & { stats: HandlerStats }
  /** Called after each fetch, when messages may have arrived, and after the shutdown. */
  onFetched: () => void = () => {}
  readonly #problems: Problems
  readonly #server: Promise<Listening | undefined>
  readonly #shutdownWaiters = new Set<() => void>()
  isShutDown = false
  #monitor: Monitor | undefined

  constructor(options: RuntimeOptions, problems: Problems) {
    this.#problems = problems
    this.settings = runtimeSettingsFrom(options.settings, problems)
    this.runtimeId = runtimeIdFrom(options.runtimeId, problems)
    const topics = topicsFrom(options.topics, problems)
    this.topics = topicNames(topics)
    const epoch = nextEpoch(Date.now(), options.epochFile, problems)
    this.log = new MessageLog(epoch, topics, this.settings, problems)
    this.handler = runtimeHandler({
      runtimeId: this.runtimeId,
      log: this.log,
      settings: this.settings,
      problems,
      token: options.token,
      onShutdown: () => this.#shutDown(options.onShutdown),
      onKill: options.onKill ?? (() => void process.kill(process.pid, 'SIGTERM')),
      onFetch: (monitor) => this.#fetched(monitor),
    })
    this.#server = options.listen === false ? Promise.resolve(undefined) : this.#listen(options.listen ?? {}, options.token)
    this.listening = this.#server.then((server) => server?.url)
  }

  calls(): Runtime {
    return {
      runtimeId: this.runtimeId,
      epoch: this.log.epoch,
      topics: this.topics,
      listening: this.listening,
      handler: this.handler,
      publish: (topic, message, key) => this.#problems.guard(() => this.log.write(topic, message, key), undefined),
      ended: (timeoutMs = this.settings.endGraceMs) => this.ended(timeoutMs),
      close: () => this.close(),
      stats: () => this.stats(),
    }
  }

  /** Holds the process until a monitor has asked for the shutdown, and no longer than this. */
  async ended(timeoutMs: number): Promise<boolean> {
    if (this.isShutDown) return true
    return new Promise((resolve) => {
      const give = () => {
        clearTimeout(timer)
        this.#shutdownWaiters.delete(give)
        resolve(this.isShutDown)
      }
      const timer = setTimeout(give, timeoutMs)
      this.#shutdownWaiters.add(give)
    })
  }

  async close(): Promise<void> {
    const server = await this.#server
    await server?.close()
    for (const give of this.#shutdownWaiters) give()
  }

  stats(): RuntimeStats {
    return { ...this.log.stats(), ...this.handler.stats, monitor: this.#monitor, problems: this.#problems.counts() }
  }

  async #listen(options: ListenOptions, token: string | undefined): Promise<Listening | undefined> {
    try {
      return await listen(this.handler, options, token, this.settings)
    } catch (error) {
      const code = error instanceof Error && 'code' in error && error.code === 'BIND_REFUSED' ? 'BIND_REFUSED' : 'NOT_LISTENING'
      this.#problems.tell(code, `the runtime cannot be fetched from: ${textOf(error)}`)
      return undefined
    }
  }

  #fetched(monitor: Monitor | undefined): void {
    this.#monitor = monitor ?? this.#monitor
    setImmediate(() => this.#problems.guard(this.onFetched, undefined))
  }

  #shutDown(tell: (() => void) | undefined): void {
    this.isShutDown = true
    for (const give of this.#shutdownWaiters) give()
    this.#problems.guard(this.onFetched, undefined)
    tell?.()
  }
}

function runtimeIdFrom(given: unknown, problems: Problems): string {
  if (isId(given)) return given
  problems.tell('ARGUMENT_INVALID', 'runtimeId does not fit; a name of this process is used')
  return `runtime-${process.pid}`
}
