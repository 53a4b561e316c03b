import { hostname } from 'node:os'
import { DelayedError, Queue, QueueEvents, UnrecoverableError, WaitingChildrenError, Worker, type WorkerOptions } from 'bullmq'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import {
  type ProgrammableAggregator,
  programmableAggregator,
  type SeenReport,
  until,
} from '../../../test/support/programmable-aggregator.ts'
import { type RedisServer, startRedis } from '../../../test/support/redis.ts'
import type { Reporter } from '../index.ts'
import { type BullmqReporterOptions, bullmqReporter } from './index.ts'
import { progressNews } from './progress.ts'
import { taskName } from './task-names.ts'

let redis: RedisServer
let server: ProgrammableAggregator
const closers: (() => Promise<unknown>)[] = []
let queues = 0

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  server = await programmableAggregator()
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await server.close()
})

const connection = () => ({ host: redis.host, port: redis.port, maxRetriesPerRequest: null })

function aQueue(): Queue {
  queues++
  const queue = new Queue(`mails${queues}`, { connection: connection() })
  closers.push(() => queue.close())
  return queue
}

type Work = ConstructorParameters<typeof Worker>[1]

function aWorker(
  queue: Queue,
  work: Work,
  options: Partial<WorkerOptions> = {},
  more: BullmqReporterOptions = {},
): { worker: Worker; reporter: Reporter } {
  const worker = new Worker(queue.name, work, { connection: connection(), ...options })
  worker.on('error', () => undefined)
  const settings = { firstReportMs: 40, reportIntervalMs: 80, heartbeatMs: 60, retryBaseMs: 5, repeatFinalMs: 0 }
  const reporter = bullmqReporter(worker, { url: server.url, handleExit: false, settings, ...more })
  closers.push(() => worker.close())
  return { worker, reporter }
}

const reportsOf = (queue: Queue, id: string) => server.reports().filter((report) => report.jobId === `${queue.name}/${id}`)
const storyOf = (queue: Queue, id: string) => [
  ...new Set(reportsOf(queue, id).map(({ attempt, status }) => `${attempt} ${status}`)),
]
const untilStatus = (queue: Queue, id: string, status: string) =>
  eventually(
    () => {
      const found = reportsOf(queue, id).find((report) => report.status === status)
      expect(found, `${id} to be ${status}; so far: ${storyOf(queue, id).join(', ')}`).toBeDefined()
      return found as SeenReport
    },
    undefined,
    { timeoutMs: 15_000 },
  )

