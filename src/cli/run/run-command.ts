import type { ChildProcess } from 'node:child_process'
import { hostname } from 'node:os'
import { basename } from 'node:path'
import type { Writable } from 'node:stream'
import { createReporter, type Problem, type Reporter, type ReporterSettings, type Task } from '../../reporter/index.ts'
import { ChildSignals, type Exit, exitOf, outputsEnd, type SignalSource, type Started, startCommand } from './child.ts'
import { type Ending, endingOf, startErrorText } from './ending.ts'
import { OutputLog, passOn } from './output.ts'
import { cpuSecondsOf, endedChildrenCpuTicks, ProcessTree } from './process-tree.ts'
import type { ProgressFinder } from './progress-finder.ts'

/** What is run and how it is reported. */
export type RunOptions = {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly url: string
  readonly token?: string | undefined
  readonly taskType: string
  readonly jobId: string
  readonly execId?: string | undefined
  readonly namespace?: string | undefined
  readonly attempt?: number | undefined
  /** Default `<host>:<pid>`. */
  readonly engineInstance?: string | undefined
  readonly attributes: Readonly<Record<string, string>>
  readonly timeoutMs?: number | undefined
  readonly killAfterMs: number
  /** How long the exit code is held back for the last report; a fifth of it where the aggregator never answered. */
  readonly waitMs: number
  readonly findProgress?: ProgressFinder | undefined
  /** False: the command keeps this process's own output, and none of it is logged. */
  readonly capturesOutput: boolean
  readonly isQuiet: boolean
  readonly isVerbose: boolean
  readonly settings?: Partial<ReporterSettings>
}

export type RunIo = { readonly stdout: Writable; readonly stderr: Writable; readonly onSignal: SignalSource }

const sampleMsMin = 1_000
/** Looking at all processes takes at most this share of the time. */
const sampleShare = 0.02
/** Output still in the pipes when the command has ended. */
const restOfOutputMs = 500
const logSettings: Partial<ReporterSettings> = { logLinesMax: 10_000, logBytesMax: 8 * 1024 * 1024 }

/**
 * Runs a command as a task. What the command reads, writes and leaves with is not changed, and does not depend on the aggregator.
 * @returns the exit code: the command's own, 128 + n for a signal, 124 when it timed out, 126 or 127 when it could not be started
 */
export async function runCommand(options: RunOptions, io: RunIo): Promise<number> {
  const problems: Problem[] = []
  const reporter = reporterOf(options, problems)
  const task = taskOf(options, reporter)
  if (options.isVerbose) io.stderr.write(`enginescope: job ${options.jobId}, reported to ${options.url}\n`)
  const log = new OutputLog(task, options.findProgress)
  const run = begin(options, io, log)
  const ticksBefore = endedChildrenCpuTicks()
  const sampler = new UsageSampler(run.child?.pid, task, log)
  const exit = await run.exit
  run.signals?.endLimit()
  const interrupt = interruptBy(io.onSignal)
  await Promise.race([run.closed, soon(restOfOutputMs)])
  log.end()
  sampler.stop(ticksBefore)
  const { passedOn, hasTimedOut = false } = run.signals ?? {}
  const ending = endingOf({ ...exit, passedOn, hasTimedOut, lastLines: log.lastErrors })
  if (exit.startError !== undefined) io.stderr.write(`enginescope run: ${startErrorText(exit.startError)}\n`)
  await Promise.race([reportEnd(reporter, task, ending, options.waitMs), interrupt.came])
  // Whoever was left behind by the command may still write; it must not meet a closed pipe.
  await Promise.race([run.closed, interrupt.came])
  run.release()
  log.end()
  const isDelivered = await reporter.close(interrupt.hasCome() ? 0 : deliveryMs(reporter, options.waitMs))
  run.signals?.stop()
  interrupt.stop()
  if (!isDelivered && !options.isQuiet) io.stderr.write(lossText(reporter, problems, options.url))
  return ending.exitCode
}

type Run = {
  readonly child?: ChildProcess
  readonly signals?: ChildSignals
  readonly exit: Promise<Exit>
  /** The command has ended and nobody holds its output any more. */
  readonly closed: Promise<void>
  /** Reads no more output. */
  readonly release: () => void
}

function begin(options: RunOptions, io: RunIo, log: OutputLog): Run {
  let started: Started
  try {
    started = startCommand(options.command, options.env, options.capturesOutput)
  } catch (error) {
    const startError = error instanceof Error ? error : new Error(String(error))
    return { exit: Promise.resolve({ code: null, signal: null, startError }), closed: Promise.resolve(), release: () => {} }
  }
  const { child, outputs } = started
  const exit = exitOf(child)
  const signals = new ChildSignals(child, io.onSignal, options.killAfterMs)
  if (options.timeoutMs !== undefined) signals.limit(options.timeoutMs)
  const closed = outputsEnd(outputs)
  if (outputs !== undefined) {
    passOn(outputs.stdout, io.stdout, (chunk) => log.push('stdout', chunk))
    passOn(outputs.stderr, io.stderr, (chunk) => log.push('stderr', chunk))
  }
  const release = () => {
    outputs?.stdout.destroy()
    outputs?.stderr.destroy()
  }
  return { child, signals, exit, closed, release }
}

