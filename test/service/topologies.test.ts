import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilShared } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { driveLoad, type Ledger } from '../support/ledger.ts'
import { samplesOf } from '../support/prometheus-text.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'
import { aReport, finishedOf, jobOf, logsOf, post, send } from '../support/reporting.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function aReplica(redisUrl: string, settings: Record<string, string> = {}): Promise<Aggregator> {
  const replica = await startAggregator({ redisUrl, settings })
  ends.push(replica.stop)
  return replica
}

/** Samples of a shared series over all replicas. */
async function shared(replicas: readonly Aggregator[], name: string, labels: Record<string, string>): Promise<number[]> {
  const families = await Promise.all(replicas.map((replica) => replica.metrics()))
  return families.flatMap((each) => samplesOf(each, name, labels).map(({ value }) => value))
}

async function expectAllStored(from: Aggregator, ledger: Ledger, linesInOrder: boolean): Promise<void> {
  for (const [jobId, { lines }] of ledger.jobs) {
    expect(await jobOf(from, jobId), jobId).toMatchObject({ status: 'succeeded', progress: 1 })
    const stored = (await logsOf(from, jobId, '?limit=1000')).lines.map(({ line }) => line)
    if (linesInOrder) expect(stored, jobId).toEqual(lines)
    else expect(stored.toSorted(), jobId).toEqual(lines.toSorted())
  }
}

describe('on a Redis Cluster', () => {
  test('two replicas bring a job to the same end as one, and the shards lie on all nodes', async () => {
    const cluster = await startRedisCluster()
    ends.push(cluster.stop)
    const url = `redis-cluster://${cluster.startupNodes.map(({ host, port }) => `${host}:${port}`).join(',')}`
    const replicas = [await aReplica(url), await aReplica(url)]
    await untilShared(replicas)
    const file = new URL('../fixtures/linkis/p1-spark-3-stages.json', import.meta.url)
    const bodies = JSON.parse(readFileSync(file, 'utf8')) as unknown[]
    for (const [i, body] of bodies.entries()) await send(replicas[i % 2] as Aggregator, body)
    const doubled = await Promise.all(bodies.flatMap((body) => replicas.map((replica) => send(replica, body))))
    expect(doubled.every(({ duplicate }) => duplicate === 1)).toBe(true)
    expect(await jobOf(replicas[0] as Aggregator, '48213')).toMatchObject({
      status: 'succeeded',
      progress: 1,
      resources: {
        totals: { memoryBytes: 0, cpuCores: 0, containers: 0 },
        applications: [{ jobStatus: 'FINISHED', live: false }],
      },
      durations: { queueSeconds: 5, runSeconds: 47 },
    })
    expect((await logsOf(replicas[1] as Aggregator, '48213')).lines).toHaveLength(4)
    expect(await shared(replicas, 'enginescope_task_subtasks', { job_id: '48213', state: 'succeeded' })).toEqual([200])
    const labels = { engine: 'node-07:38215', status: 'succeeded' }
    expect(await shared(replicas, 'enginescope_engine_tasks_finished_total', labels)).toEqual([12])

    const many = Array.from({ length: 200 }, (_, i) => aReport({ jobId: `many-${i}`, engine: { instance: `engine-${i}` } }))
    expect(await send(replicas[0] as Aggregator, many)).toMatchObject({ applied: 200 })
    await eventually(
      () => shared(replicas, 'enginescope_tasks', { task_type: 'sql', engine_type: 'spark', status: 'running' }),
      (values) => values.join() === '200',
      { what: 'the fleet to count 200' },
    )
    const owned = (await shared(replicas, 'enginescope_shards_owned', {})).toSorted((a, b) => a - b)
    expect(owned.reduce((sum, count) => sum + count, 0)).toBe(16)
    const list = await (replicas[1] as Aggregator).http.get('/api/v1/jobs?limit=500')
    expect(list.json<{ jobs: unknown[] }>().jobs).toHaveLength(201)
    for (const node of cluster.nodes) expect(await node.client().dbsize()).toBeGreaterThan(10)
  }, 180_000)
})

describe('behind a Sentinel', () => {
  test('with durability ha nothing that was acknowledged is lost in a failover under load', async () => {
    const sentinel = await startRedisSentinel({ appendOnly: true })
    ends.push(sentinel.stop)
    const url = `redis-sentinel://127.0.0.1:${sentinel.sentinels[0]?.port}/${sentinel.masterName}`
    const replica = await aReplica(url, { DURABILITY: 'ha' })
    const loading = driveLoad({ urls: [replica.url], reporters: 8, reportsEach: 40, linesPerReport: 2 })
    await eventually(
      () => shownTasks(replica),
      (count) => count === 8,
      { what: 'the load to be under way' },
    )
    await sentinel.failover()
    const ledger = await loading
    await expectAllStored(replica, ledger, true)
    expect(await finishedOf(replica, 'load', 8)).toMatchObject({ succeeded: 8 })
  }, 180_000)

  test('without it what a failover loses comes back when reporters send again, and nothing is doubled', async () => {
    const sentinel = await startRedisSentinel({ appendOnly: true })
    ends.push(sentinel.stop)
    const url = `redis-sentinel://127.0.0.1:${sentinel.sentinels[0]?.port}/${sentinel.masterName}`
    const replica = await aReplica(url)
    const load = { urls: [replica.url], reporters: 8, reportsEach: 20, linesPerReport: 2 }
    const loading = driveLoad(load)
    await eventually(
      () => shownTasks(replica),
      (count) => count === 8,
      { what: 'the load to be under way' },
    )
    await sentinel.master.kill('SIGKILL') // Asynchronous replication: what the replica had not got is gone.
    await loading
    expect(await sentinel.masterPort()).toBe(sentinel.replica.port)
    const again = await driveLoad(load)
    await expectAllStored(replica, again, false)
    expect(await finishedOf(replica, 'load', 8)).toMatchObject({ succeeded: 8 })
    expect((await post(replica, aReport({ jobId: 'after' }))).status).toBe(200)
  }, 180_000)
})

async function shownTasks(from: Aggregator): Promise<number> {
  const families = await from.metrics()
  return samplesOf(families, 'enginescope_task_status', { task_type: 'load' }).length
}
