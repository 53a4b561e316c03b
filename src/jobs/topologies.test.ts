import type { Cluster, Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { aReport, jobRecordOf, linesOf, linkisBodies, openTestStore, timersOf, totalsOf } from '../../test/support/job-stores.ts'
import { type RedisCluster, startRedisCluster } from '../../test/support/redis-cluster.ts'
import { type RedisSentinel, startRedisSentinel } from '../../test/support/redis-sentinel.ts'
import { Lease, registerReplica } from '../bus/lease.ts'
import { connectRedis } from '../serve/redis-clients.ts'
import { createQueries } from './queries/queries.ts'

describe('on a cluster of three masters', () => {
  let cluster: RedisCluster
  let client: Cluster

  beforeAll(async () => {
    cluster = await startRedisCluster()
    client = connectRedis({ kind: 'cluster', tls: false, nodes: cluster.startupNodes }, 'ingest', () => undefined) as Cluster
    await eventually(() => client.status === 'ready')
  }, 60_000)
  afterAll(async () => {
    client.disconnect()
    await cluster.stop()
  })
  beforeEach(async () => {
    for (const node of cluster.nodes) await node.client().flushall()
  })

  test('the fixtures end as on a single server, raced by two replicas', async () => {
    const other = connectRedis({ kind: 'cluster', tls: false, nodes: cluster.startupNodes }, 'ingest', () => undefined) as Cluster
    await eventually(() => other.status === 'ready')
    const replicas = [openTestStore(client), openTestStore(other)]
    const names = ['p1-spark-3-stages', 'p2-hive-two-applications', 'p3-python-fails', 'p4-engine-4-concurrent']
    for (const body of names.flatMap(linkisBodies)) await Promise.all(replicas.map((replica) => replica.send(...body)))
    const { keys } = replicas[0] ?? openTestStore(client)
    const jobs = await createQueries(client, keys).listJobs({ reach: '*' }, { limit: 100 })
    expect(Object.fromEntries(jobs.jobs.map((job) => [job.jobId, `${job.status} ${job.progress}`]))).toEqual({
      48213: 'succeeded 1',
      48290: 'succeeded 1',
      48301: 'failed 0.3333',
      48400: 'running 0.35',
      48401: 'succeeded 1',
      48402: 'running 0.05',
      48403: 'running 0.15',
      48404: 'running 0',
    })
    expect(await linesOf(client, keys)).toHaveLength(11)
    other.disconnect()
  })

  test('engines fall silent, jobs pass their retention and nothing is left', async () => {
    const store = openTestStore(client, { settings: { retentionMs: 600_000, engineLingerMs: 600_000 } })
    await store.send(
      ...Array.from({ length: 40 }, (_, i) => aReport({ jobId: `j${i}`, seq: 2, engine: { instance: `e${i % 5}` } })),
    )
    store.time.aheadMs = 700_000
    await store.sweepAll()
    expect(await totalsOf(client, store.keys)).toMatchObject({ 'lost,default,sql,spark': 40, reportsLost: 40 })
    store.time.aheadMs = 2_000_000
    await store.sweepAll()
    expect(await timersOf(client, store.keys)).toEqual({})
    const left = (await Promise.all(cluster.nodes.map((node) => node.client().keys('*:job:*')))).flat()
    expect(left).toEqual([])
  })

  test('leases of shards and of the fleet are taken and given back', async () => {
    const { keys } = openTestStore(client)
    for (const [lease, fence] of [
      [keys.owner(3), keys.fence(3)],
      [keys.fleetOwner, keys.fleetFence],
    ] as const) {
      const [one, other] = ['a', 'b'].map((name) => new Lease(client, lease, fence, { name, start: '1' }, 5_000))
      expect(await one?.take()).toBe(true)
      expect(await other?.take()).toBe(false)
      await one?.give()
      expect(await other?.take()).toBe(true)
    }
    expect(await registerReplica(client, keys.replicas, 'a', 5_000)).toEqual(['a'])
  })

  test('with one master away its shards are refused, and taken again when it is back', async () => {
    const store = openTestStore(client)
    const items = Array.from({ length: 60 }, (_, i) => aReport({ jobId: `j${i}`, seq: 1, engine: { instance: `e${i}` } }))
    await store.send(...items)
    await cluster.nodes[1]?.kill('SIGSTOP')
    const results = await Promise.allSettled(items.map((item) => store.send({ ...item, seq: 2 })))
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'REDIS_UNAVAILABLE' })
    await cluster.nodes[1]?.kill('SIGCONT')
    await eventually(() => store.send(...items.map((item) => ({ ...item, seq: 2 }))), undefined, { timeoutMs: 20_000 })
    for (let i = 0; i < 60; i++) {
      expect((await jobRecordOf(client, store.keys, `j${i}`))?.status).toBe('running')
    }
    expect(await totalsOf(client, store.keys)).toMatchObject({ 'tasks,default,sql,spark,running': 60 })
  }, 60_000)
})

describe('behind a sentinel', () => {
  let sentinel: RedisSentinel
  let client: Redis

  beforeEach(async () => {
    sentinel = await startRedisSentinel()
    const { sentinels, masterName } = sentinel
    client = connectRedis({ kind: 'sentinel', tls: false, sentinels, masterName, db: 0 }, 'ingest', () => undefined) as Redis
    await eventually(() => client.status === 'ready')
  }, 60_000)
  afterEach(async () => {
    client.disconnect()
    await sentinel.stop()
  })

  test.each(['ordered', 'of a dead master'])(
    'a failover %s refuses reports for a while, then all goes on',
    async (kind) => {
      const store = openTestStore(client)
      for (let seq = 1; seq <= 5; seq++) await store.send(aReport({ seq, logs: [{ line: `l${seq}` }] }))
      await sentinel.master.client().wait(1, 5_000)
      const failover = kind === 'ordered' ? sentinel.failover() : sentinel.master.kill('SIGKILL')
      const codes = new Set<unknown>()
      let seq = 6
      const deadline = performance.now() + 30_000
      const isNew = async () => (await sentinel.masterPort()) === sentinel.replica.port
      while (!(await isNew()) || seq < 12) {
        expect(performance.now()).toBeLessThan(deadline)
        try {
          await store.send(aReport({ seq, logs: [{ line: `l${seq}` }] }))
          seq += 1
        } catch (error) {
          codes.add((error as { code?: unknown }).code)
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
      }
      await failover
      expect([...codes]).toEqual(codes.size === 0 ? [] : ['REDIS_UNAVAILABLE'])
      const [last] = await eventually(() => store.send(aReport({ seq, status: 'succeeded' })), undefined, { timeoutMs: 20_000 })
      for (const [from, to] of last?.missing ?? []) {
        for (let again = from; again <= to; again++) await store.send(aReport({ seq: again, logs: [{ line: `l${again}` }] }))
      }
      const lines = await linesOf(client, store.keys)
      expect([...new Set(lines)].length).toBe(lines.length)
      expect(lines).toHaveLength(seq - 1)
      expect(await totalsOf(client, store.keys)).toMatchObject({ 'finished,default,sql,spark,succeeded': 1 })
    },
    90_000,
  )
})
