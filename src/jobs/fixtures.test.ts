import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  engineOf,
  linesOf,
  linkisBodies,
  openTestStore,
  type TestStore,
  taskOf,
  timersOf,
  totalsOf,
} from '../../test/support/job-stores.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import type { ReportResult } from '../report/report.ts'
import { createQueries } from './queries/queries.ts'

const finishedOnce = (taskType: string, engineType: string, status: string) => ({
  [`finished,default,${taskType},${engineType},${status}`]: 1,
})

let server: RedisServer
let redis: Redis
let store: TestStore

beforeAll(async () => {
  server = await startRedis()
  redis = server.client()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await redis.flushall()
  store = openTestStore(redis)
})

const keys = () => store.keys
const jobOf = (jobId: string) => createQueries(redis, keys()).getJob('default', jobId)

async function sendAll(bodies: readonly unknown[][], to: TestStore = store): Promise<string[]> {
  const outcomes: string[] = []
  for (const body of bodies) outcomes.push(...(await to.send(...body)).map((result) => result.outcome))
  return outcomes
}

/** Every order of a few things. */
function ordersOf<T>(things: readonly T[]): T[][] {
  if (things.length <= 1) return [[...things]]
  return things.flatMap((thing, i) => ordersOf(things.toSpliced(i, 1)).map((rest) => [thing, ...rest]))
}

/** Orders spread evenly over all there are. */
function someOrdersOf<T>(things: readonly T[], count: number): T[][] {
  const all = ordersOf(things)
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[Math.floor((i * all.length) / count)] as T[])
}

type Ending = { readonly name: string; readonly check: () => Promise<void> }

const p1: Ending = {
  name: 'p1-spark-3-stages',
  check: async () => {
    const job = await jobOf('48213')
    expect(job).toMatchObject({ status: 'succeeded', progress: 1, resources: { totals: { memoryBytes: 0, cpuCores: 0 } } })
    expect(job?.durations).toEqual({ queueSeconds: 5, runSeconds: 47 })
    const task = await taskOf(redis, keys(), '48213', 'spark-ec-48213')
    const sum = (of: 'totalTasks' | 'succeedTasks' | 'failedTasks') =>
      task.progressInfo.reduce((all, stage) => all + stage[of], 0)
    expect([sum('totalTasks'), sum('succeedTasks'), sum('failedTasks')]).toEqual([200, 200, 1])
    expect(task.applications).toMatchObject([{ jobStatus: 'FINISHED', live: false }])
    const engine = await createQueries(redis, keys()).getEngine('node-07:38215', '*')
    expect(engine?.counts).toEqual({ running: 0, pending: 0, limit: 1, succeeded: 12, failed: 0 })
    expect(engine?.tasks).toEqual([])
    const lines = await linesOf(redis, keys())
    expect(lines).toHaveLength(4)
    expect(lines.filter((line) => line.includes('|WARN|'))).toHaveLength(1)
    expect(await totalsOf(redis, keys())).toMatchObject({
      ...finishedOnce('sql', 'spark', 'succeeded'),
      'durationCount,sql,spark,succeeded': 1,
      'durationSumMs,sql,spark,succeeded': 47_000,
      'queueCount,sql,spark': 1,
      'queueSumMs,sql,spark': 5_000,
    })
  },
}

const p2: Ending = {
  name: 'p2-hive-two-applications',
  check: async () => {
    const job = await jobOf('48290')
    expect(job).toMatchObject({ status: 'succeeded', progress: 1 })
    expect(job?.resources.applications).toHaveLength(2)
    expect(job?.resources.applications.every((application) => !application.live)).toBe(true)
    expect((await createQueries(redis, keys()).listEngines({}, { limit: 9 })).engines[0]?.counts.succeeded).toBe(1)
    expect(await linesOf(redis, keys())).toHaveLength(4)
  },
}

const p3: Ending = {
  name: 'p3-python-fails',
  check: async () => {
    const job = await jobOf('48301')
    expect(job).toMatchObject({ status: 'failed', progress: 0.3333, error: { code: '60003' } })
    expect(job?.resources.applications).toEqual([])
    expect(job?.algorithmMetrics).toMatchObject({ trainLoss: 0.82, epoch: 1, batchSize: 64 })
    const engine = (await createQueries(redis, keys()).listEngines({}, { limit: 9 })).engines[0]
    expect(engine?.counts).toMatchObject({ succeeded: 4, failed: 1 })
    const lines = await linesOf(redis, keys())
    expect(lines).toHaveLength(2)
    expect(lines.some((line) => line.split('\n').length === 3)).toBe(true)
  },
}

