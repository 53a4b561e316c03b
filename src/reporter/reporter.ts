import type { MakeCarrier } from './carrier.ts'
import { EngineReporter } from './engine-reporter.ts'
import { EngineState } from './engine-state.ts'
import { engineFacts, type ReporterOptions, type ReporterSettings, reportRoute, settingsFrom } from './options.ts'
import { Problems } from './problems.ts'
import { type ProgramOptions, type ProgramRun, programHandle } from './runtime/program.ts'
import { Pull } from './runtime/pull.ts'
import { jobOptionsOf, pushedProgram } from './runtime/pushed-program.ts'
import type { Runtime } from './runtime/runtime.ts'
import { Sender } from './sender.ts'
import { noTotals, type ReporterStats } from './stats.ts'
import { inertTask, type Task } from './task.ts'
import type { TaskOptions } from './task-state.ts'
import { httpTransport } from './transport.ts'

/** Reports the tasks of one engine. No call throws. */
export type Reporter = {
  /** The engine's name and the one word for this start of it. */
  readonly instance: string
  readonly incarnation: string
  /** Begins to report a task. Asked for a task that is open already, it gives that one. */
  readonly task: (options: TaskOptions) => Task
  /** Begins to report a run of a program: one job whose steps are tasks. */
  readonly program: (options: ProgramOptions) => ProgramRun
  /** What is fetched from; with `mode: 'pull'` only. */
  readonly runtime: Runtime | undefined
  /** Sends everything that was said. Resolves whether all of it arrived in time; default 30 s. */
  readonly flush: (timeoutMs?: number) => Promise<boolean>
  /**
   * Flushes, says that the engine leaves, and stops. Open tasks are left as they are. Resolves whether all of it arrived.
   * With `pull`, where a program has ended, it stays until a monitor has asked for the shutdown; default at most 60 s.
   */
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
  const pull = options?.mode === 'pull' ? new Pull(options, problems) : undefined
  const route = reportRoute(options?.url)
  const facts = engineFacts(options?.engine, problems, pull?.identity)
  const names = { instance: facts.instance, incarnation: facts.incarnation }
  if (route === undefined && pull === undefined) {
    problems.tell('URL_INVALID', 'the reporter has no usable url and reports nothing')
    return disabledReporter(names, problems)
  }
  const engine = new EngineState(
    facts,
    countOf('taskLimit', options.taskLimit, problems),
    performance.now(),
    countOf('pendingTasks', options.pendingTasks, problems),
  )
  const chosen = pull?.settingsFrom(settings) ?? settings
  const carrierOf = pull?.carrierOf ?? senderTo(route as URL, options.token, settings, problems)
  const reporter = new EngineReporter({
    options,
    settings: chosen,
    problems,
    engine,
    carrierOf,
    pull,
    incarnation: names.incarnation,
  })
  void pull?.register(reporter.namespace, facts.engineType)
  return { ...names, ...reporter.calls() }
}

function senderTo(route: URL, token: string | undefined, settings: ReporterSettings, problems: Problems): MakeCarrier {
  return (source) => new Sender(source, httpTransport(route, token, settings.requestTimeoutMs), settings, problems)
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
  const task = (options: TaskOptions) => inertTask({ jobId: options?.jobId, execId: options?.execId })
  return {
    ...names,
    task,
    program: (options) => {
      const run = options?.run ?? 'disabled'
      return programHandle(run, pushedProgram(task(jobOptionsOf(run, options)), options, problems), task, problems, () => {})
    },
    runtime: undefined,
    flush: () => Promise.resolve(false),
    close: () => Promise.resolve(false),
    stats: () => ({ ...noTotals(), ...idle, problems: problems.counts() }),
  }
}
