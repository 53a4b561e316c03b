import { isOpen, type TaskStatus } from '../../report/status.ts'
import { idsOfJobName, jobName } from '../keys.ts'
import type { JobRecord } from '../records.ts'
import { type Reach, reaches } from './reach.ts'

/** What a list of jobs is narrowed to; absent = any. */
export type JobFilter = {
  readonly reach: Reach
  readonly namespace?: string | undefined
  readonly statuses?: readonly TaskStatus[] | undefined
  readonly taskType?: string | undefined
  readonly engineType?: string | undefined
  /** Instance: the engine that reported last, or one on which a task of the job is open. */
  readonly engine?: string | undefined
  readonly user?: string | undefined
  /** Literal text within the job id, the user or an attribute (`key=value`), whatever the case. */
  readonly q?: string | undefined
}

/** Whether only open jobs can match, so that the set of open jobs is all there is to read. */
export function wantsOpenOnly(filter: JobFilter): boolean {
  return filter.statuses !== undefined && filter.statuses.length > 0 && filter.statuses.every(isOpen)
}

/** Whether a job of this name can match at all: decided before its record is read. */
export function mayMatch(filter: JobFilter, member: string): boolean {
  const { namespace } = idsOfJobName(member)
  return isAsked(filter.namespace, namespace) && reaches(filter.reach, namespace)
}

/** Whether a job matches. @param onEngine names of the jobs with an open task on the engine asked for */
export function matches(filter: JobFilter, job: JobRecord, onEngine: ReadonlySet<string>): boolean {
  if (!reaches(filter.reach, job.namespace)) return false
  const equal =
    isAsked(filter.namespace, job.namespace) &&
    isAsked(filter.taskType, job.taskType) &&
    isAsked(filter.engineType, job.engineType) &&
    isAsked(filter.user, job.user)
  if (!equal) return false
  if (filter.statuses !== undefined && !filter.statuses.includes(job.status)) return false
  if (filter.engine !== undefined && filter.engine !== job.engine && !onEngine.has(jobName(job.namespace, job.jobId)))
    return false
  return filter.q === undefined || holdsText(job, filter.q.toLowerCase())
}

function isAsked(wanted: string | undefined, is: string | undefined): boolean {
  return wanted === undefined || wanted === is
}

function holdsText(job: JobRecord, needle: string): boolean {
  if (job.jobId.toLowerCase().includes(needle) || job.user?.toLowerCase().includes(needle) === true) return true
  return Object.entries(job.attributes).some(([key, value]) => `${key}=${value}`.toLowerCase().includes(needle))
}
