import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../../../test/support/redis.ts'
import { aJob, aLogEntry, anEngine, aTask, someTimeMs, storeEngine, storeJob } from '../../../test/support/stored-state.ts'
import { keysFor } from '../keys.ts'
import type { JobRecord } from '../records.ts'
import type { JobFilter } from './job-filter.ts'
import { readJobs } from './job-list.ts'
import { createQueries } from './queries.ts'

const keys = keysFor(16)
let server: RedisServer
let redis: Redis
const everything: JobFilter = { reach: '*' }

beforeAll(async () => {
  server = await startRedis()
  redis = server.client()
})
afterAll(() => server.stop())
beforeEach(() => redis.flushall())

const queries = () => createQueries(redis, keys)

async function idsOf(filter: JobFilter, limit = 50): Promise<string[]> {
  const { jobs } = await queries().listJobs(filter, { limit })
  return jobs.map((job) => job.jobId)
}

async function storeJobs(count: number, change: (i: number) => Partial<JobRecord> = () => ({})): Promise<void> {
  for (let i = 0; i < count; i++)
    await storeJob(
      redis,
      keys,
      aJob({ jobId: `job-${String(i).padStart(4, '0')}`, firstArrivalAtMs: someTimeMs + i, ...change(i) }),
    )
}

/** Every page of a list, following the cursors. */
async function allPages(filter: JobFilter, limit: number, between: (page: number) => Promise<void> = async () => undefined) {
  const ids: string[] = []
  let cursor: string | null | undefined
  for (let page = 0; cursor !== null; page++) {
    const answer = await queries().listJobs(filter, cursor === undefined ? { limit } : { limit, cursor })
    ids.push(...answer.jobs.map((job) => job.jobId))
    cursor = answer.nextCursor
    await between(page)
  }
  return ids
}

