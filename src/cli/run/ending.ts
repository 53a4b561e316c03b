import { constants } from 'node:os'
import type { EndStatus, TaskError } from '../../reporter/index.ts'

/** How a wrapped command came to its end. */
export type CommandEnd = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The command could not be started at all. */
  readonly startError?: Error
  readonly hasTimedOut: boolean
  /** The signal that this process was sent and passed on. */
  readonly passedOn: NodeJS.Signals | undefined
  /** The last lines the command wrote to stderr. */
  readonly lastLines: string
}

export type Ending = { readonly status: EndStatus; readonly error?: TaskError; readonly exitCode: number }

/** What `timeout` of the coreutils leaves with. */
const timedOutCode = 124

/** The task's status and error, and the exit code as a shell would give it. */
export function endingOf(end: CommandEnd): Ending {
  const { code, signal, startError, lastLines } = end
  if (startError !== undefined) return couldNotStart(startError)
  const exitCode = signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0)
  const how = signal === null ? `EXIT_${exitCode}` : `SIGNAL_${signal}`
  const error = { code: how, message: lastLines === '' ? `the command ended with ${how}` : lastLines }
  if (end.hasTimedOut) return { status: 'timed_out', error: { ...error, code: 'TIMEOUT' }, exitCode: timedOutCode }
  if (exitCode === 0) return { status: 'succeeded', exitCode }
  if (end.passedOn !== undefined) return { status: 'cancelled', error: { ...error, code: `SIGNAL_${end.passedOn}` }, exitCode }
  return { status: 'failed', error, exitCode }
}

function couldNotStart(error: Error): Ending {
  const isMissing = 'code' in error && error.code === 'ENOENT'
  const code = isMissing ? 'COMMAND_NOT_FOUND' : 'COMMAND_NOT_STARTED'
  return { status: 'failed', error: { code, message: startErrorText(error) }, exitCode: isMissing ? 127 : 126 }
}

/** Why a command could not be started, as a shell would say it. */
export function startErrorText(error: Error): string {
  const { code, path } = error as NodeJS.ErrnoException
  const name = path === undefined ? 'the command' : path
  if (code === 'ENOENT') return `${name}: command not found`
  return code === 'EACCES' ? `${name}: may not be executed` : error.message
}
