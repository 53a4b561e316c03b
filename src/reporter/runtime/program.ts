import type { Problems } from '../problems.ts'
import type { Task } from '../task.ts'
import type { TaskOptions } from '../task-state.ts'
import type { Delivery, LogLevel } from '../wire.ts'

/** Statuses a program moves through while it is not over, in CDAP's words. */
export const programMoves = ['PENDING', 'STARTING', 'RUNNING', 'SUSPENDED', 'RESUMING', 'STOPPING'] as const
export type ProgramMove = (typeof programMoves)[number]
export type ProgramEnd = 'COMPLETED' | 'FAILED' | 'KILLED'

/** Which program a run is of. */
export type ProgramOptions = {
  readonly application: string
  /** e.g. `1.0` */
  readonly version?: string | undefined
  /** e.g. `Workflow`; in lower case it is the task type. */
  readonly type: string
  readonly program: string
  /** The job's id. Default: the runtime's, without one `<application>.<program>.<engine's incarnation>`. */
  readonly run?: string | undefined
  /** Where the run stands when it is first told of. Default `PENDING`. */
  readonly status?: ProgramMove | undefined
}

/** One run of a program: a job whose steps are tasks. No call throws. */
export type ProgramRun = {
  readonly run: string
  /** Says where the run stands. @param properties further facts for `program.status`, e.g. `{ 'logical.start.time': '...' }` */
  readonly move: (status: ProgramMove, properties?: Readonly<Record<string, string>>) => void
  /** A step of the run, reported like any task. */
  readonly task: (options: Omit<TaskOptions, 'jobId' | 'scope' | 'namespace'>) => Task
  /** Merged by top-level key. */
  readonly metadata: (news: Readonly<Record<string, unknown>>) => void
  /** Appended; equal entries once. */
  readonly lineage: (entries: readonly unknown[]) => void
  /** What steps hand to each other; merged by top-level key. */
  readonly workflowToken: (news: Readonly<Record<string, unknown>>) => void
  readonly log: (level: LogLevel, line: string, fields?: Readonly<Record<string, unknown>>) => void
  /** Ends the run. Resolves once that has arrived, or undelivered after a while; never rejects. */
  readonly finish: () => Promise<Delivery>
  readonly fail: (error?: unknown) => Promise<Delivery>
  readonly cancel: (reason?: string) => Promise<Delivery>
}

/** How what is said of a run is passed on: as messages that are fetched, or as reports of the job. */
export type ProgramVoice = {
  readonly move: (status: ProgramMove, properties: Readonly<Record<string, string>>) => void
  readonly metadata: (news: Readonly<Record<string, unknown>>) => void
  readonly lineage: (entries: readonly unknown[]) => void
  readonly workflowToken: (news: Readonly<Record<string, unknown>>) => void
  readonly log: (level: unknown, line: unknown, fields: unknown) => void
  readonly end: (status: ProgramEnd, error: unknown) => Promise<Delivery>
}

/** The handle a program holds: its arguments checked, nothing said after the end. @param onEnd called at the first end */
export function programHandle(
  run: string,
  voice: ProgramVoice,
  taskOf: (options: TaskOptions) => Task,
  problems: Problems,
  onEnd: () => void,
): ProgramRun {
  let delivery: Promise<Delivery> | undefined
  const say = (what: string, fits: boolean, tell: () => void) =>
    problems.guard(() => {
      if (delivery !== undefined) problems.tell('RUN_ENDED', `${what} of ${run} came after its end`)
      else if (fits) tell()
      else problems.tell('ARGUMENT_INVALID', `program: ${what} does not fit and is left out`)
    }, undefined)
  const end = (status: ProgramEnd, error: unknown): Promise<Delivery> => {
    if (delivery !== undefined) problems.tell('RUN_ENDED', `${run} was ended twice; the first end counts`)
    else {
      onEnd()
      delivery = problems.guard(() => voice.end(status, error), Promise.resolve({ delivered: false, reason: 'invalid' }))
    }
    return delivery
  }
  return {
    run,
    move: (status, properties = {}) => say('move', programMoves.includes(status), () => voice.move(status, properties)),
    task: (options) => taskOf({ ...options, jobId: run }),
    metadata: (news) => say('metadata', isRecord(news), () => voice.metadata(news)),
    lineage: (entries) => say('lineage', Array.isArray(entries), () => voice.lineage(entries)),
    workflowToken: (news) => say('workflowToken', isRecord(news), () => voice.workflowToken(news)),
    log: (level, line, fields) => say('log', true, () => voice.log(level, line, fields)),
    finish: () => end('COMPLETED', undefined),
    fail: (error) => end('FAILED', error),
    cancel: (reason) => end('KILLED', reason),
  }
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