describe('the list of jobs', () => {
  test('is in order of first arrival, newest first, over all shards', async () => {
    await storeJobs(120)
    const expected = Array.from({ length: 120 }, (_, i) => `job-${String(119 - i).padStart(4, '0')}`)
    expect(await idsOf(everything, 500)).toEqual(expected)
    expect(await allPages(everything, 7)).toEqual(expected)
  })

  test('neither repeats nor skips a job while others are added', async () => {
    await storeJobs(60)
    const ids = await allPages(everything, 9, (page) =>
      storeJob(redis, keys, aJob({ jobId: `new-${page}`, firstArrivalAtMs: someTimeMs + 1_000 + page })),
    )
    expect(ids).toHaveLength(60)
    expect(new Set(ids).size).toBe(60)
  })

  test('pages through more jobs of one millisecond than a page of a shard holds', async () => {
    const one = keysFor(1)
    const count = 1_100
    const pipeline = redis.pipeline()
    for (let i = 0; i < count; i++) {
      pipeline.hset(one.job(0, 'default', `job-${i}`), 'job', JSON.stringify(aJob({ jobId: `job-${i}` })))
      pipeline.zadd(one.jobs(0), someTimeMs, `default/job-${i}`)
    }
    await pipeline.exec()
    const ids: string[] = []
    let cursor: string | null | undefined
    while (cursor !== null) {
      const answer = await readJobs(redis, one, everything, { limit: 100, cursor })
      ids.push(...answer.jobs.map((job) => job.jobId))
      cursor = answer.nextCursor
    }
    expect(ids).toHaveLength(count)
    expect(new Set(ids).size).toBe(count)
  })

  test('has no further page when the last one is exactly full', async () => {
    await storeJobs(3)
    const { jobs, nextCursor } = await queries().listJobs(everything, { limit: 3 })
    expect(jobs).toHaveLength(3)
    const rest =
      nextCursor === null ? { jobs: [], nextCursor } : await queries().listJobs(everything, { limit: 3, cursor: nextCursor })
    expect(rest).toEqual({ jobs: [], nextCursor: null })
  })

  test('hands out a cursor where it stopped looking, even when it found nothing', async () => {
    await storeJobs(90, (i) => ({ user: i === 0 ? 'ann' : 'bob' }))
    const filter = { reach: '*', user: 'ann' } as const
    const limits = { recordsMax: 40, membersMax: 1_000 }
    const first = await readJobs(redis, keys, filter, { limit: 5 }, limits)
    expect(first.jobs).toEqual([])
    const second = await readJobs(redis, keys, filter, { limit: 5, cursor: first.nextCursor ?? '' }, limits)
    const third = await readJobs(redis, keys, filter, { limit: 5, cursor: second.nextCursor ?? '' }, limits)
    expect(third.jobs.map((job) => job.jobId)).toEqual(['job-0000'])
  })

  test.each([
    ['namespace', { namespace: 'lab' }, ['b']],
    ['status', { statuses: ['failed', 'lost'] }, ['b']],
    ['only open statuses', { statuses: ['running'] }, ['a']],
    ['task type', { taskType: 'training' }, ['b']],
    ['engine type', { engineType: 'python' }, ['b']],
    ['engine that reported last', { engine: 'gpu-1:9000' }, ['b']],
    ['engine with an open task of it', { engine: 'node-07:38215' }, ['a']],
    ['user', { user: 'ann' }, ['b']],
    ['text of an id', { q: 'A' }, ['a', 'b']],
    ['text of an attribute', { q: 'queue=root' }, ['a']],
    ['text that would be a pattern', { q: '.*' }, []],
    ['a namespace that only begins alike', { namespace: 'la' }, []],
    ['reach', { reach: new Set(['lab']) }, ['b']],
    ['reach that the namespace lies outside of', { reach: new Set(['lab']), namespace: 'default' }, []],
  ] as [string, Partial<JobFilter>, string[]][])('is narrowed by %s', async (_what, filter, expected) => {
    await storeJob(redis, keys, aJob({ jobId: 'a', attributes: { queue: 'root.etl' }, engine: 'other:1' }), {
      tasks: [aTask({ jobId: 'a' })],
    })
    const other = { namespace: 'lab', taskType: 'training', engineType: 'python', engine: 'gpu-1:9000', user: 'ann' }
    await storeJob(redis, keys, aJob({ jobId: 'b', status: 'failed', ...other }))
    expect((await idsOf({ ...everything, ...filter })).sort()).toEqual(expected)
  })

  test('leaves out a job whose record has expired', async () => {
    await storeJobs(2)
    await redis.del(keys.job(keys.shardOfJob('default', 'job-0001'), 'default', 'job-0001'))
    expect(await idsOf(everything)).toEqual(['job-0000'])
  })

  test.each(['', 'nonsense', Buffer.from('["jobs","x",1]').toString('base64url'), 'x'.repeat(9_000)])(
    'refuses the cursor %j',
    async (cursor) => {
      await expect(queries().listJobs(everything, { limit: 1, cursor })).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
        path: 'cursor',
      })
    },
  )
})

