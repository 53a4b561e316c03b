import { Queue, Worker } from 'bullmq'
import { afterAll, describe, expect, test } from 'vitest'
import { bullmqReporter } from '../../src/reporter/bullmq/index.ts'
import { eventually } from '../support/eventually.ts'
import { startProgram } from '../support/process.ts'
import { aStand, engineOf, jobOf, logsOf } from '../support/reporting.ts'

const stand = aStand({ SUSPECT_AFTER: '1s', LOST_AFTER: '3s' })
const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

const connection = () => ({ host: stand.redis.host, port: stand.redis.port, maxRetriesPerRequest: null })

function aQueue(name: string): Queue {
  const queue = new Queue(name, { connection: connection() })
  closers.push(() => queue.close())
  return queue
}

const quick = { firstReportMs: 50, reportIntervalMs: 200, heartbeatMs: 300, repeatFinalMs: 0 }

/** A worker in a process of its own, made by the published module, that takes one job and never ends it. */
function hangingWorker(queue: string) {
  const source = `
    import { Worker } from 'bullmq'
    import { bullmqReporter } from 'enginescope/reporter/bullmq'
    const connection = ${JSON.stringify(connection())}
    const work = () => { console.log('took it'); return new Promise(() => setInterval(() => {}, 1e6)) }
    bullmqReporter(new Worker(${JSON.stringify(queue)}, work, { connection, lockDuration: 1500, skipStalledCheck: true }), { settings: ${JSON.stringify(quick)} })
  `
  return startProgram(process.execPath, ['--input-type=module', '--eval', source], {
    env: { ENGINESCOPE_URL: stand.aggregator.url },
    readyLine: /took it/,
  })
}

describe('a BullMQ worker', () => {
  test('is an engine, its jobs are jobs with attempts, log lines and an end', async () => {
    const queue = aQueue('mails')
    const work = async (job: { attemptsMade: number; log: (row: string) => Promise<number> }) => {
      await job.log(`try ${job.attemptsMade + 1}`)
      if (job.attemptsMade === 0) throw new Error('greylisted')
    }
    const worker = new Worker(queue.name, work, { connection: connection(), concurrency: 4 })
    const reporter = bullmqReporter(worker, { url: stand.aggregator.url, handleExit: false, settings: quick })
    closers.push(() => worker.close())
    await queue.add('send', {}, { jobId: 'retried', attempts: 2, backoff: 50 })
    await queue.add('send', {}, { jobId: 'refused', attempts: 1 })
    const ended = await eventually(
      () => jobOf(stand.aggregator, 'mails/retried'),
      (job) => job.status === 'succeeded',
    )
    expect(ended).toMatchObject({ taskType: 'bullmq', progress: 1 })
    const failed = await eventually(
      () => jobOf(stand.aggregator, 'mails/refused'),
      (job) => job.status === 'failed',
    )
    expect(failed).toMatchObject({ error: { code: 'Error', message: 'greylisted' } })
    const { lines } = await logsOf(stand.aggregator, 'mails/retried')
    expect(lines.map(({ line }) => line)).toEqual(['try 1', 'attempt 1 of 2 failed: greylisted', 'try 2'])
    await reporter.flush()
    expect(await engineOf(stand.aggregator, reporter.instance)).toMatchObject({
      engineType: 'bullmq',
      state: 'live',
      counts: { running: 0, succeeded: 1, failed: 1, limit: 4 },
    })
  })

  test('that is killed leaves its job to the next one, and the job ends once', async () => {
    const queue = aQueue('reports')
    await queue.add('render', {}, { jobId: 'taken-over' })
    const hanging = await hangingWorker(queue.name)
    closers.push(() => hanging.stop(0))
    await eventually(
      () => jobOf(stand.aggregator, 'reports/taken-over'),
      (job) => job.status === 'running',
    )
    hanging.kill('SIGKILL')
    // The worker is given up before BullMQ finds the job stalled.
    await eventually(
      () => jobOf(stand.aggregator, 'reports/taken-over'),
      (job) => job.status === 'lost',
      { timeoutMs: 15_000 },
    )
    const worker = new Worker(queue.name, async () => undefined, { connection: connection(), stalledInterval: 100 })
    const reporter = bullmqReporter(worker, { url: stand.aggregator.url, handleExit: false, settings: quick })
    closers.push(() => worker.close())
    const ended = await eventually(
      () => jobOf(stand.aggregator, 'reports/taken-over'),
      (job) => job.status === 'succeeded',
    )
    expect(ended.tasks).toMatchObject([{ engine: { instance: reporter.instance }, attempt: 1 }])
    const finished = (await stand.aggregator.metrics()).get('enginescope_tasks_finished_total')?.samples ?? []
    const ofWorker = finished.filter(({ labels }) => labels['engine_type'] === 'bullmq' && labels['status'] === 'succeeded')
    expect(ofWorker.reduce((sum, { value }) => sum + value, 0)).toBe(2)
  })
})
