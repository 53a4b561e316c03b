import { TaskParts } from './coalesce.ts'
import { type LogLine, LogRing, type LogRingLimits } from './log-ring.ts'
import type { Problems } from './problems.ts'
import { type Delivery, type EndStatus, isId, type OpenStatus, openStatuses, type TaskError } from './wire.ts'

/** Who a task is. One of `jobId` and `execId` is needed; a missing one is left to the other. */
export type TaskOptions = {
  readonly jobId?: string | undefined
  /** Default: `jobId`. Without a `jobId` the aggregator makes `<engine instance>/<execId>`. */
  readonly execId?: string | undefined
  /** Default `generic`. */
  readonly taskType?: string | undefined
  /** Default: the reporter's. */
  readonly namespace?: string | undefined
  /** Counted from 1; only a higher one starts a task over. */
  readonly attempt?: number | undefined
  /** Where the task stands when it begins. Default `running`. */
  readonly status?: OpenStatus | undefined
  /** `job`: speaks for the whole job, not for one of its tasks. */
  readonly scope?: 'task' | 'job' | undefined
  /** Default: the reporter's. */
  readonly measureUsage?: boolean | undefined
}

/** Everything the reporter holds of one task until its end has arrived. */
export class TaskState {
  readonly options: TaskOptions
  /** One text per (scope, namespace, job, exec, attempt): what sequence numbers are counted by. */
  readonly key: string
  readonly identityJson: string
  readonly parts: TaskParts
  readonly lines: LogRing
  readonly startCpuSeconds: number
  readonly delivery: Promise<Delivery>
  /** The newest sequence number given out. */
  seq: number
  end: { readonly status: EndStatus; readonly error: TaskError | undefined } | undefined
  /** Something was said since the last report was written. */
  isDirty = true
  /** The next report carries every part, also those that did not change. */
  needsEverything = true
  /** Parts are left out: a final report that was rejected is sent once more without them. */
  isBare = false
  isSettled = false
  /** Another engine goes on with it: forgotten here as soon as what was said has arrived. */
  isReleased = false
  lastWrittenMs = Number.NEGATIVE_INFINITY
  lastLinesMs = Number.NEGATIVE_INFINITY
  /** Resolves `delivery`; only the first call counts. */
  settle: (delivery: Delivery) => void

  constructor(options: TaskOptions, seq: number, startCpuSeconds: number, logLimits: LogRingLimits, problems: Problems) {
    this.options = options
    this.key = taskKey(options)
    this.identityJson = identityOf(options)
    this.seq = seq
    this.startCpuSeconds = startCpuSeconds
    this.parts = new TaskParts(options.status ?? 'running', problems)
    this.lines = new LogRing(logLimits)
    let settle: (delivery: Delivery) => void = () => {}
    this.delivery = new Promise((resolve) => {
      settle = resolve
    })
    this.settle = settle
  }

  /** Whether there is something that no report carries yet. */
  get hasNews(): boolean {
    return this.isDirty || this.lines.size > 0
  }
}

/** See `TaskState.key`. */
export function taskKey(options: TaskOptions): string {
  const { scope, namespace, jobId, execId, attempt } = options
  return JSON.stringify([scope ?? 'task', namespace ?? '', jobId ?? '', execId ?? jobId, attempt ?? 1])
}

function identityOf(options: TaskOptions): string {
  const { namespace, jobId, execId, taskType, attempt, scope } = options
  const identity = {
    namespace,
    jobId,
    execId: execId ?? jobId,
    taskType,
    attempt: attempt ?? 1,
    scope: scope === 'job' ? scope : undefined,
  }
  return JSON.stringify(identity).slice(1, -1)
}

/** Lines of a report that was written before, read back from its bytes. */
export function linesOf(bytes: Buffer): LogLine[] {
  const report: unknown = JSON.parse(bytes.toString('utf8'))
  return typeof report === 'object' && report !== null && 'logs' in report ? (report.logs as LogLine[]) : []
}

/** The options with the reporter's namespace, without what does not fit; undefined where no task can be made of them. */
export function checkedTask(given: TaskOptions, namespace: string | undefined, problems: Problems): TaskOptions | undefined {
  const { jobId, execId, taskType, attempt, status } = given
  const refuse = (name: string): undefined => {
    problems.tell('ARGUMENT_INVALID', `task: ${name} does not fit; the task is not reported`)
    return undefined
  }
  if (jobId === undefined && execId === undefined) return refuse('jobId')
  for (const [name, id] of Object.entries({ jobId, execId, taskType, namespace: given.namespace })) {
    if (id !== undefined && !isId(id)) return refuse(name)
  }
  if (attempt !== undefined && !(Number.isSafeInteger(attempt) && attempt >= 1)) return refuse('attempt')
  if (status !== undefined && !openStatuses.includes(status)) return refuse('status')
  return { ...given, namespace: given.namespace ?? namespace }
}
