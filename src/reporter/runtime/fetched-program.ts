import { logLine } from '../log-ring.ts'
import { errorFrom } from '../task.ts'
import type { Delivery } from '../wire.ts'
import type { MessageLog } from './message-log.ts'
import type { ProgramEnd, ProgramMove, ProgramOptions, ProgramVoice } from './program.ts'

const stackTraceMax = 8 * 1024
/** The property that says when a status began. */
const timeProperties: Readonly<Partial<Record<ProgramMove, string>>> = {
  RUNNING: 'logical.start.time',
  SUSPENDED: 'suspendTime',
  RESUMING: 'resumeTime',
  STOPPING: 'stoppingTime',
}

/** Says what there is to say of a run as messages, in the words of CDAP. */
export function fetchedProgram(log: MessageLog, namespace: string, run: string, options: ProgramOptions): ProgramVoice {
  const { application, version = '-SNAPSHOT', type, program } = options
  const programRunId = JSON.stringify({ namespace, application, version, type, program, run })
  const statusOf = (programStatus: string, properties: Readonly<Record<string, string>>) => ({
    notificationType: 'PROGRAM_STATUS',
    properties: { ...properties, programRunId, programStatus },
  })
  return {
    move: (status, given) => {
      const name = timeProperties[status]
      log.write('program.status', statusOf(status, { ...(name === undefined ? {} : { [name]: String(Date.now()) }), ...given }))
    },
    metadata: (metadata) => void log.write('metadata', { programRunId, metadata }),
    lineage: (lineage) => void log.write('lineage', { programRunId, lineage }),
    workflowToken: (workflowToken) => void log.write('workflow.token', { programRunId, workflowToken }),
    log: (level, line, fields) => void log.write('logs', logLine(level, line, fields, Date.now())),
    end: (status, error) => publishEnd(log, statusOf(status, endProperties(status, error))),
  }
}

function publishEnd(log: MessageLog, message: unknown): Promise<Delivery> {
  return new Promise((resolve) => {
    const bytes = Buffer.from(JSON.stringify(message))
    const id = log.publish('program.status', bytes, '', (fate) =>
      resolve(fate === 'taken' ? { delivered: true, outcome: 'fetched' } : { delivered: false, reason: 'dropped' }),
    )
    if (id === undefined) resolve({ delivered: false, reason: 'rejected' })
  })
}

function endProperties(status: ProgramEnd, error: unknown): Record<string, string> {
  const endTime = String(Date.now())
  if (status !== 'FAILED') return { endTime }
  const { code = 'PROGRAM_FAILED', message = '' } = errorFrom(error) ?? {}
  const stackTrace = error instanceof Error ? (error.stack ?? '').slice(0, stackTraceMax) : ''
  const programError = { className: code.slice(0, 200), message: message.slice(0, stackTraceMax), stackTrace, cause: null }
  return { endTime, programError: JSON.stringify(programError) }
}
