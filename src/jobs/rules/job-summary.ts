/** A job as the sum of its tasks: kept up to date by what one task adds and takes away, never by looking at all of them. */
import { isOpen, openStatuses, type TaskStatus } from '../../report/status.ts'
import type { JobRecord, TaskRecord } from '../records.ts'
import { defaultTaskType, unknownEngineType } from './job-type.ts'

const e9 = 1_000_000_000

/** Task types whose job has failed as soon as one task has, for good. */
const failFastTaskTypes: ReadonlySet<string> = new Set(['federated_learning'])

/** From the furthest back: a job with one running task is running. */
const openOrder: readonly TaskStatus[] = ['running', 'suspended', 'waiting_for_retry', 'scheduled', 'inited']
const endOrder: readonly TaskStatus[] = ['failed', 'timed_out', 'lost', 'cancelled']

export function newJob(task: TaskRecord, atMs: number): JobRecord {
  return {
    namespace: task.namespace,
    jobId: task.jobId,
    taskType: defaultTaskType,
    engineType: unknownEngineType,
    labels: task.labels,
    engine: task.engine.instance,
    status: task.status,
    progress: 0,
    taskCount: 0,
    taskCountByStatus: {},
    progressSumE9: 0,
    submittedAtMs: task.submittedAtMs,
    firstArrivalAtMs: atMs,
    lastReportAtMs: atMs,
    attributes: {},
    tailNo: 0,
  }
}

/** Replaces what a task adds to its job. Either side may be absent: a task comes, or gives way to a later attempt. */
export function replaceInSummary(job: JobRecord, before: TaskRecord | undefined, after: TaskRecord | undefined): void {
  const isCounted = before?.scope === 'task' && after?.scope === 'task'
  if (isCounted && before.status === after.status) job.progressSumE9 += progressE9Of(after) - progressE9Of(before)
  else {
    if (before !== undefined && before.scope === 'task') add(job, before, -1)
    if (after !== undefined && after.scope === 'task') add(job, after, 1)
  }
  if (after !== undefined) takeTimes(job, after)
}

export const progressE9Of = (task: Pick<TaskRecord, 'progress'>) => Math.round(task.progress * e9)

/** Mean progress of so many tasks, from its sum. */
export const meanProgress = (progressSumE9: number, taskCount: number) => Math.round(progressSumE9 / taskCount) / e9

function add(job: JobRecord, task: TaskRecord, sign: 1 | -1): void {
  job.taskCount += sign
  job.progressSumE9 += sign * progressE9Of(task)
  const count = (job.taskCountByStatus[task.status] ?? 0) + sign
  const { [task.status]: _replaced, ...others } = job.taskCountByStatus
  job.taskCountByStatus = count === 0 ? others : { ...others, [task.status]: count }
}

function takeTimes(job: JobRecord, task: TaskRecord): void {
  job.submittedAtMs = Math.min(job.submittedAtMs, task.submittedAtMs)
  if (task.scheduledAtMs !== undefined)
    job.scheduledAtMs = Math.min(job.scheduledAtMs ?? Number.POSITIVE_INFINITY, task.scheduledAtMs)
  if (task.startedAtMs !== undefined) job.startedAtMs = Math.min(job.startedAtMs ?? Number.POSITIVE_INFINITY, task.startedAtMs)
  if (task.endedAtMs !== undefined) job.tasksEndedAtMs = Math.max(job.tasksEndedAtMs ?? 0, task.endedAtMs)
}

/**
 * Draws the job's own status, progress, end and error from its tasks.
 * @param jobScoped the record that speaks for the whole job, where there is one
 * @param changed the task whose report brought this about
 */
export function concludeJob(job: JobRecord, jobScoped: TaskRecord | undefined, changed: TaskRecord, atMs: number): void {
  const wasLost = job.status === 'lost'
  job.status = jobScoped?.status ?? statusOfTasks(job)
  // A job that was given up and has truly ended since ended when that was told.
  if (wasLost && job.status !== 'lost') delete job.endedArrivalAtMs
  const mean = job.taskCount === 0 ? undefined : meanProgress(job.progressSumE9, job.taskCount)
  job.progress =
    jobScoped?.hasProgress === true ? jobScoped.progress : job.status === 'succeeded' ? 1 : (mean ?? jobScoped?.progress ?? 0)
  concludeError(job, jobScoped ?? changed)
  concludeEnd(job, jobScoped, atMs)
}

function statusOfTasks(job: JobRecord): TaskStatus {
  const has = (status: TaskStatus) => (job.taskCountByStatus[status] ?? 0) > 0
  if (failFastTaskTypes.has(job.taskType) && (job.status === 'failed' || has('failed'))) return 'failed'
  return openOrder.find(has) ?? endOrder.find(has) ?? 'succeeded'
}

function concludeError(job: JobRecord, speaker: TaskRecord): void {
  if (job.status === 'succeeded') delete job.error
  else if (speaker.error !== undefined) job.error = speaker.error
  else if (isOpen(job.status) && (job.taskCountByStatus.failed ?? 0) === 0) delete job.error
}

function concludeEnd(job: JobRecord, jobScoped: TaskRecord | undefined, atMs: number): void {
  if (isOpen(job.status)) {
    delete job.endedAtMs
    delete job.endedArrivalAtMs
    return
  }
  const endedAtMs = jobScoped === undefined ? job.tasksEndedAtMs : jobScoped.endedAtMs
  if (endedAtMs !== undefined) job.endedAtMs = endedAtMs
  job.endedArrivalAtMs ??= atMs
}

/** Whether work of this job may still go on. */
export const isOpenJob = (job: Pick<JobRecord, 'status'>): boolean => (openStatuses as readonly TaskStatus[]).includes(job.status)