describe('one job', () => {
  test('has the same fields while it runs and afterwards', async () => {
    await storeJob(redis, keys, aJob(), { tasks: [aTask()] })
    const running = await queries().getJob('default', '48213')
    const end = { endedAtMs: someTimeMs + 60_000, endedArrivalAtMs: someTimeMs + 60_010 }
    const ended = { status: 'succeeded', progress: 1, ...end } as const
    await storeJob(redis, keys, aJob({ ...ended, error: { code: '40001' } }), { tasks: [aTask(ended)] })
    const after = await queries().getJob('default', '48213')
    expect(shapeOf(after)).toEqual(shapeOf(running))
    expect(after).toMatchObject({
      error: { code: '40001', message: null },
      timestamps: { ended: '2025-03-04T08:01:00.000Z', scheduled: null },
      durations: { queueSeconds: 2, runSeconds: 58 },
      etaSeconds: null,
    })
  })

  test('keeps numbers exact and sums over live applications', async () => {
    const application = { queueMemory: 68_719_476_736, queueCores: 16, queueInstances: 4, queue: 'root.etl', live: true }
    const applications = [
      { ...application, applicationId: 'application_1_1', jobStatus: 'RUNNING' },
      { ...application, applicationId: 'application_1_2', jobStatus: 'FINISHED', live: false },
    ]
    await storeJob(redis, keys, aJob(), { tasks: [aTask({ applications })] })
    const job = await queries().getJob('default', '48213')
    expect(job?.resources).toEqual({ applications, totals: { memoryBytes: 68_719_476_736, cpuCores: 16, containers: 4 } })
    expect(job?.tasks[0]?.resources).toEqual(job?.resources)
  })

  test('adds up usage and counters over its tasks and takes the newest of other metrics', async () => {
    const cpu = (max: number) => ({ base: 1, per: [['i', max]] as [string, number][] })
    const tasks = [
      aTask({
        task: 'w-1',
        usage: { cpuSeconds: cpu(10), memoryBytes: 5 },
        metrics: { loss: 0.5 },
        counters: { samples: cpu(99) },
      }),
      aTask({
        task: 'w-2',
        usage: { cpuSeconds: cpu(20) },
        metrics: { loss: 0.4 },
        counters: { samples: cpu(49) },
        lastReportAtMs: someTimeMs + 50_000,
      }),
    ]
    await storeJob(redis, keys, aJob({ taskCount: 2 }), {
      tasks,
      attempts: [aTask({ task: 'w-1', attempt: 0, status: 'failed' })],
    })
    const job = await queries().getJob('default', '48213')
    expect(job?.usage).toEqual({ cpuSeconds: 32, memoryBytes: 5, gpuMemoryBytes: null, gpuUtilizationRatio: null })
    expect(job?.algorithmMetrics).toEqual({ loss: 0.4, samples: 150 })
    expect(job?.tasks.map((task) => task.execId)).toEqual(['w-1', 'w-2'])
    expect(job?.attempts).toMatchObject([{ execId: 'w-1', attempt: 0, status: 'failed' }])
  })

  test('says when it will end at the pace it has, and what is missing of its reports', async () => {
    const streams = [{ incarnation: 'i', newest: 9, missing: [[3, 4, 0]] as [number, number, number][] }]
    await storeJob(redis, keys, aJob({ progress: 0.5 }), { tasks: [aTask({ progress: 0.5, streams })] })
    const job = await queries().getJob('default', '48213')
    expect(job?.etaSeconds).toBe(42)
    expect(job?.tasks[0]).toMatchObject({ etaSeconds: 42, seq: 9, missing: [[3, 4]] })
  })

  test('is not another one whose namespace and id make the same key', async () => {
    await storeJob(redis, keys, aJob({ namespace: 'a/b', jobId: 'c' }))
    expect(await queries().getJob('a/b', 'c')).toBeDefined()
    expect(await queries().getJob('a', 'b/c')).toBeUndefined()
    expect(await queries().getTail('a', 'b/c', { limit: 1 })).toBeUndefined()
    expect(await queries().getHistory('a', 'b/c', 1)).toBeUndefined()
  })

  test('with thousands of tasks is read in steps, counted in full and shown in part', async () => {
    const tasks = Array.from({ length: 4_100 }, (_, i) =>
      aTask({ task: `t-${i}`, progressInfo: [], firstArrivalAtMs: someTimeMs + i, usage: { memoryBytes: 2 } }),
    )
    const key = keys.job(keys.shardOfJob('default', 'big'), 'default', 'big')
    await storeJob(redis, keys, aJob({ jobId: 'big', taskCount: tasks.length }))
    const fields = tasks.map((task) => [`t:${task.task}`, JSON.stringify({ attempt: 1, current: { e: task } })])
    await redis.hset(key, Object.fromEntries(fields))
    const job = await queries().getJob('default', 'big')
    expect(job?.isTruncated).toBe(true)
    expect(job?.tasks).toHaveLength(1_000)
    expect(job?.tasks.at(-1)?.execId).toBe('t-4099')
    expect(job?.usage.memoryBytes).toBe(8_200)
  })

  test('has a history with the newest samples, oldest first', async () => {
    const history = [1, 2, 3].map((i) => ({ at: someTimeMs + i, status: 'running', progress: i / 10 }) as const)
    await storeJob(redis, keys, aJob(), { history })
    const { samples } = (await queries().getHistory('default', '48213', 2)) ?? { samples: [] }
    expect(samples.map((sample) => sample.progress)).toEqual([0.2, 0.3])
    expect(samples[0]).toEqual({
      at: '2025-03-04T08:00:00.002Z',
      status: 'running',
      progress: 0.2,
      memoryBytes: null,
      cpuSeconds: null,
      tasks: null,
    })
  })
})

