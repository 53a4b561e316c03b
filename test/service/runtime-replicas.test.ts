import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilItOwnsAll, untilShared } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { type FakeRuntime, startFakeRuntime } from '../support/fake-runtime.ts'
import { sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { aLine, aStatus, aTaskMessage } from '../support/runtime-messages.ts'
import { monitorRequirement as holds } from '../support/runtime-requirements.ts'

const runtimeCount = Number(process.env['ENGINESCOPE_TEST_RUNTIMES'] ?? 9)
const leaseMs = 3_000
let redis: RedisServer
let replicas: Aggregator[] = []
let runtimes: FakeRuntime[] = []
beforeAll(async () => {
  redis = await startRedis({ appendOnly: true })
})
afterEach(async () => {
  for (const replica of replicas) replica.program.kill('SIGCONT')
  await Promise.all(replicas.map((replica) => replica.stop()))
  await Promise.all(runtimes.map((runtime) => runtime.close()))
  replicas = []
  runtimes = []
  await redis.client().flushall()
})
afterAll(() => redis?.stop())

async function start(): Promise<Aggregator> {
  const settings = { RUNTIME_INTERVAL: '200ms', RUNTIME_GRACE: '500ms', LEASE: `${leaseMs}ms`, TAIL_MAX: '8MiB' }
  const replica = await startAggregator({ redisUrl: redis.url, settings })
  replicas.push(replica)
  return replica
}

async function register(replica: Aggregator, id: string): Promise<FakeRuntime> {
  const runtime = await startFakeRuntime(id)
  runtimes.push(runtime)
  runtime.publish(...aStatus(id, 'RUNNING'))
  const answer = await replica.http.post('/api/v1/runtimes', { runtimeId: id, url: runtime.url })
  expect(answer.status, answer.text).toBe(201)
  return runtime
}

const until = <T>(what: string, read: () => Promise<T>, isDone: (value: T) => boolean) =>
  eventually(read, isDone, { what, timeoutMs: 25_000 })
const linesOf = async (replica: Aggregator, id: string, order = 'asc') =>
  (await replica.http.get(`/api/v1/namespaces/default/jobs/${id}/logs?order=${order}&limit=1000`))
    .json<{ lines?: { line: string }[] }>()
    .lines?.map(({ line }) => line) ?? []
const ownersOf = async (replica: Aggregator) => {
  const { runtimes: all } = (await replica.http.get('/api/v1/runtimes')).json<{ runtimes: { owner: string | null }[] }>()
  const counts = new Map<string, number>()
  for (const { owner } of all) counts.set(owner ?? 'nobody', (counts.get(owner ?? 'nobody') ?? 0) + 1)
  return counts
}

describe('one replica', () => {
  holds('CM-21', async () => {
    const replica = await start()
    const runtime = await register(replica, 'both')
    const epoch = runtime.epoch
    const all = Array.from({ length: 100 }, (_, i) => ({
      ...{ execId: 'step', taskType: 'sql', seq: i + 1, status: 'Running', usage: { cpuSeconds: i + 1 } },
      logs: [{ level: 'INFO', line: `line ${i + 1}` }],
    }))
    const sending = all.map(async (report) => {
      runtime.publish('task.running', report)
      const engine = { instance: 'both', engineType: 'cdap', incarnation: epoch }
      await replica.http.post('/api/v1/reports', { ...report, jobId: 'both', engine })
    })
    await Promise.all(sending)
    await until(
      'all to be fetched',
      () => replica.http.get('/api/v1/runtimes/both'),
      (found) => found.text.includes(`${epoch}-0000000100`),
    )
    expect((await linesOf(replica, 'both')).sort()).toEqual(all.map(({ logs }) => logs[0]?.line).sort())
    const job = await replica.http.get('/api/v1/namespaces/default/jobs/both')
    expect(job.json<{ usage: { cpuSeconds: number } }>().usage.cpuSeconds).toBe(100)
  })

  holds('CM-06', async () => {
    const replica = await start()
    const runtime = await register(replica, 'patient')
    await until(
      'it to run',
      () => replica.http.get('/api/v1/runtimes/patient'),
      ({ text }) => text.includes('ACTIVE'),
    )
    for (let i = 1; i <= 200; i++) runtime.publish(...aLine(`line ${i}`))
    await redis.kill('SIGSTOP')
    for (let i = 201; i <= 300; i++) runtime.publish(...aLine(`line ${i}`))
    await new Promise((resolve) => setTimeout(resolve, 2_500)) // Commands time out meanwhile, whatever they had written.
    await redis.kill('SIGCONT')
    await until(
      'all lines',
      () => linesOf(replica, 'patient'),
      (lines) => lines.length >= 300,
    )
    expect(await linesOf(replica, 'patient')).toEqual(Array.from({ length: 300 }, (_, i) => `line ${i + 1}`))
  })

  holds(
    'CM-05',
    async () => {
      let replica = await start()
      const runtime = await register(replica, 'survivor')
      const publishing = setInterval(() => {
        for (let i = 0; i < 2; i++) {
          const seq = runtime.publish(...aLine('x')).slice(-3)
          runtime.publish(...aTaskMessage('step', { usage: { cpuSeconds: Number(seq) } }))
        }
      }, 20)
      for (let kill = 0; kill < 3; kill++) {
        await new Promise((resolve) => setTimeout(resolve, 400 + Math.random() * 300))
        replica.program.kill('SIGKILL')
        await replica.program.exited
        replica = await start()
        await untilItOwnsAll(replica)
      }
      clearInterval(publishing)
      const last = runtime.publish(...aLine('last'))
      const count = Number(last.slice(14))
      await until(
        'the last line',
        () => linesOf(replica, 'survivor', 'desc'),
        (lines) => lines.includes('last'),
      )
      const tail = await redis.client().lrange(...(await tailOf('survivor')))
      const lines = tail.reduce((sum, text) => sum + (JSON.parse(text) as { lines: unknown[] }).lines.length, 0)
      expect(lines).toBe(count)
      await until(
        'every line to be counted once',
        async () => {
          const families = await replica.metrics()
          const by = (outcome: string) =>
            sampleValue(families, 'enginescope_runtime_messages_total', { topic: 'logs', outcome }) ?? 0
          return [by('applied'), by('lost')]
        },
        ([counted, lost]) => counted === count && lost === 0,
      )
      const job = await replica.http.get('/api/v1/namespaces/default/jobs/survivor')
      expect(job.json()).toMatchObject({ status: 'running' })
    },
    { timeout: 90_000 },
  )
})

describe('what was there before', () => {
  test('a monitor that was killed takes its runtimes back as soon as it is there again under its name', async () => {
    const leaseMs = 30_000
    const begin = (port?: number) =>
      startAggregator({
        redisUrl: redis.url,
        ...(port === undefined ? {} : { port }),
        settings: { RUNTIME_INTERVAL: '200ms', LEASE: `${leaseMs}ms` },
      })
    const before = await begin()
    replicas.push(before)
    const runtime = await register(before, 'returns')
    await until(
      'it to be asked',
      async () => runtime.asked.length,
      (count) => count > 2,
    )
    before.program.kill('SIGKILL')
    await before.program.exited
    const asked = runtime.asked.length
    replicas.push(await begin(before.port))
    await eventually(
      async () => runtime.asked.length,
      (count) => count > asked,
      { what: 'it to be asked again', timeoutMs: leaseMs / 3 },
    )
  }, 60_000)

  test('a runtime that is deleted and entered again at once is read from its first message, and nothing comes twice', async () => {
    const replica = await start()
    const runtime = await register(replica, 'anew')
    for (let i = 1; i <= 3; i++) runtime.publish(...aLine(`line ${i}`))
    await until(
      'the lines',
      () => linesOf(replica, 'anew'),
      (lines) => lines.length === 3,
    )
    await until(
      'the offset',
      async () => runtime.asked.at(-1)?.['logs']?.messageId,
      (id) => id?.endsWith('0000000003') === true,
    )
    const asked = runtime.asked.length
    expect((await replica.http.delete('/api/v1/runtimes/anew')).status).toBe(204)
    expect((await replica.http.post('/api/v1/runtimes', { runtimeId: 'anew', url: runtime.url })).status).toBe(201)
    await until(
      'a request from the beginning',
      async () => runtime.asked.slice(asked).map((topics) => topics['logs']?.messageId),
      (ids) => ids.includes(null),
    )
    runtime.publish(...aLine('line 4'))
    await until(
      'the next line',
      () => linesOf(replica, 'anew'),
      (lines) => lines.includes('line 4'),
    )
    expect(await linesOf(replica, 'anew')).toEqual([1, 2, 3, 4].map((i) => `line ${i}`))
    const statuses = await replica.http.get('/v3/namespaces/default/programs/status')
    expect(statuses.json<{ messages: unknown[] }>().messages).toHaveLength(1)
  }, 60_000)
})

async function tailOf(id: string): Promise<[string, number, number]> {
  const [key = ''] = await redis.client().keys(`*:tail:default/${id}`)
  return [key, 0, -1]
}

describe('several replicas', () => {
  holds(
    'CM-18',
    async () => {
      await Promise.all([start(), start(), start()])
      await untilShared(replicas)
      const [first, second, third] = replicas as [Aggregator, Aggregator, Aggregator]
      for (let i = 0; i < runtimeCount; i++) await register(first, `shared-${i}`)
      const even = (among: number) => (owners: Map<string, number>) => {
        const shares = [...owners].map(([owner, count]) => (owner === 'nobody' ? -1 : count))
        return shares.length === among && Math.max(...shares) - Math.min(...shares) <= 1 && Math.min(...shares) > 0
      }
      await until('an even share of three', () => ownersOf(first), even(3))

      second.program.kill('SIGKILL')
      const killedAtMs = Date.now()
      await until('an even share of two', () => ownersOf(first), even(2))
      await until(
        'everyone to be asked',
        async () => runtimes.map(({ asked }) => asked.length),
        (before) => before.every((count) => count > 0),
      )
      expect(Date.now() - killedAtMs).toBeLessThan(leaseMs * 4)

      third.program.kill('SIGSTOP')
      await until(
        'one to have all',
        () => ownersOf(first),
        (owners) => owners.get([...owners.keys()][0] ?? '') === runtimeCount && !owners.has('nobody'),
      )
      for (const runtime of runtimes) for (let i = 1; i <= 20; i++) runtime.publish(...aLine(`line ${i}`))
      third.program.kill('SIGCONT')
      await until('an even share again', () => ownersOf(first), even(2))
      for (const runtime of runtimes) runtime.publish(...aLine('after'))
      for (const { id } of runtimes)
        await until(
          `the lines of ${id}`,
          () => linesOf(first, id),
          (lines) => lines.includes('after'),
        )
      for (const { id } of runtimes) expect((await linesOf(first, id)).length, id).toBe(21)
      const shown = await Promise.all([first, third].map((replica) => replica.metrics()))
      for (const { id } of runtimes) {
        const up = shown.flatMap((families) => sampleValue(families, 'enginescope_runtime_up', { runtime: id }) ?? [])
        expect(up, id).toEqual([1])
      }
    },
    { timeout: 120_000 },
  )
})
