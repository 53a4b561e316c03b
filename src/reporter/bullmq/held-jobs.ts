import type { Job } from 'bullmq'
import type { Reporter } from '../reporter.ts'
import type { Task } from '../task.ts'
import type { OpenStatus, TaskUpdate } from '../wire.ts'
import { taskName } from './task-names.ts'

/** The jobs that this worker has in hand, each as the task it is reported as. */
export class HeldJobs {
  readonly #reporter: Reporter
  readonly #queue: string
  readonly #tasks = new Map<string, Task>()

  constructor(reporter: Reporter, queue: string) {
    this.#reporter = reporter
    this.#queue = queue
  }

  /** The task of a job that is in this worker's hands. */
  get(jobId: string | undefined): Task | undefined {
    return jobId === undefined ? undefined : this.#tasks.get(jobId)
  }

  /** The worker has begun it. */
  begin(job: Job): void {
    this.#release(job.id)
    this.#tasks.set(idOf(job), this.#open(job, job.attemptsMade + 1, 'running'))
  }

  update(job: Job, news: TaskUpdate): void {
    this.#tasks.get(idOf(job))?.update(news)
  }

  log(job: Job, row: string): void {
    this.#tasks.get(idOf(job))?.log('INFO', row)
  }

  succeed(job: Job): void {
    void this.#take(job)?.finish('succeeded', { progress: 1 })
  }

  /** No try is left. A job of another worker that failed for good is reported by whoever found it so. */
  fail(job: Job, reason: Error): void {
    const task = this.#take(job) ?? this.#open(job, Math.max(1, job.attemptsMade), 'running')
    void task.fail({ code: reason.name, message: job.failedReason ?? reason.message })
  }

  /** It failed, and is tried again. */
  putBackAfterFailure(job: Job, reason: Error): void {
    const task = this.#take(job)
    task?.log('WARN', `attempt ${job.attemptsMade} of ${job.opts.attempts ?? 1} failed: ${reason.message}`)
    task?.update({ status: 'waiting_for_retry', attributes: { failedReason: reason.message } })
    task?.release()
  }

  /** It waits, in nobody's hands. @param status how */
  waits(job: Job, status: OpenStatus): void {
    const task = this.#take(job) ?? this.#open(job, job.attemptsMade + 1, status)
    task.update({ status })
    task.release()
  }

  /** Another worker has it, or none. */
  release(jobId: string): void {
    this.#release(jobId)
  }

  releaseAll(): void {
    for (const jobId of [...this.#tasks.keys()]) this.#release(jobId)
  }

  #release(jobId: string | undefined): void {
    if (jobId === undefined) return
    this.#tasks.get(jobId)?.release()
    this.#tasks.delete(jobId)
  }

  #take(job: Job): Task | undefined {
    const task = this.#tasks.get(idOf(job))
    this.#tasks.delete(idOf(job))
    return task
  }

  /** Job-scoped: which worker has a job may change within one try. */
  #open(job: Job, attempt: number, status: OpenStatus): Task {
    const jobId = taskName(this.#queue, idOf(job))
    const task = this.#reporter.task({ jobId, execId: jobId, taskType: 'bullmq', scope: 'job', attempt, status })
    task.update({ attributes: attributesOf(job, this.#queue) })
    return task
  }
}

function idOf(job: Job): string {
  return job.id ?? ''
}

/** @returns facts of the job; `uid` tells it from another one that had its id before. */
function attributesOf(job: Job, queue: string): Record<string, string> {
  return {
    queue,
    id: idOf(job),
    name: String(job.name).slice(0, 200),
    uid: String(job.timestamp),
    ...(job.parentKey === undefined ? {} : { parent: job.parentKey }),
  }
}
