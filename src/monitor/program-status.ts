/** Statuses of program runs (CDAP's words): what each means, and which may follow which. */
import type { TaskStatus } from '../report/status.ts'

export const programStatuses = [
  'PENDING',
  'STARTING',
  'RUNNING',
  'SUSPENDED',
  'RESUMING',
  'STOPPING',
  'COMPLETED',
  'KILLED',
  'FAILED',
  'REJECTED',
] as const
export type ProgramStatus = (typeof programStatuses)[number]

/** How CDAP names a run. */
export type ProgramRun = {
  readonly namespace: string
  readonly application: string
  readonly version: string
  readonly type: string
  readonly program: string
  readonly run: string
}

export type StatusMessage = {
  readonly run: ProgramRun
  readonly programStatus: ProgramStatus
  /** When it came to be, by the runtime's clock: the property of that status, else when it was published. */
  readonly timeMs: number | undefined
  readonly error: { readonly code: string; readonly message?: string } | undefined
  readonly attributes: Readonly<Record<string, string>>
}

const canonical: Readonly<Record<ProgramStatus, TaskStatus>> = {
  PENDING: 'inited',
  STARTING: 'scheduled',
  RUNNING: 'running',
  SUSPENDED: 'suspended',
  RESUMING: 'running',
  STOPPING: 'running',
  COMPLETED: 'succeeded',
  KILLED: 'cancelled',
  FAILED: 'failed',
  REJECTED: 'failed',
}

export const canonicalOf = (status: ProgramStatus): TaskStatus => canonical[status]

const ends: readonly ProgramStatus[] = ['COMPLETED', 'KILLED', 'FAILED', 'REJECTED']
export const isTerminal = (status: ProgramStatus): boolean => ends.includes(status)

const allButRejected: readonly ProgramStatus[] = ['COMPLETED', 'KILLED', 'FAILED']
/** Messages may be gone, so that a run may be seen first, or next, in any later status. */
const following: Readonly<Record<ProgramStatus, readonly ProgramStatus[]>> = {
  PENDING: programStatuses,
  STARTING: ['RUNNING', 'SUSPENDED', 'STOPPING', ...ends],
  RUNNING: ['SUSPENDED', 'STOPPING', ...allButRejected],
  RESUMING: ['RUNNING', 'SUSPENDED', 'STOPPING', ...allButRejected],
  STOPPING: ['SUSPENDED', ...allButRejected],
  SUSPENDED: ['RUNNING', 'RESUMING', 'STOPPING', ...allButRejected],
  COMPLETED: [],
  KILLED: [],
  FAILED: [],
  REJECTED: [],
}

/** Whether a run may go from one status to the next. @param from `undefined` = the run is not known */
export function mayFollow(from: ProgramStatus | undefined, to: ProgramStatus): boolean {
  return from === undefined || (from === to && !isTerminal(from)) || following[from].includes(to)
}

const timeProperty: Readonly<Partial<Record<ProgramStatus, string>>> = {
  RUNNING: 'logical.start.time',
  SUSPENDED: 'suspendTime',
  RESUMING: 'resumeTime',
  STOPPING: 'stoppingTime',
  COMPLETED: 'endTime',
  KILLED: 'endTime',
  FAILED: 'endTime',
}

type Properties = Readonly<Record<string, unknown>>

/** Reads a message of the topic `program.status`. @returns why it cannot be, where it cannot */
export function readStatusMessage(message: unknown, publishedAtMs: number | undefined): StatusMessage | string {
  if (!isMap(message) || message['notificationType'] !== 'PROGRAM_STATUS') return 'notificationType must be PROGRAM_STATUS'
  const properties = message['properties']
  if (!isMap(properties)) return 'properties must be an object'
  const run = readProgramRun(properties['programRunId'])
  if (run === undefined) return 'programRunId must be JSON text with a run'
  const programStatus = programStatuses.find((each) => each === properties['programStatus'])
  if (programStatus === undefined) return 'programStatus is no status of a program'
  const timeMs = readMs(properties[timeProperty[programStatus] ?? '']) ?? publishedAtMs
  return {
    run,
    programStatus,
    timeMs,
    error: errorOf(programStatus, properties),
    attributes: attributesOf(run, programStatus, properties),
  }
}

/** The run that a text of JSON, or an object, names. */
export function readProgramRun(given: unknown): ProgramRun | undefined {
  const value = typeof given === 'string' ? parsed(given) : given
  if (!isMap(value)) return undefined
  const part = (name: string) => (typeof value[name] === 'string' ? value[name].slice(0, 200) : '')
  const run = part('run')
  if (!/^[A-Za-z0-9._:@/-]{1,200}$/.test(run)) return undefined
  const { namespace, application, version, type, program } = {
    namespace: part('namespace'),
    application: part('application'),
    version: part('version'),
    type: part('type'),
    program: part('program'),
  }
  return { namespace, application, version, type, program, run }
}

function attributesOf(run: ProgramRun, programStatus: ProgramStatus, properties: Properties): Record<string, string> {
  const all: Record<string, unknown> = {
    application: run.application,
    version: run.version,
    programType: run.type,
    program: run.program,
    twillRunId: properties['twillRunId'],
    userId: properties['userId'],
    stopping: programStatus === 'STOPPING' ? 'true' : undefined,
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== ''),
  )
}

/** As much of an error as the log of statuses keeps; a job cuts its own. */
const codeLengthMax = 200
const messageLengthMax = 8_192

function errorOf(status: ProgramStatus, properties: Properties): StatusMessage['error'] {
  if (status !== 'FAILED' && status !== 'REJECTED') return undefined
  const given = properties['programError']
  const fault = typeof given === 'string' ? parsed(given) : given
  const className =
    isMap(fault) && typeof fault['className'] === 'string' && fault['className'] !== '' ? fault['className'] : undefined
  const said = isMap(fault) ? fault['message'] : given
  const code = status === 'REJECTED' ? 'REJECTED' : (className?.slice(0, codeLengthMax) ?? 'PROGRAM_FAILED')
  return typeof said === 'string' ? { code, message: said.slice(0, messageLengthMax) } : { code }
}

/** Epoch milliseconds out of a text or number; `undefined` for anything else. */
export function readMs(value: unknown): number | undefined {
  const ms =
    typeof value === 'number' ? value : typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  return Number.isFinite(ms) && ms > 0 ? Math.trunc(ms) : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isMap(value: unknown): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