const p4: Ending = {
  name: 'p4-engine-4-concurrent',
  check: async () => {
    const all = await Promise.all(['48400', '48401', '48402', '48403', '48404'].map(jobOf))
    expect(all.map((job) => [job?.status, job?.progress])).toEqual([
      ['running', 0.35],
      ['succeeded', 1],
      ['running', 0.05],
      ['running', 0.15],
      ['running', 0],
    ])
    const engine = (await createQueries(redis, keys()).listEngines({}, { limit: 9 })).engines[0]
    expect(engine?.counts).toMatchObject({ running: 4, pending: 1, succeeded: 18, failed: 1 })
    expect((await createQueries(redis, keys()).getEngine(engine?.instance ?? '', '*'))?.tasks).toHaveLength(4)
    const totals = await totalsOf(redis, keys())
    const sumOf = (family: string) =>
      Object.entries(totals).reduce((sum, [field, value]) => (field.startsWith(`${family},`) ? sum + value : sum), 0)
    expect([sumOf('tasks'), sumOf('finished'), sumOf('openJobs')]).toEqual([4, 1, 4])
    expect(await linesOf(redis, keys())).toHaveLength(1)
  },
}

const p5: Ending = {
  name: 'p5-cancelled',
  check: async () => {
    const job = await jobOf('48500')
    expect(job).toMatchObject({ status: 'cancelled', progress: 0.4, resources: { totals: { memoryBytes: 0 } } })
    expect(job?.error).toBeNull()
    expect(await totalsOf(redis, keys())).toMatchObject(finishedOnce('sql', 'spark', 'cancelled'))
    expect(Object.keys(await totalsOf(redis, keys())).some((field) => field.endsWith(',failed'))).toBe(false)
    expect(await linesOf(redis, keys())).toHaveLength(2)
    expect((await createQueries(redis, keys()).getEngine('node-07:38215', '*'))?.counts).toMatchObject({
      succeeded: 12,
      failed: 0,
    })
  },
}

const bare: Ending = {
  name: 'bare-linkis-message',
  check: async () => {
    const job = await jobOf('node-09:40211/17')
    expect(job).toMatchObject({ status: 'running', progress: 0.99, engineType: 'unknown', taskType: 'generic' })
    expect(job?.resources.totals).toMatchObject({ memoryBytes: 34_359_738_368, cpuCores: 16 })
    expect(job?.attributes['queue']).toBe('root.etl')
    expect(job?.engine).toMatchObject({ incarnation: 'd81b44ce-spark', ticketId: 'd81b44ce-spark', node: 'node-09' })
  },
}

const all = [p1, p2, p3, p4, p5, bare]

describe.each(all)('the fixture $name', ({ name, check }) => {
  test('ends as it must, sent in order', async () => {
    await sendAll(linkisBodies(name))
    await check()
  })

  test('ends the same when every request is sent twice in a row', async () => {
    const outcomes = await sendAll(linkisBodies(name).flatMap((body) => [body, body]))
    await check()
    if (name !== bare.name) expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(outcomes.length / 2)
  })

  test('ends the same when all of it is sent a second time', async () => {
    await sendAll(linkisBodies(name))
    const outcomes = await sendAll(linkisBodies(name))
    await check()
    if (name !== bare.name) expect(new Set(outcomes)).toEqual(new Set(['duplicate']))
  })

  test('ends the same when two replicas take its requests in turn', async () => {
    const other = openTestStore(redis)
    for (const [i, body] of linkisBodies(name).entries()) await (i % 2 === 0 ? store : other).send(...body)
    await check()
  })

  test('ends the same when each request goes to two replicas at once', async () => {
    const other = openTestStore(redis)
    for (const body of linkisBodies(name)) await Promise.all([store.send(...body), other.send(...body)])
    await check()
  })

  test('leaves no timer behind once everything is past its retention', async () => {
    await sendAll(linkisBodies(name))
    store.time.aheadMs = 30 * 86_400_000
    await store.sweepAll()
    store.time.aheadMs += 30 * 86_400_000
    await store.sweepAll()
    expect(await timersOf(redis, keys())).toEqual({})
    expect(
      (await redis.keys('*')).filter((key) => !/:(events|counters|runs|outbox|outbox-bytes)$|^es:labels:/.test(key)),
    ).toEqual([])
    const gauges = Object.keys(await totalsOf(redis, keys())).filter((field) => /^(tasks|engines|openJobs)/.test(field))
    expect(gauges).toEqual([])
  })
})

