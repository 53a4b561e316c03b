import { afterEach, describe, expect, test } from 'vitest'
import { keysFor } from '../../src/jobs/keys.ts'
import { type Aggregator, startAggregator, untilItOwnsAll, untilShared } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { type FakeRuntime, startFakeRuntime } from '../support/fake-runtime.ts'
import { taskOf } from '../support/job-stores.ts'
import { samplesOf, sampleValue } from '../support/prometheus-text.ts'
import { startRedis } from '../support/redis.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { aLine, aStatus, aTaskMessage } from '../support/runtime-messages.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const statuses = '/v3/namespaces/default/programs/status'
const settings = { RUNTIME_INTERVAL: '200ms', RUNTIME_GRACE: '500ms', RUNTIME_TOPICS: 'custom' }
type Page = { messages: { offset: string; programStatus: string; programRunId: { run: string } }[]; next_offset: string }
type Detail = { state: string; owner: string | null; topics: Record<string, { offset: string | null }> }

async function aReplica(redisUrl: string): Promise<Aggregator> {
  const replica = await startAggregator({ redisUrl, settings })
  ends.push(replica.stop)
  return replica
}

async function aRuntime(by: Aggregator, id: string): Promise<FakeRuntime> {
  const runtime = await startFakeRuntime(id)
  ends.push(runtime.close)
  runtime.publish(...aStatus(id, 'RUNNING'))
  const answer = await by.http.post('/api/v1/runtimes', { runtimeId: id, url: runtime.url })
  expect(answer.status, answer.text).toBe(201)
  return runtime
}

const until = <T>(what: string, read: () => Promise<T>, isDone: (value: T) => boolean) =>
  eventually(read, isDone, { what, timeoutMs: 25_000 })
const detailOf = async (by: Aggregator, id: string) => (await by.http.get(`/api/v1/runtimes/${id}`)).json<Detail>()
const jobOf = (by: Aggregator, id: string) => by.http.get(`/api/v1/namespaces/default/jobs/${id}`)

/** Reads the log of statuses to its end. */
async function walk(by: Aggregator, batchSize: number): Promise<Page['messages']> {
  const all: Page['messages'] = []
  let offset = ''
  for (;;) {
    const answer = await by.http.get(`${statuses}?batchsize=${batchSize}${offset && `&start_offset=${offset}`}`)
    if (answer.status === 204) return all
    expect(answer.status, answer.text).toBe(200)
    const page = answer.json<Page>()
    all.push(...page.messages)
    offset = page.next_offset
  }
}

describe('while Redis is away', () => {
  test.each(['hangs', 'is killed'])(
    'the log of statuses answers 500, not that there is nothing, and is there again (%s)',
    async (how) => {
      const redis = await startRedis({ appendOnly: true })
      ends.push(redis.stop)
      const replica = await aReplica(redis.url)
      await untilItOwnsAll(replica)
      const runtime = await aRuntime(replica, 'away')
      const before = await until(
        'one status',
        () => walk(replica, 10),
        (all) => all.length === 1,
      )
      await redis.kill(how === 'hangs' ? 'SIGSTOP' : 'SIGKILL')
      for (const query of ['', `?start_offset=${before[0]?.offset}`, '?batchsize=1']) {
        const answer = await replica.http.get(`${statuses}${query}`)
        expect([answer.status, answer.text.includes('STORE_FAILED')], answer.text).toEqual([500, true])
      }
      expect((await replica.http.get(`${statuses}?batchsize=0`)).status).toBe(400)
      runtime.publish(...aStatus('away', 'SUSPENDED'))
      if (how === 'hangs') await redis.kill('SIGCONT')
      else await redis.restart()
      const after = await until(
        'both statuses',
        async () => {
          const answer = await replica.http.get(statuses)
          return answer.status === 200 ? answer.json<Page>().messages : []
        },
        (all) => all.length === 2,
      )
      expect(after.map(({ programStatus }) => programStatus)).toEqual(['RUNNING', 'SUSPENDED'])
      expect(after[0]).toEqual(before[0])
    },
    90_000,
  )
})

/** Messages by topic and outcome, as one text each. */
async function messagesOf(by: Aggregator): Promise<string[]> {
  const samples = samplesOf(await by.metrics(), 'enginescope_runtime_messages_total').filter(({ value }) => value > 0)
  return samples.map(({ labels, value }) => `${labels['topic']} ${labels['outcome']} ${value}`).sort()
}

