import type { Problems } from '../problems.ts'
import type { Task } from '../task.ts'
import type { TaskOptions } from '../task-state.ts'
import { fetchedProgram } from './fetched-program.ts'
import { type ProgramOptions, type ProgramRun, type ProgramVoice, programHandle, programMoves } from './program.ts'
import type { Pull } from './pull.ts'
import { jobOptionsOf, pushedProgram } from './pushed-program.ts'

/** What programs are reported with. */
export type ProgramBookParts = {
  readonly pull: Pull | undefined
  readonly namespace: string | undefined
  /** Of the engine; names runs that name none. */
  readonly incarnation: string
  readonly problems: Problems
  readonly taskOf: (options: TaskOptions) => Task
}

/** The runs of programs that a reporter knows. */
export class ProgramBook {
  readonly #parts: ProgramBookParts
  readonly #open = new Set<ProgramRun>()

  constructor(parts: ProgramBookParts) {
    this.#parts = parts
  }

  open(given: ProgramOptions): ProgramRun {
    const { pull, incarnation, problems, taskOf } = this.#parts
    const options = checkedProgram(given, problems)
    const run = options.run ?? pull?.run.runtimeId ?? wordOf(`${options.application}.${options.program}.${incarnation}`)
    const handle = programHandle(run, this.#voiceOf(run, options), taskOf, problems, () => {
      this.#open.delete(handle)
      if (pull !== undefined && run === pull.run.runtimeId) pull.isEnding = true
    })
    this.#open.add(handle)
    return handle
  }

  /** Ends the runs that are open because their process is ended. */
  cancelAll(reason: string): void {
    for (const run of this.#open) void run.cancel(reason)
  }

  #voiceOf(run: string, options: ProgramOptions): ProgramVoice {
    const { pull, namespace, problems, taskOf } = this.#parts
    if (pull === undefined) return pushedProgram(taskOf(jobOptionsOf(run, options)), options, problems)
    const voice = fetchedProgram(pull.run.log, namespace ?? 'default', run, options)
    voice.move(options.status ?? 'PENDING', {})
    return voice
  }
}

function checkedProgram(given: ProgramOptions, problems: Problems): ProgramOptions {
  const { application, version, type, program, run, status } = given ?? {}
  const textOf = (name: string, value: unknown) => {
    if (typeof value === 'string' && value !== '') return value.slice(0, 200)
    problems.tell('ARGUMENT_INVALID', `program: ${name} does not fit; "unknown" is used`)
    return 'unknown'
  }
  const isMove = status !== undefined && programMoves.includes(status)
  if (status !== undefined && !isMove) problems.tell('ARGUMENT_INVALID', 'program: status does not fit and is left out')
  return {
    application: textOf('application', application),
    type: wordOf(textOf('type', type)),
    program: textOf('program', program),
    ...(version === undefined ? {} : { version: textOf('version', version) }),
    ...(run === undefined ? {} : { run: wordOf(textOf('run', run)) }),
    ...(isMove ? { status } : {}),
  }
}

/** A text that can be an id. */
function wordOf(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._:@/-]/g, '_').slice(0, 200)
}
