/** From a message of a runtime's log to the report that it means. */
import type { ParseReport } from '../report/parse.ts'
import type { Report } from '../report/report.ts'
import type { Taken } from './distrust.ts'
import {
  canonicalOf,
  mayFollow,
  type ProgramRun,
  type ProgramStatus,
  readMs,
  readProgramRun,
  readStatusMessage,
} from './program-status.ts'
import { kindOf } from './topics.ts'

/** Whose messages these are, and what is known of it so far. */
export type RunContext = {
  readonly runtimeId: string
  readonly namespace: string
  readonly engineType: string
  readonly epoch: string
  /** Last status of each run of the runtime. */
  readonly statuses: Map<string, ProgramStatus>
  /** The run's own program, once a message has named it. */
  program: ProgramRun | undefined
}

/** One entry of the namespace's log of statuses. */
export type StatusEntry = {
  readonly programRunId: ProgramRun
  readonly programStatus: ProgramStatus
  readonly status: string
  readonly time: number | undefined
  readonly error?: { readonly code: string; readonly message?: string }
}

export type Meaning =
  | {
      readonly kind: 'report'
      readonly report: Report
      /** For the log of statuses of the namespace. */
      readonly entry?: StatusEntry
      /** It is nothing but log lines. */
      readonly isLines?: boolean
      /** It names the attempt it is of. */
      readonly hasAttempt?: boolean
    }
  | { readonly kind: 'refused' | 'foreign'; readonly reason: string }
  | { readonly kind: 'opaque'; readonly value: unknown }

type Item = Record<string, unknown>

const refused = (reason: string): Meaning => ({ kind: 'refused', reason })
/** What is longer is refused unread. */
export const messageLengthMax = 1_048_576

export class MessageReader {
  readonly #parse: ParseReport
  readonly #nowMs: () => number

  /** @param parse must take reports without status and progress */
  constructor(parse: ParseReport, nowMs: () => number) {
    this.#parse = parse
    this.#nowMs = nowMs
  }

  /** Never throws. Statuses of runs are judged in the order of the calls. */
  read(topic: string, { raw }: Taken, run: RunContext): Meaning {
    if (raw.text === undefined) return refused('it has no message')
    if (raw.text.length > messageLengthMax) return refused('it is larger than 1 MiB')
    if (raw.isTooDeep) return refused('it is nested too deeply')
    const message = parsed(raw.text)
    if (message === undefined) return refused('it is not JSON')
    const publishedAtMs = readMs(raw.publishedAt)
    switch (kindOf(topic)) {
      case 'program.status':
        return this.#readStatus(message, publishedAtMs, run)
      case 'task.running':
        return this.#readTask(message, run)
      case 'heartbeat':
        return this.#readHeartbeat(message, run)
      case 'logs':
        return this.#readLine(message, run)
      case 'metadata':
        return this.#readFact('metadata', message, run)
      case 'lineage':
        return this.#readFact('lineage', message, run)
      case 'workflow.token':
        return this.#readFact('workflowToken', message, run)
      default:
        return { kind: 'opaque', value: message }
    }
  }

  /** The program of the run, where a status of its own names it. */
  programOf({ text, isTooDeep }: Taken['raw'], { runtimeId, namespace }: RunContext): ProgramRun | undefined {
    if (text === undefined || text.length > messageLengthMax || isTooDeep) return undefined
    const read = readStatusMessage(parsed(text), undefined)
    if (typeof read === 'string' || read.run.run !== runtimeId) return undefined
    return read.run.namespace === '' || read.run.namespace === namespace ? read.run : undefined
  }