describe('the tail of a job', () => {
  const entries = Array.from({ length: 250 }, (_, i) => aLogEntry([`a${i}`, `ERROR b${i}`, ''], {}, someTimeMs + i * 10))
  const all = entries.flatMap((_, i) => [`a${i}`, `b${i}`, ''])

  async function follow(order: 'asc' | 'desc', limit: number, level?: string): Promise<string[]> {
    const lines: string[] = []
    let after: string | null | undefined
    while (after !== null) {
      const page = await queries().getTail('default', '48213', { limit, order, after, level })
      lines.push(...(page?.lines ?? []).map((line) => line.line))
      after = page === undefined ? null : page.nextCursor
    }
    return lines
  }

  test.each([1, 2, 7, 100, 1_000])('is read whole and in order in pages of %i lines', async (limit) => {
    const some = limit < 3 ? entries.slice(0, 20) : entries
    await storeJob(redis, keys, aJob(), { tail: some })
    const expected = all.slice(0, some.length * 3)
    expect(await follow('asc', limit)).toEqual(expected)
    expect(await follow('desc', limit)).toEqual([...expected].reverse())
  })

  test('is narrowed to a level and those above it', async () => {
    await storeJob(redis, keys, aJob(), { tail: entries })
    expect(await follow('asc', 60, 'WARN')).toEqual(entries.map((_, i) => `b${i}`))
  })

  test('goes on where it was left although old entries were dropped meanwhile', async () => {
    await storeJob(redis, keys, aJob(), { tail: entries.slice(0, 10) })
    const first = await queries().getTail('default', '48213', { limit: 13 })
    await storeJob(redis, keys, aJob({ tailNo: 12 }), { tail: entries.slice(3, 12) })
    const second = await queries().getTail('default', '48213', { limit: 100, after: first?.nextCursor ?? '' })
    expect(second?.lines.map((line) => line.line)).toEqual(all.slice(13, 36))
    expect(second?.hasGap).toBe(false)
    await storeJob(redis, keys, aJob({ tailNo: 40 }), { tail: entries.slice(30, 40) })
    const third = await queries().getTail('default', '48213', { limit: 1, after: second?.resumeCursor ?? '' })
    expect(third).toMatchObject({ hasGap: true, lines: [{ line: 'a30' }] })
  })

  test('tells a follower where later lines begin, whichever way it was read', async () => {
    await storeJob(redis, keys, aJob(), { tail: entries.slice(0, 4) })
    for (const order of ['asc', 'desc'] as const) {
      const page = await queries().getTail('default', '48213', { limit: 100, order })
      expect(page?.nextCursor).toBeNull()
      await storeJob(redis, keys, aJob(), { tail: entries.slice(0, 5) })
      const rest = await queries().getTail('default', '48213', { limit: 100, after: page?.resumeCursor ?? '' })
      expect(rest?.lines.map((line) => line.line)).toEqual(['a4', 'b4', ''])
      await storeJob(redis, keys, aJob(), { tail: entries.slice(0, 4) })
    }
  })

  test('shows the time of the engine and leaves out the lines of the aggregator', async () => {
    const own = aLogEntry(['job finished'], { isOwn: true })
    await storeJob(redis, keys, aJob(), { tail: [aLogEntry(['x']), own] })
    const page = await queries().getTail('default', '48213', { limit: 10 })
    expect(page?.lines).toEqual([
      {
        ts: '2025-03-04T08:00:00.000Z',
        level: 'INFO',
        line: 'x',
        execId: 'spark-ec-48213',
        engine: 'node-07:38215',
        fields: {},
      },
    ])
  })

  test('of a job without lines is empty and reaches back', async () => {
    await storeJob(redis, keys, aJob())
    expect(await queries().getTail('default', '48213', { limit: 10 })).toMatchObject({
      lines: [],
      nextCursor: null,
      reachesBack: true,
      hasGap: false,
    })
  })
})