describe('a job that a worker takes', () => {
  test('is a job-scoped task of the worker, with its log lines, its progress and its end', async () => {
    const queue = aQueue()
    let goOn: (() => void) | undefined
    const { reporter } = aWorker(
      queue,
      async (job) => {
        await job.log('read 10 rows')
        await job.updateProgress(42)
        await new Promise<void>((resolve) => {
          goOn = resolve
        })
        return 'done'
      },
      { concurrency: 3 },
    )
    const { timestamp } = await queue.add('send', {}, { jobId: 'a1' })
    const seen = await until(() => reportsOf(queue, 'a1').find((report) => report.progress === 0.42), 'progress')
    expect(seen).toMatchObject({
      execId: `${queue.name}/a1`,
      taskType: 'bullmq',
      scope: 'job',
      attempt: 1,
      status: 'running',
      attributes: { queue: queue.name, id: 'a1', name: 'send', uid: String(timestamp) },
      engine: { instance: `${hostname()}:${process.pid}/${queue.name}`, engineType: 'bullmq' },
      engineTaskCounts: { running: 1, limit: 3 },
    })
    goOn?.()
    expect(await untilStatus(queue, 'a1', 'succeeded')).toMatchObject({ progress: 1 })
    const lines = reportsOf(queue, 'a1').flatMap((report) => report.logs ?? [])
    expect(lines).toMatchObject([{ level: 'INFO', line: 'read 10 rows' }])
    expect((await queue.getJobLogs('a1')).logs).toEqual(['read 10 rows'])
    await reporter.flush()
    expect(reporter.stats().tasks).toBe(0)
  })

  test('that fails with tries left waits for a retry, and the next try is the next attempt', async () => {
    const queue = aQueue()
    aWorker(queue, async (job) => {
      if (job.attemptsMade < 2) throw new Error(`no ${job.attemptsMade}`)
    })
    await queue.add('send', {}, { jobId: 'a1', attempts: 3, backoff: { type: 'fixed', delay: 60 } })
    await untilStatus(queue, 'a1', 'succeeded')
    const story = storyOf(queue, 'a1').filter((step) => !step.endsWith('running'))
    expect(story).toEqual(['1 waiting_for_retry', '2 waiting_for_retry', '3 succeeded'])
    const waiting = reportsOf(queue, 'a1').find((report) => report.status === 'waiting_for_retry')
    expect(waiting).toMatchObject({ attributes: { failedReason: 'no 0' } })
    expect(waiting?.logs).toMatchObject([{ level: 'WARN', line: 'attempt 1 of 3 failed: no 0' }])
  })

  test.each([
    ['its last try is used up', new RangeError('disk full'), 1, { code: 'RangeError', message: 'disk full' }],
    ['it says that no try will do', new UnrecoverableError('gone'), 5, { code: 'UnrecoverableError', message: 'gone' }],
  ])('has failed for good when %s', async (_, thrown, attempts, error) => {
    const queue = aQueue()
    const { reporter } = aWorker(queue, () => Promise.reject(thrown))
    await queue.add('send', {}, { jobId: 'a1', attempts })
    expect(await untilStatus(queue, 'a1', 'failed')).toMatchObject({ attempt: 1, error })
    await reporter.flush()
    expect(server.reports().at(-1)?.engineTaskCounts).toMatchObject({ running: 0, failed: 1 })
  })

  test('and puts off itself is scheduled until it goes on', async () => {
    const queue = aQueue()
    let tries = 0
    const { reporter } = aWorker(queue, async (job, token) => {
      tries++
      if (tries > 1) return
      await job.moveToDelayed(Date.now() + 150, token)
      throw new DelayedError()
    })
    await queue.add('send', {}, { jobId: 'a1' })
    await untilStatus(queue, 'a1', 'scheduled')
    await untilStatus(queue, 'a1', 'succeeded')
    expect(storyOf(queue, 'a1').filter((step) => !step.endsWith('running'))).toEqual(['1 scheduled', '1 succeeded'])
    // The last report has reached the server; its answer is still to come.
    await reporter.flush()
    expect(reporter.stats()).toMatchObject({ tasks: 0, problems: {} })
  })

  test('and waits for its children is one that has not begun', async () => {
    const queue = aQueue()
    const children = aQueue()
    aWorker(queue, async (job, token) => {
      if ((job.data as { step: number }).step === 2) return
      await job.updateData({ step: 2 })
      const parent = { id: 'a1', queue: queue.qualifiedName }
      await children.add('child', {}, { jobId: 'c1', parent })
      if (await job.moveToWaitingChildren(token ?? '')) throw new WaitingChildrenError()
    })
    await queue.add('send', { step: 1 }, { jobId: 'a1' })
    await untilStatus(queue, 'a1', 'inited')
    aWorker(children, async () => undefined)
    await untilStatus(queue, 'a1', 'succeeded')
    expect(reportsOf(children, 'c1').at(-1)?.attributes?.['parent']).toBe(`${queue.qualifiedName}:a1`)
  })

  test('whose worker loses its lock goes on at another worker, and is told once', async () => {
    const queue = aQueue()
    const { worker: first, reporter } = aWorker(queue, () => new Promise(() => undefined), {
      lockDuration: 30_000,
      skipStalledCheck: true,
    })
    await queue.add('send', {}, { jobId: 'a1' })
    await untilStatus(queue, 'a1', 'running')
    // As after a long block of its event loop: the lock has run out, and the renewal comes too late.
    await redis.client().del(`bull:${queue.name}:a1:lock`)
    const second = aWorker(queue, async () => undefined, { stalledInterval: 50, maxStalledCount: 1 })
    await untilStatus(queue, 'a1', 'succeeded')
    first.emit('lockRenewalFailed', ['a1'])
    await reporter.flush()
    expect(reportsOf(queue, 'a1').filter((report) => report.status === 'succeeded')).toHaveLength(1)
    await expect(untilStatus(queue, 'a1', 'succeeded')).resolves.toMatchObject({
      attempt: 1,
      engine: { instance: second.reporter.instance },
    })
    expect(reporter.stats()).toMatchObject({ tasks: 0, problems: {} })
    await first.close(true)
  })

  test('that stalled more often than it may has failed for good', async () => {
    const queue = aQueue()
    const { worker: first } = aWorker(queue, () => new Promise(() => undefined), { skipStalledCheck: true })
    await queue.add('send', {}, { jobId: 'a1' })
    await untilStatus(queue, 'a1', 'running')
    await redis.client().del(`bull:${queue.name}:a1:lock`)
    aWorker(queue, async () => undefined, { stalledInterval: 50, maxStalledCount: 0 })
    expect(await untilStatus(queue, 'a1', 'failed')).toMatchObject({
      error: { code: 'UnrecoverableError', message: 'job stalled more than allowable limit' },
    })
    await first.close(true)
  })
})

