import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { startProgram } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

describe('the engines of the demo profile', () => {
  let redis: RedisServer
  let aggregator: Aggregator

  beforeAll(async () => {
    redis = await startRedis()
    aggregator = await startAggregator({ redisUrl: redis.url })
  })
  afterAll(async () => {
    await aggregator.stop()
    await redis.stop()
  })

  test('do a round of real work that ends in three ways, learn, and leave', async () => {
    const env = { ENGINESCOPE_URL: aggregator.url }
    const engines = await startProgram(process.execPath, ['deploy/compose/engines.mjs', '--app', '.', '--once'], { env })
    const { code } = await engines.exited
    expect(engines.stdout()).not.toContain('should have')
    expect(code).toBe(0)

    const { jobs } = (await aggregator.http.get('/api/v1/jobs?limit=20')).json() as { jobs: { jobId: string; status: string }[] }
    const ends = Object.fromEntries(jobs.map(({ jobId, status }) => [jobId.replace(/-\d+$/, ''), status]))
    const short = { 'word-count': 'succeeded', compress: 'succeeded', restore: 'failed', primes: 'cancelled' }
    expect(ends).toEqual({ ...short, federated: 'succeeded', incremental: 'succeeded', joint: 'succeeded' })
    const { engines: known } = (await aggregator.http.get('/api/v1/engines')).json() as { engines: { instance: string }[] }
    expect(known.map(({ instance }) => instance)).toContain('standby-1')
  }, 180_000)

  test('leave at once when the container stops', async () => {
    const env = { ENGINESCOPE_URL: aggregator.url }
    const engines = await startProgram(process.execPath, ['deploy/compose/engines.mjs', '--app', '.'], { env })
    await aggregatorSees(aggregator, 'running')
    expect(await engines.stop(15_000)).toMatchObject({ code: 0, signal: null })
  }, 60_000)
})

async function aggregatorSees({ http }: Aggregator, status: string): Promise<void> {
  await eventually(async () => ((await http.get(`/api/v1/jobs?status=${status}`)).json() as { jobs: unknown[] }).jobs.length > 0)
}