describe.each([p1, p2, p3, p4])('the fixture $name', ({ name, check }) => {
  test('ends the same in any order', async () => {
    for (const order of someOrdersOf(linkisBodies(name), 24)) {
      await redis.flushall()
      store = openTestStore(redis)
      await sendAll(order)
      await check()
    }
  })

  test('ends the same when two replicas race for it all at once', async () => {
    for (let round = 0; round < 5; round++) {
      await redis.flushall()
      const replicas = [openTestStore(redis), openTestStore(redis)]
      const bodies = linkisBodies(name)
      const answers = await Promise.all(replicas.flatMap((replica) => bodies.map((body) => replica.send(...body))))
      await check()
      const outcomes = answers.flat().map((result: ReportResult) => result.outcome)
      expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(outcomes.length / 2)
    }
  })
})

describe('on the way', () => {
  const send = async (name: string, from: number, to: number) => sendAll(linkisBodies(name).slice(from, to))

  test('p1 shows progress and resources of its stages', async () => {
    await send(p1.name, 0, 3)
    expect(await jobOf('48213')).toMatchObject({
      progress: 0.42,
      resources: { totals: { memoryBytes: 34_359_738_368, cpuCores: 16, containers: 4 } },
    })
    await send(p1.name, 3, 4)
    expect(await jobOf('48213')).toMatchObject({
      progress: 0.75,
      resources: { totals: { memoryBytes: 68_719_476_736, cpuCores: 32, containers: 8 } },
    })
    const { progressInfo } = await taskOf(redis, keys(), '48213', 'spark-ec-48213')
    expect(progressInfo.reduce((sum, stage) => sum + stage.runningTasks, 0)).toBe(12)
    expect(progressInfo.reduce((sum, stage) => sum + stage.failedTasks, 0)).toBe(1)
    await send(p1.name, 4, 5)
    expect(await jobOf('48213')).toMatchObject({ progress: 0.99, status: 'running' })
  })

  test('p2 shows only what is live of its applications', async () => {
    const totals = async () => (await jobOf('48290'))?.resources.totals
    await send(p2.name, 0, 2)
    expect(await totals()).toMatchObject({ cpuCores: 6, memoryBytes: 12_884_901_888 })
    await send(p2.name, 2, 3)
    expect(await jobOf('48290')).toMatchObject({ progress: 0.5, resources: { totals: { cpuCores: 0, memoryBytes: 0 } } })
    await send(p2.name, 3, 4)
    expect(await totals()).toMatchObject({ cpuCores: 10, memoryBytes: 21_474_836_480 })
    expect((await jobOf('48290'))?.resources.applications).toHaveLength(2)
  })

  test('p3 shows progress without resources', async () => {
    await send(p3.name, 0, 2)
    expect(await jobOf('48301')).toMatchObject({ progress: 0.3333, status: 'running' })
  })

  test('p4 takes the engine of a batch once, and names what is missing', async () => {
    const [first] = linkisBodies(p4.name)
    const answers = await store.send(...(first ?? []))
    expect(answers.map((answer) => answer.missing)).toEqual([[[1, 3]], [[1, 8]], [[1, 1]], undefined])
    const engines = (await createQueries(redis, keys()).listEngines({}, { limit: 9 })).engines
    expect(engines.map((engine) => engine.counts)).toEqual([{ running: 4, pending: 2, succeeded: 17, failed: 1, limit: 15 }])
    await send(p4.name, 1, 2)
    store.time.aheadMs = 599_000
    await store.sweepAll()
    expect(await totalsOf(redis, keys())).not.toHaveProperty('reportsLost')
    store.time.aheadMs = 601_000
    await store.sweepAll()
    expect(await totalsOf(redis, keys())).toMatchObject({ reportsLost: 12 })
    await store.sweepAll()
    expect(await totalsOf(redis, keys())).toMatchObject({ reportsLost: 12 })
  })

  test('p5 is applied three times and closed twice, also after p1 on the same engine', async () => {
    await sendAll(linkisBodies(p1.name))
    const outcomes = await sendAll(linkisBodies(p5.name))
    expect(outcomes).toEqual(['applied', 'applied', 'applied', 'closed', 'closed'])
    expect((await engineOf(redis, keys(), 'node-07:38215'))?.counts).toMatchObject({ running: 0 })
    expect((await createQueries(redis, keys()).getEngine('node-07:38215', '*'))?.counts).toMatchObject({
      succeeded: 12,
      failed: 0,
    })
  })

  test('the bare message begins at its floor and counts the application that says COMPLETED', async () => {
    await send(bare.name, 0, 1)
    expect(await jobOf('node-09:40211/17')).toMatchObject({ status: 'running', progress: 0.1, engineType: 'unknown' })
    await send(bare.name, 1, 2)
    expect(await jobOf('node-09:40211/17')).toMatchObject({
      progress: 0.42,
      resources: { totals: { memoryBytes: 34_359_738_368, cpuCores: 16 } },
    })
  })
})