describe('engines', () => {
  test('are listed by instance in pages and narrowed by state, type and text', async () => {
    for (const instance of ['c:1', 'a:1', 'b:1']) await storeEngine(redis, keys, anEngine({ instance }))
    await storeEngine(
      redis,
      keys,
      anEngine({ instance: 'd:1', state: 'lost', engineType: 'hive', facts: { instance: 'd:1', engineType: 'hive' } }),
    )
    await storeEngine(redis, keys, anEngine({ instance: 'gone:1', isGone: true }))
    const first = await queries().listEngines({}, { limit: 3 })
    expect(first.engines.map((engine) => engine.instance)).toEqual(['a:1', 'b:1', 'c:1'])
    const second = await queries().listEngines({}, { limit: 3, cursor: first.nextCursor ?? '' })
    expect(second).toMatchObject({ engines: [{ instance: 'd:1', up: false, state: 'lost' }], nextCursor: null })
    const ids = async (filter: Parameters<ReturnType<typeof queries>['listEngines']>[0]) =>
      (await queries().listEngines(filter, { limit: 10 })).engines.map((engine) => engine.instance)
    expect(await ids({ states: ['lost'] })).toEqual(['d:1'])
    expect(await ids({ engineType: 'hive' })).toEqual(['d:1'])
    expect(await ids({ q: 'NODE-07' })).toEqual(['a:1', 'b:1', 'c:1'])
  })

  test('show their counts, their open tasks within reach, and what those use', async () => {
    await storeEngine(redis, keys, anEngine())
    await storeJob(redis, keys, aJob(), { tasks: [aTask({ usage: { memoryBytes: 7 } })] })
    await storeJob(redis, keys, aJob({ namespace: 'lab' }), { tasks: [aTask({ namespace: 'lab', usage: { memoryBytes: 9 } })] })
    const whole = await queries().getEngine('node-07:38215', '*')
    expect(whole).toMatchObject({
      up: true,
      counts: { running: 1, pending: 0, limit: 4, succeeded: 11, failed: null },
      usage: { memoryBytes: 16 },
    })
    expect((await queries().getEngine('node-07:38215', new Set(['lab'])))?.tasks).toEqual([
      {
        namespace: 'lab',
        jobId: '48213',
        execId: 'spark-ec-48213',
        status: 'running',
        progress: 0.42,
        etaSeconds: expect.closeTo(58, 0),
      },
    ])
    expect(await queries().getEngine('nobody', '*')).toBeUndefined()
  })

  test('that expose metrics of their own are given to Prometheus, unless they are lost', async () => {
    await storeEngine(redis, keys, anEngine({ instance: 'a', attributes: { metricsAddress: 'a:9100' } }))
    await storeEngine(redis, keys, anEngine({ instance: 'b', state: 'lost', attributes: { metricsAddress: 'b:9100' } }))
    await storeEngine(redis, keys, anEngine({ instance: 'c' }))
    expect(await queries().listMetricsAddresses()).toEqual([{ instance: 'a', address: 'a:9100' }])
  })
})

test('a store that is away is named as such, and a wrong command is not', async () => {
  const away = server.client({ port: 1, enableOfflineQueue: false, lazyConnect: true, retryStrategy: () => null })
  await expect(createQueries(away, keys).getJob('default', '1')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' })
  await redis.set(keys.job(keys.shardOfJob('default', '1'), 'default', '1'), 'no hash')
  await expect(queries().getJob('default', '1')).rejects.toThrow('WRONGTYPE')
})

/** The names of all fields, to any depth; lists by the shape of their first element. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (value === null || typeof value !== 'object') return true
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, name === 'error' || shapeOf(inner)]))
}
