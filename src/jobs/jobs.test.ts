import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import { reportParser } from '../report/parse.ts'
import type { Report } from '../report/report.ts'
import { type JobStore, openJobStore } from './job-store.ts'
import { keysFor } from './keys.ts'
import type { EngineRecord, ExecRecord, JobRecord, TaskRecord } from './records.ts'

const keys = keysFor(16)
let server: RedisServer
let redis: Redis
let store: JobStore

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})
beforeEach(async () => {
  await redis.flushall()
  store = aStore()
})

function aStore(): JobStore {
  return openJobStore({
    store: redis,
    keys,
    settings: {
      gaps: { rangesMax: 64, rangesInAnswerMax: 16 },
      gapTimeoutMs: 600_000,
      retentionMs: 600_000,
      suspectAfterMs: 15_000,
      lostAfterMs: 60_000,
      lingerMs: 300_000,
      engineLingerMs: 3_600_000,
      tailBytesMax: 131_072,
      tailRetentionMs: 600_000,
      historySamplesMax: 1000,
      openJobsMax: 100_000,
      labelValuesMax: { namespace: 1000, task_type: 100, engine_type: 100 },
      isReplicaAwaited: false,
    },
    bounds: { durationSeconds: [1, 10, 60], queueSeconds: [1, 10, 60] },
    metricKind: () => 'gauge',
    gate: { isShipping: false, hasRoom: () => true },
    observer: { commandSeconds: () => {}, error: () => {} },
    onCommitted: () => {},
    onLines: () => {},
  })
}

const parse = reportParser()
function read(items: readonly unknown[]): Report[] {
  return items.map((item) => {
    const result = parse(item, Date.now())
    if (!result.isValid) throw new Error(result.rejection.message)
    return result.report
  })
}
const fixture = (name: string): unknown[] =>
  JSON.parse(readFileSync(new URL(`../../test/fixtures/linkis/${name}.json`, import.meta.url), 'utf8')) as unknown[]

async function jobOf(jobId: string): Promise<{ job: JobRecord; task: TaskRecord }> {
  const all = await redis.hgetall(keys.job(keys.shardOfJob('default', jobId), 'default', jobId))
  const exec = JSON.parse(Object.entries(all).find(([name]) => name.startsWith('t:'))?.[1] ?? '') as ExecRecord
  return { job: JSON.parse(all['job'] ?? '') as JobRecord, task: Object.values(exec.current)[0] as TaskRecord }
}

test('a spark job with three stages ends as it should', async () => {
  for (const item of fixture('p1-spark-3-stages')) await store.jobs.apply(read([item]))
  const { job, task } = await jobOf('48213')
  console.log(JSON.stringify({ job, task }, null, 1))
  expect(job.status).toBe('succeeded')
  const engine = JSON.parse((await redis.hget(keys.engine(keys.shardOfEngine('node-07:38215'), 'node-07:38215'), 'engine')) ?? '') as EngineRecord
  console.log(JSON.stringify(engine), await redis.keys('*'))
  for (const key of await redis.keys('*counters')) console.log(key, await redis.hgetall(key))
  console.log(await Promise.all(fixture('p1-spark-3-stages').map((item) => store.jobs.apply(read([item])))))
})