function reporterOf(options: RunOptions, problems: Problem[]): Reporter {
  const { url, token, namespace, engineInstance } = options
  return createReporter({
    url,
    token,
    namespace,
    engine: { engineType: 'command', node: hostname(), ...(engineInstance === undefined ? {} : { instance: engineInstance }) },
    taskLimit: 1,
    measureUsage: false,
    handleExit: false,
    onProblem: (problem) => problems.push(problem),
    settings: { ...logSettings, ...options.settings },
  })
}

function taskOf(options: RunOptions, reporter: Reporter): Task {
  const { jobId, execId, taskType, attempt } = options
  const task = reporter.task({ jobId, execId, taskType, attempt })
  // Arguments are left out: they are where passwords are.
  task.update({ attributes: { command: basename(options.command[0] ?? ''), ...options.attributes } })
  return task
}

async function reportEnd(reporter: Reporter, task: Task, ending: Ending, waitMs: number): Promise<void> {
  const attributes = { exitCode: ending.exitCode }
  const end = task.finish(ending.status, { attributes, ...(ending.error === undefined ? {} : { error: ending.error }) })
  await Promise.race([end, soon(deliveryMs(reporter, waitMs))])
}

/** An aggregator that never answered holds the exit code back for a shorter time. */
function deliveryMs(reporter: Reporter, waitMs: number): number {
  return reporter.stats().isReachable === false && reporter.stats().sent === 0 ? waitMs / 5 : waitMs
}

function lossText(reporter: Reporter, problems: readonly Problem[], url: string): string {
  const { dropped, logLinesDropped } = reporter.stats()
  const why = problems.at(-1)?.message ?? 'no answer in time'
  return `enginescope: not everything was reported to ${url}: ${dropped} reports and ${logLinesDropped} log lines lost; ${why}\n`
}

/** Samples CPU and memory of the command's processes for its task. */
class UsageSampler {
  readonly #tree: ProcessTree | undefined
  readonly #task: Task
  readonly #log: OutputLog
  #peakBytes = 0
  #cpuSeconds = 0
  #timer: NodeJS.Timeout | undefined

  constructor(pid: number | undefined, task: Task, log: OutputLog) {
    this.#tree = pid === undefined ? undefined : new ProcessTree(pid)
    this.#task = task
    this.#log = log
    this.#timer = setTimeout(() => this.#tick(), sampleMsMin / 10)
  }

  /** The command has ended: the system now tells exactly what it and all its waited-for children used. */
  stop(ticksBefore: number | undefined): void {
    clearTimeout(this.#timer)
    const ticksNow = endedChildrenCpuTicks()
    const exactSeconds = ticksNow === undefined || ticksBefore === undefined ? 0 : cpuSecondsOf(ticksNow - ticksBefore)
    const cpuSeconds = Math.max(this.#cpuSeconds, exactSeconds)
    if (ticksNow !== undefined) this.#task.update({ usage: { cpuSeconds } })
    if (this.#peakBytes > 0) this.#task.update({ attributes: { peakMemoryBytes: this.#peakBytes } })
  }

  #tick(): void {
    const begunMs = performance.now()
    const usage = this.#tree?.sample()
    const tookMs = performance.now() - begunMs
    if (usage !== undefined && usage.processes > 0) {
      this.#cpuSeconds = usage.cpuSeconds
      this.#peakBytes = Math.max(this.#peakBytes, usage.memoryBytes)
      this.#task.update({ usage: { cpuSeconds: usage.cpuSeconds, memoryBytes: usage.memoryBytes } })
    }
    this.#log.tick()
    this.#timer = setTimeout(() => this.#tick(), Math.max(sampleMsMin, tookMs / sampleShare))
  }
}

function soon(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}

type Interrupt = { readonly came: Promise<void>; readonly hasCome: () => boolean; readonly stop: () => void }

/** A signal that comes when the command has already ended: do not wait any longer. */
function interruptBy(listen: SignalSource): Interrupt {
  let hasCome = false
  let stops: (() => void)[] = []
  const came = new Promise<void>((resolve) => {
    const end = () => {
      hasCome = true
      resolve()
    }
    stops = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => listen(signal, end))
  })
  return {
    came,
    hasCome: () => hasCome,
    stop: () => {
      for (const stop of stops) stop()
    },
  }
}
