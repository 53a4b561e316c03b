import type { Problems } from '../problems.ts'
import type { Task } from '../task.ts'
import type { OpenStatus } from '../wire.ts'
import type { ProgramMove, ProgramOptions, ProgramVoice } from './program.ts'

const statusOf: Readonly<Record<ProgramMove, OpenStatus>> = {
  PENDING: 'inited',
  STARTING: 'scheduled',
  RUNNING: 'running',
  SUSPENDED: 'suspended',
  RESUMING: 'running',
  STOPPING: 'running',
}
const lineageMax = 1000

/** The task that speaks for the whole run. */
export function jobOptionsOf(run: string, options: ProgramOptions) {
  return {
    jobId: run,
    execId: run,
    scope: 'job',
    taskType: options.type.toLowerCase(),
    status: statusOf[options.status ?? 'PENDING'],
  } as const
}

/** Says what there is to say of a run as reports of its job; what monitors merge from messages is merged here. */
export function pushedProgram(job: Task, options: ProgramOptions, problems: Problems): ProgramVoice {
  const { application, version = '-SNAPSHOT', type: programType, program } = options
  let metadata: Readonly<Record<string, unknown>> = {}
  let workflowToken: Readonly<Record<string, unknown>> = {}
  const lineage = new Map<string, unknown>()
  job.update({ attributes: { application, version, programType, program } })
  return {
    move: (status) => {
      const stopping = status === 'STOPPING' ? { attributes: { stopping: 'true' } } : {}
      job.update({ status: statusOf[status], ...stopping })
    },
    metadata: (news) => {
      metadata = { ...metadata, ...news }
      job.update({ metadata })
    },
    lineage: (entries) => {
      for (const entry of entries) {
        const key = JSON.stringify(entry)
        if (lineage.has(key) || lineage.size < lineageMax) lineage.set(key, entry)
        else problems.tell('PART_TOO_LARGE', `lineage has more than ${lineageMax} entries; further ones are left out`)
      }
      job.update({ lineage: [...lineage.values()] })
    },
    workflowToken: (news) => {
      workflowToken = { ...workflowToken, ...news }
      job.update({ workflowToken })
    },
    log: (level, line, fields) => job.log(level as 'INFO', line as string, fields as Record<string, unknown> | undefined),
    end: (status, error) => {
      if (status === 'COMPLETED') return job.finish('succeeded')
      return status === 'FAILED' ? job.fail(error) : job.cancel(error === undefined ? undefined : String(error))
    },
  }
}