  #readStatus(message: unknown, publishedAtMs: number | undefined, run: RunContext): Meaning {
    const read = readStatusMessage(message, publishedAtMs)
    if (typeof read === 'string') return refused(read)
    if (read.run.namespace !== '' && read.run.namespace !== run.namespace)
      return { kind: 'foreign', reason: 'the run is of another namespace' }
    const { programStatus } = read
    const before = run.statuses.get(read.run.run)
    if (!mayFollow(before, programStatus)) return refused(`${programStatus} cannot follow ${before}`)
    const isOwn = read.run.run === run.runtimeId
    if (isOwn) run.program = read.run
    const status = canonicalOf(programStatus)
    const time = read.timeMs
    const meaning = this.#asReport(
      {
        ...this.#ofRun(run, read.run.run),
        scope: isOwn ? 'job' : 'task',
        taskType: taskTypeOf(read.run),
        status,
        ...(time === undefined ? {} : { reportedAt: time }),
        attributes: read.attributes,
        ...(read.error === undefined ? {} : { error: read.error }),
      },
      run,
    )
    if (meaning.kind !== 'report') return meaning
    remember(run, read.run.run, programStatus)
    const entry = {
      programRunId: read.run,
      programStatus,
      status,
      time,
      ...(read.error === undefined ? {} : { error: read.error }),
    }
    return { ...meaning, entry }
  }

  #readTask(message: unknown, run: RunContext): Meaning {
    if (!isMap(message)) return refused('it is no report')
    const item = withDefaults(message, run)
    if (item['namespace'] !== run.namespace) return { kind: 'foreign', reason: 'it is of another namespace' }
    if (isAbsent(item['execId'])) return this.#readHeartbeat(message, run)
    if (isAbsent(item['status']) && isAbsent(item['progress'])) return refused('a report with execId needs status or progress')
    return this.#asReport(item, run)
  }

  #readHeartbeat(message: unknown, run: RunContext): Meaning {
    if (!isMap(message)) return refused('it is no heartbeat')
    const { 'heartbeat.time': time, execId: _none, jobId: _ofNoJob, ...rest } = message
    const item = withDefaults(rest, run)
    const reportedAt = readMs(time)
    const meaning = this.#asReport({ ...(reportedAt === undefined ? {} : { reportedAt }), ...item }, run)
    if (meaning.kind !== 'report') return meaning
    const { report } = meaning
    if (report.engine.instance !== run.runtimeId || report.namespace !== run.namespace)
      return { kind: 'foreign', reason: 'it speaks for another engine' }
    if (report.logs === undefined || report.logs.length === 0 || report.seq !== undefined) return meaning
    // Lines without a number would come twice when the message does: they are taken as lines of the run, which is told.
    return { kind: 'report', report: { ...report, ...ownTask(run) }, isLines: true }
  }

  #readLine(message: unknown, run: RunContext): Meaning {
    if (!isMap(message) || typeof message['line'] !== 'string') return refused('it has no line')
    const { execId, attempt, ts, level, line, fields } = message
    const isOwn = isAbsent(execId) || execId === run.runtimeId
    const meaning = this.#asReport(
      {
        ...this.#ofRun(run, isOwn ? run.runtimeId : execId),
        scope: isOwn ? 'job' : 'task',
        ...(isOwn && run.program !== undefined ? { taskType: taskTypeOf(run.program) } : {}),
        ...(isAbsent(attempt) || isOwn ? {} : { attempt }),
        logs: [{ ts, level, line, fields }],
      },
      run,
    )
    return meaning.kind === 'report' ? { ...meaning, isLines: true, hasAttempt: !isAbsent(attempt) } : meaning
  }

  #readFact(name: 'metadata' | 'lineage' | 'workflowToken', message: unknown, run: RunContext): Meaning {
    const value = isMap(message) ? message[name] : undefined
    if (!isMap(message) || (name === 'lineage' ? !Array.isArray(value) : !isMap(value)))
      return refused(`${name} must be ${name === 'lineage' ? 'a list' : 'an object'}`)
    const program = readProgramRun(message['programRunId'])
    if (program !== undefined && program.namespace !== '' && program.namespace !== run.namespace)
      return { kind: 'foreign', reason: 'the run is of another namespace' }
    if (program?.run === run.runtimeId) run.program ??= program
    const taskType = run.program === undefined ? {} : { taskType: taskTypeOf(run.program) }
    return this.#asReport({ ...this.#ofRun(run, run.runtimeId), scope: 'job', ...taskType, [name]: value }, run)
  }

  #ofRun({ namespace, runtimeId, engineType, epoch }: RunContext, execId: unknown): Item {
    return {
      namespace,
      jobId: runtimeId,
      execId,
      engine: { instance: runtimeId, engineType, incarnation: epoch },
    }
  }

  #asReport(item: Item, run: RunContext): Meaning {
    const parsed = this.#parse(item, this.#nowMs())
    if (!parsed.isValid) return refused(`${parsed.rejection.path} ${parsed.rejection.message}`.trim())
    if (parsed.report.namespace !== run.namespace) return { kind: 'foreign', reason: 'it is of another namespace' }
    return { kind: 'report', report: parsed.report }
  }
}

/** A report that names neither job nor engine is of the runtime's own. */
function withDefaults(message: Item, { namespace, runtimeId, engineType, epoch }: RunContext): Item {
  const extra = message['extraInfoMap']
  const isBare = isAbsent(message['engine']) && isMap(extra) && !isAbsent(extra['engineInstance'])
  const engine = isMap(message['engine']) ? message['engine'] : {}
  const isOwn = isAbsent(engine['instance']) || engine['instance'] === runtimeId
  const own = isOwn
    ? {
        ...engine,
        instance: runtimeId,
        engineType: engine['engineType'] ?? engineType,
        incarnation: engine['incarnation'] ?? epoch,
      }
    : engine
  return {
    ...message,
    namespace: message['namespace'] ?? namespace,
    jobId: message['jobId'] ?? runtimeId,
    ...(isBare ? {} : { engine: own }),
  }
}

const ownTask = ({ runtimeId }: RunContext): Pick<Report, 'jobId' | 'execId' | 'scope'> => ({
  jobId: runtimeId,
  execId: runtimeId,
  scope: 'job',
})

const taskTypeOf = ({ type }: ProgramRun) => (type === '' ? 'generic' : type.toLowerCase())
const isAbsent = (value: unknown) => value === undefined || value === null

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isMap(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Runs whose status is known, their own one aside; a child that is forgotten may begin anew. */
const statusesMax = 1_000

function remember({ statuses, runtimeId }: RunContext, run: string, status: ProgramStatus): void {
  statuses.delete(run)
  statuses.set(run, status)
  if (statuses.size <= statusesMax) return
  for (const oldest of statuses.keys()) {
    if (oldest === runtimeId) continue
    statuses.delete(oldest)
    return
  }
}