describe('the worker', () => {
  test('is an engine while it is idle, says a changed concurrency, and leaves when it is closed', async () => {
    const queue = aQueue()
    const { worker } = aWorker(queue, async () => undefined, { concurrency: 2 })
    await until(() => server.reports().find((report) => report.engineTaskCounts['limit'] === 2), 'the limit')
    worker.concurrency = 7
    await until(() => server.reports().find((report) => report.engineTaskCounts['limit'] === 7), 'the new limit')
    await worker.close()
    await until(() => server.reports().at(-1)?.engine.status === 'ShuttingDown', 'the leave')
  })

  test('of the same queue in the same process has a name of its own', () => {
    const queue = aQueue()
    const names = [1, 2].map(() => aWorker(queue, async () => undefined, { autorun: false }).reporter.instance)
    expect(names).toEqual([`${hostname()}:${process.pid}/${queue.name}`, `${hostname()}:${process.pid}/${queue.name}/2`])
  })
})

describe('a job that waits', () => {
  test('is reported from the moment it is added, where the events of the queue are given', async () => {
    const queue = aQueue()
    const queueEvents = new QueueEvents(queue.name, { connection: connection(), lastEventId: '0-0' })
    closers.push(() => queueEvents.close())
    await queueEvents.waitUntilReady()
    const { worker, reporter } = aWorker(queue, async () => undefined, { autorun: false }, { queueEvents })
    await queue.add('send', {}, { jobId: 'now' })
    await queue.add('send', {}, { jobId: 'urgent', priority: 3 })
    await queue.add('send', {}, { jobId: 'later', delay: 60_000 })
    await untilStatus(queue, 'now', 'inited')
    await untilStatus(queue, 'urgent', 'inited')
    await untilStatus(queue, 'later', 'scheduled')
    await until(() => reporter.stats().tasks === 0, 'nothing to be held for a job that waits')
    void worker.run()
    await untilStatus(queue, 'now', 'succeeded')
    await untilStatus(queue, 'urgent', 'succeeded')
  })
})

describe('progress', () => {
  test.each([
    [50, { progress: 0.5 }],
    [150, { progress: 1 }],
    [-1, { progress: undefined }],
    [{ progress: 25 }, { progress: 0.25 }],
    [
      { percent: 80, step: 'copy' },
      { progress: 0.8, attributes: { step: 'copy' } },
    ],
    [
      { progress: 10, percent: 80 },
      { progress: 0.1, attributes: { percent: 80 } },
    ],
    [{ step: 'copy', at: { row: 7 } }, { attributes: { step: 'copy', at: '{"row":7}' } }],
    ['half', { attributes: { progress: 'half' } }],
  ])('%j is %j', (value, news) => {
    expect(progressNews(value)).toEqual(news)
  })
})

describe('names', () => {
  test('a job id that is no id of a task is written as one, and stays apart from its like', () => {
    expect(taskName('mails', '7')).toBe('mails/7')
    expect(taskName('mails', 'a b')).toMatch(/^mails\/a_b\.[0-9a-f]{8}$/)
    expect(taskName('mails', 'a b')).not.toBe(taskName('mails', 'a c'.replace('c', '\tb').replace(' ', '')))
    expect(taskName('mails', 'x'.repeat(400))).toHaveLength(200)
  })
})
