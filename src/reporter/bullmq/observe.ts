import { Job, type Worker } from 'bullmq'
import type { OpenStatus } from '../wire.ts'
import type { HeldJobs } from './held-jobs.ts'
import { progressNews } from './progress.ts'

/** Takes in what a worker tells of its jobs. */
export function observe(worker: Worker, jobs: HeldJobs): void {
  worker.on('active', (job) => {
    jobs.begin(job)
    copyLogLines(job, jobs)
  })
  worker.on('progress', (job, progress) => jobs.update(job, progressNews(progress)))
  worker.on('completed', (job) => jobs.succeed(job))
  worker.on('failed', (job, reason) => {
    if (job === undefined) return
    if (job.finishedOn === undefined) jobs.putBackAfterFailure(job, reason)
    else jobs.fail(job, reason)
  })
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const jobId of jobIds) jobs.release(jobId)
  })
  worker.on('stalled', (jobId) => void look(worker, jobs, jobId))
  noticeSilentEnds(worker, jobs)
}

/**
 * Reads where a job is and reports it, where it is in nobody's hands.
 * @throws never: what cannot be read is reported by whoever takes the job next
 */
export async function look(worker: Worker, jobs: HeldJobs, jobId: string): Promise<void> {
  const held = jobs.get(jobId)
  const seen = await whereIs(worker, jobId).catch(() => undefined)
  // While it was looked for, this worker may have taken it.
  if (jobs.get(jobId) !== held) return
  if (seen === undefined) jobs.release(jobId)
  else jobs.waits(seen.job, seen.status)
}

async function whereIs(worker: Worker, jobId: string): Promise<{ job: Job; status: OpenStatus } | undefined> {
  const job = await Job.fromId(worker, jobId)
  const status = waitingStatus(await job?.getState(), job?.failedReason !== undefined)
  return job === undefined || status === undefined ? undefined : { job, status }
}

/** BullMQ's word for where a job waits as a status; undefined for one that does not. */
function waitingStatus(state: string | undefined, hasFailed: boolean): OpenStatus | undefined {
  switch (state) {
    case 'waiting':
    case 'prioritized':
    case 'paused':
    case 'waiting-children':
      return hasFailed ? 'waiting_for_retry' : 'inited'
    case 'delayed':
      return hasFailed ? 'waiting_for_retry' : 'scheduled'
    default:
      return undefined
  }
}

/**
 * A job that its processor itself puts back, one over the rate limit and one whose lock is lost leave the worker
 * without an event.
 */
function noticeSilentEnds(worker: Worker, jobs: HeldJobs): void {
  const processJob = worker.processJob.bind(worker)
  worker.processJob = async (job, token, fetchNext) => {
    try {
      return await processJob(job, token, fetchNext)
    } finally {
      if (jobs.get(job.id) !== undefined) await look(worker, jobs, job.id ?? '')
    }
  }
}

/** `job.log()` tells nobody but Redis. Not enumerable: a job is written as JSON, and its own properties with it. */
function copyLogLines(job: Job, jobs: HeldJobs): void {
  const log = job.log.bind(job)
  const copying = (row: string) => {
    jobs.log(job, row)
    return log(row)
  }
  Object.defineProperty(job, 'log', { value: copying, enumerable: false, writable: true, configurable: true })
}