test('messages that were applied by a commit whose answer is lost count once, as applied', async () => {
  const redis = await startRedis({ appendOnly: true })
  ends.push(redis.stop)
  const proxy = await startTcpProxy(redis)
  ends.push(proxy.stop)
  const replica = await aReplica(`redis://127.0.0.1:${proxy.port}`)
  await untilItOwnsAll(replica)
  const runtime = await aRuntime(replica, 'run')
  runtime.publish(...aTaskMessage('step', { progress: 0.1 }))
  const before = ['program.status applied 1', 'task.running applied 1']
  await until(
    'the first messages',
    () => messagesOf(replica),
    (found) => found.join() === before.join(),
  )

  // From here on no answer of Redis comes back: the first command after the fetch is the commit of what was fetched.
  runtime.misbehave = (response, honest) => {
    runtime.misbehave = undefined
    proxy.stall('reply')
    response.writeHead(200, { 'content-type': 'application/json' }).end(honest)
  }
  for (let i = 1; i <= 7; i++) runtime.publish(...aLine(`line ${i}`))
  for (let i = 2; i <= 6; i++) runtime.publish(...aTaskMessage('step', { progress: i / 10 }))
  await until(
    'the store to have done it',
    async () => (await taskOf(redis.client(), keysFor(16), 'run', 'step')).progress,
    (progress) => progress === 0.6,
  )
  proxy.cut()
  proxy.resume()
  const after = ['logs applied 7', 'program.status applied 1', 'task.running applied 6']
  const found = await until(
    'all to be counted',
    () => messagesOf(replica),
    (counts) => counts.reduce((sum, text) => sum + Number(text.split(' ')[2]), 0) >= 14,
  )
  expect(found).toEqual(after)
  const { topics } = await until(
    'all to be committed',
    () => detailOf(replica, 'run'),
    (detail) => detail.topics['logs']?.offset === `${runtime.epoch}-0000000007`,
  )
  expect(topics['task.running']?.offset).toBe(`${runtime.epoch}-0000000006`)
  expect(await messagesOf(replica)).toEqual(after)
}, 90_000)

describe('on a Redis Cluster', () => {
  test('two monitors follow runtimes from their registration to their end, by keys on all nodes', async () => {
    const cluster = await startRedisCluster()
    ends.push(cluster.stop)
    const url = `redis-cluster://${cluster.startupNodes.map(({ host, port }) => `${host}:${port}`).join(',')}`
    const replicas = [await aReplica(url), await aReplica(url)]
    const [first, second] = replicas as [Aggregator, Aggregator]
    await untilShared(replicas)
    const ids = Array.from({ length: 8 }, (_, i) => `run-${i}`)
    const runtimes: FakeRuntime[] = []
    for (const id of ids) runtimes.push(await aRuntime(first, id))
    await until(
      'both to have four',
      async () => (await Promise.all(ids.map((id) => detailOf(second, id)))).map(({ owner }) => owner),
      (owners) => new Set(owners).size === 2 && owners.every((each) => owners.filter((other) => other === each).length === 4),
    )

    for (const runtime of runtimes) {
      for (let i = 1; i <= 30; i++) {
        runtime.publish(...aLine(`line ${i}`))
        runtime.publish(...aTaskMessage('step', { usage: { cpuSeconds: i } }))
      }
      runtime.publish('metadata', { metadata: { a: 1 } })
      runtime.publish('custom', { kept: true })
      runtime.publish('logs', { no: 'line' })
    }
    for (const [i, id] of ids.entries()) {
      const { epoch } = runtimes[i] as FakeRuntime
      await until(
        `the offsets of ${id}`,
        () => detailOf(second, id),
        ({ topics }) => topics['logs']?.offset === `${epoch}-0000000031`,
      )
      const job = (await jobOf(second, id)).json<{ usage: { cpuSeconds: number }; metadata: unknown }>()
      expect([job.usage.cpuSeconds, job.metadata], id).toEqual([30, { a: 1 }])
      const { lines } = (await second.http.get(`/api/v1/namespaces/default/jobs/${id}/logs?order=asc&limit=100`)).json<{
        lines: { line: string }[]
      }>()
      expect(lines.map(({ line }) => line)).toEqual(Array.from({ length: 30 }, (_, n) => `line ${n + 1}`))
      for (const which of ['opaque', 'refused'])
        expect((await first.http.get(`/api/v1/runtimes/${id}/${which}`)).json<{ messages: unknown[] }>().messages).toHaveLength(1)
    }

    for (const runtime of runtimes.slice(1)) runtime.publish(...aStatus(runtime.id, 'COMPLETED', { endTime: String(Date.now()) }))
    for (const id of ids.slice(1)) {
      await until(
        `${id} to end`,
        () => detailOf(first, id),
        ({ state }) => state === 'ENDED',
      )
      expect((await jobOf(first, id)).json<{ status: string }>().status).toBe('succeeded')
    }
    expect(runtimes.map(({ calls }) => calls.shutdown)).toEqual([0, 1, 1, 1, 1, 1, 1, 1])

    expect((await second.http.delete('/api/v1/runtimes/run-0')).status).toBe(204)
    expect((await first.http.get('/api/v1/runtimes/run-0')).status).toBe(404)
    expect((await jobOf(first, 'run-0')).json<{ status: string }>().status).toBe('running')
    const all = await walk(second, 3)
    expect(all.map(({ programRunId, programStatus }) => `${programRunId.run} ${programStatus}`).sort()).toEqual(
      ids.flatMap((id, i) => (i === 0 ? [`${id} RUNNING`] : [`${id} COMPLETED`, `${id} RUNNING`])),
    )
    // The sums over all shards are read for a scrape, and may be a moment old.
    await until(
      'each line to be counted once',
      async () => {
        const labels = { topic: 'logs', outcome: 'applied' }
        const seen = await Promise.all(replicas.map((replica) => replica.metrics()))
        return seen.map((families) => sampleValue(families, 'enginescope_runtime_messages_total', labels) ?? 0)
      },
      (counts) => counts.reduce((sum, count) => sum + count, 0) === ids.length * 30,
    )
  }, 180_000)
})
