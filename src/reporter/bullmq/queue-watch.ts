import type { QueueEvents, Worker } from 'bullmq'
import type { HeldJobs } from './held-jobs.ts'
import { look } from './observe.ts'

/** Takes in what a queue tells of jobs that no worker has yet. */
export function watchQueue(events: QueueEvents, worker: Worker, jobs: HeldJobs): void {
  const lookUnlessHeld = (jobId: string) => {
    if (jobs.get(jobId) === undefined) void look(worker, jobs, jobId)
  }
  events.on('added', ({ jobId }) => lookUnlessHeld(jobId))
  events.on('waiting', ({ jobId, prev }) => {
    if (prev === 'delayed' || prev === 'waiting-children') lookUnlessHeld(jobId)
  })
}
