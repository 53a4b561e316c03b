/** Makes a BullMQ worker an observed engine: its jobs are reported as tasks, from what the worker itself tells. */
import { hostname } from 'node:os'
import type { QueueEvents, Worker } from 'bullmq'
import { createReporter, type Reporter, type ReporterOptions } from '../index.ts'
import { HeldJobs } from './held-jobs.ts'
import { observe } from './observe.ts'
import { watchQueue } from './queue-watch.ts'
import { aggregatorFrom } from './surroundings.ts'
import { idFrom } from './task-names.ts'

/** As of `createReporter`; everything has a default. */
export type BullmqReporterOptions = Omit<ReporterOptions, 'url' | 'engine' | 'taskLimit'> & {
  /** Default: `ENGINESCOPE_URL`, else `http://127.0.0.1:7717`. */
  readonly url?: string | undefined
  /** Default instance: `<host>:<pid>/<queue>`. */
  readonly engine?: Partial<ReporterOptions['engine']> | undefined
  /**
   * Reports jobs that wait, too: from the moment they are added. Give it to one worker of a queue;
   * each of the others would report the same jobs once more.
   */
  readonly queueEvents?: QueueEvents | undefined
}

const workers = new Map<string, number>()

/**
 * Reports the jobs of a BullMQ worker: `jobId` = `<queue>/<id>`, task type `bullmq`, one attempt a try.
 *
 * Call it where the worker is made, before it takes its first job. It closes with the worker.
 *
 * @example
 * bullmqReporter(new Worker('mails', send, { connection, concurrency: 8 }))
 */
// biome-ignore lint/suspicious/noExplicitAny: a worker of whatever data, result and names.
export function bullmqReporter(worker: Worker<any, any, any>, options: BullmqReporterOptions = {}): Reporter {
  const { engine, queueEvents, ...rest } = options
  const reporter = createReporter({
    // A job whose worker was ended by a signal has not ended: BullMQ gives it to another one.
    onSignal: 'leave',
    ...rest,
    ...aggregatorFrom(options),
    engine: { engineType: 'bullmq', ...engine, instance: engine?.instance ?? instanceOf(worker.name) },
    taskLimit: () => worker.concurrency,
  })
  const jobs = new HeldJobs(reporter, worker.name)
  observe(worker, jobs)
  if (queueEvents !== undefined) watchQueue(queueEvents, worker, jobs)
  worker.once('closed', () => {
    jobs.releaseAll()
    void reporter.close()
  })
  return reporter
}

/** `<host>:<pid>/<queue>`; a second worker of that queue in this process gets a number. */
function instanceOf(queue: string): string {
  const count = (workers.get(queue) ?? 0) + 1
  workers.set(queue, count)
  return idFrom(`${hostname()}:${process.pid}/${queue}${count === 1 ? '' : `/${count}`}`)
}
