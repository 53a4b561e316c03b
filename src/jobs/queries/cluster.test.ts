import { Cluster } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RedisCluster, startRedisCluster } from '../../../test/support/redis-cluster.ts'
import { aJob, aLogEntry, anEngine, aTask, storeEngine, storeJob } from '../../../test/support/stored-state.ts'
import { keysFor } from '../keys.ts'
import { createQueries } from './queries.ts'

const keys = keysFor(16)
let servers: RedisCluster
let cluster: Cluster

beforeAll(async () => {
  servers = await startRedisCluster()
  cluster = new Cluster([...servers.startupNodes])
}, 40_000)
afterAll(async () => {
  cluster?.disconnect()
  await servers?.stop()
})

test('every query works where the shards lie on several nodes', async () => {
  for (let i = 0; i < 40; i++) {
    const jobId = `job-${i}`
    await storeJob(cluster, keys, aJob({ jobId }), { tasks: [aTask({ jobId })], tail: [aLogEntry(['line'], { jobId })] })
  }
  await storeEngine(cluster, keys, anEngine({ attributes: { metricsAddress: 'node-07:9100' } }))
  await storeEngine(cluster, keys, anEngine({ instance: 'other:1' }))
  const queries = createQueries(cluster, keys)
  const first = await queries.listJobs({ reach: '*', engine: 'node-07:38215' }, { limit: 25 })
  const second = await queries.listJobs({ reach: '*' }, { limit: 25, cursor: first.nextCursor ?? '' })
  expect(new Set([...first.jobs, ...second.jobs].map((job) => job.jobId)).size).toBe(40)
  expect((await queries.getJob('default', 'job-7'))?.tasks).toHaveLength(1)
  expect((await queries.getTail('default', 'job-7', { limit: 5 }))?.lines).toHaveLength(1)
  expect(await queries.getHistory('default', 'job-7', 5)).toEqual({ samples: [] })
  expect((await queries.listEngines({}, { limit: 5 })).engines).toHaveLength(2)
  expect((await queries.getEngine('node-07:38215', '*'))?.tasks).toHaveLength(40)
  expect(await queries.listMetricsAddresses()).toEqual([{ instance: 'node-07:38215', address: 'node-07:9100' }])
}, 30_000)
