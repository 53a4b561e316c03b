import { afterEach, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { driveLoad } from '../support/ledger.ts'
import { requirement } from '../support/linkis-requirements.ts'
import { startLoki } from '../support/loki.ts'
import { freePort } from '../support/ports.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis.ts'
import { anId, aReport, finishedOf, jobOf, logsOf, post, send, seriesOf, untilSeries } from '../support/reporting.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function aStore(options: RedisServerOptions = {}): Promise<RedisServer> {
  const redis = await startRedis({ appendOnly: true, ...options })
  ends.push(redis.stop)
  return redis
}
async function anAggregator(redisUrl: string, settings: Record<string, string> = {}): Promise<Aggregator> {
  const aggregator = await startAggregator({ redisUrl, settings })
  ends.push(aggregator.stop)
  return aggregator
}

/** What must hold of every answer while the store is away. */
async function expectRefused(aggregator: Aggregator, body: unknown): Promise<void> {
  const beganAtMs = performance.now()
  const answer = await post(aggregator, body)
  expect(answer.status, answer.text).toBe(503)
  expect(answer.json()).toMatchObject({ error: { code: 'REDIS_UNAVAILABLE' } })
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(performance.now() - beganAtMs).toBeLessThan(2_500)
}

async function untilTaken(aggregator: Aggregator, body: unknown): Promise<void> {
  await eventually(
    async () => (await post(aggregator, body)).status,
    (status) => status === 200,
    { what: 'reports to be taken again', timeoutMs: 15_000, everyMs: 100 },
  )
}

/** Scrapes as fast as it is answered until told to stop, and says what was not a 200. */
function scraping(aggregator: Aggregator) {
  const bad: string[] = []
  let isStopped = false
  let count = 0
  const loop = (async () => {
    while (!isStopped) {
      const answer = await aggregator.http.get('/metrics').catch((error: unknown) => ({ status: 0, text: String(error) }))
      if (answer.status !== 200) bad.push(`${answer.status} ${answer.text.slice(0, 200)}`)
      count += 1
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  return {
    async stop() {
      isStopped = true
      await loop
      return { bad, count }
    },
  }
}

type Fault = { readonly begin: (redis: RedisServer) => Promise<unknown>; readonly end: (redis: RedisServer) => Promise<unknown> }
const faults: Record<string, Fault> = {
  'is killed': { begin: (redis) => redis.kill('SIGKILL'), end: (redis) => redis.restart() },
  'hangs (SIGSTOP)': { begin: (redis) => redis.kill('SIGSTOP'), end: (redis) => redis.kill('SIGCONT') },
  'takes no writes (CLIENT PAUSE WRITE)': {
    begin: (redis) => redis.client().call('CLIENT', 'PAUSE', '60000', 'WRITE'),
    end: (redis) => redis.client().call('CLIENT', 'UNPAUSE'),
  },
  'is full (maxmemory)': {
    begin: (redis) => redis.client().config('SET', 'maxmemory', '1'),
    end: (redis) => redis.client().config('SET', 'maxmemory', '0'),
  },
}

async function expectSurvived(fault: Fault): Promise<void> {
  const redis = await aStore()
  const aggregator = await anAggregator(redis.url)
  const [jobId, taskType] = [anId('job'), anId('type')]
  const report = (seq: number, changes: Record<string, unknown> = {}) =>
    aReport({ jobId, taskType, seq, progress: seq / 10, logs: [{ level: 'INFO', line: `line ${seq}` }], ...changes })
  await send(aggregator, report(1))
  await untilSeries(aggregator, 'enginescope_tasks', { task_type: taskType, status: 'running' }, 1)
  const watch = scraping(aggregator)
  await fault.begin(redis)
  await expectRefused(aggregator, report(2))
  await expectRefused(aggregator, [report(2), aReport({ jobId: anId('job'), taskType })])
  await eventually(
    () => aggregator.http.get('/-/ready'),
    ({ status }) => status === 503,
    { what: 'to be not ready' },
  )
  expect(await seriesOf(aggregator, 'enginescope_redis_up')).toBe(0)
  expect((await aggregator.http.get('/-/healthy')).status).toBe(200)
  await fault.end(redis)
  await untilTaken(aggregator, report(2))
  await untilTaken(aggregator, report(3, { status: 'succeeded' }))
  expect((await watch.stop()).bad).toEqual([])
  await eventually(
    () => aggregator.http.get('/-/ready'),
    ({ status }) => status === 200,
    { what: 'to be ready again' },
  )
  expect(await jobOf(aggregator, jobId)).toMatchObject({ status: 'succeeded', progress: 1 })
  const { lines } = await logsOf(aggregator, jobId)
  expect(lines.map(({ line }) => line)).toEqual(['line 1', 'line 2', 'line 3'])
  expect(await finishedOf(aggregator, taskType, 1)).toMatchObject({ succeeded: 1 })
}

requirement('M38', () => expectSurvived(faults['is killed'] as Fault), { timeout: 120_000 })

describe('a Redis that', () => {
  test.each(Object.keys(faults).slice(1))(
    '%s: 503 with Retry-After within about a second, scrapes go on, nothing is doubled, no hand is needed',
    (name) => expectSurvived(faults[name] as Fault),
    120_000,
  )

  test('hangs under load loses and doubles nothing that was acknowledged', async () => {
    const redis = await aStore()
    const aggregator = await anAggregator(redis.url)
    const loading = driveLoad({ urls: [aggregator.url], reporters: 10, reportsEach: 30, linesPerReport: 2 })
    for (let round = 0; round < 3; round++) {
      await redis.kill('SIGSTOP')
      await new Promise((resolve) => setTimeout(resolve, 1_300))
      await redis.kill('SIGCONT')
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    const ledger = await loading
    for (const [jobId, { lines }] of ledger.jobs) {
      expect(await jobOf(aggregator, jobId)).toMatchObject({ status: 'succeeded', progress: 1 })
      expect((await logsOf(aggregator, jobId, '?limit=1000')).lines.map(({ line }) => line)).toEqual(lines)
    }
    expect(await finishedOf(aggregator, 'load', 10)).toMatchObject({ succeeded: 10 })
  }, 120_000)

  test('was emptied takes the reports that come, names what it no longer knows, and no counter steps back', async () => {
    const redis = await aStore()
    const aggregator = await anAggregator(redis.url)
    const [open, taskType] = [anId('job'), anId('type')]
    const taskOf = (seq: number) => aReport({ jobId: open, taskType, seq, progress: 0.5, usage: { cpuSeconds: 7 } })
    for (let seq = 1; seq <= 5; seq++) await send(aggregator, taskOf(seq))
    await send(aggregator, aReport({ jobId: anId('job'), taskType, status: 'succeeded' }))
    await finishedOf(aggregator, taskType, 1)
    await redis.client().flushall()
    const answer = await eventually(
      () => post(aggregator, taskOf(6)),
      ({ status }) => status === 200,
      { what: 'the report to be taken' },
    )
    expect(answer.json()).toMatchObject({ applied: 1, results: [{ missing: [[1, 5]] }] })
    for (let seq = 1; seq <= 5; seq++) expect(await send(aggregator, taskOf(seq))).toMatchObject({ late: 1 })
    expect(await jobOf(aggregator, open)).toMatchObject({ status: 'running', progress: 0.5, usage: { cpuSeconds: 7 } })
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(await finishedOf(aggregator, taskType, 1)).toMatchObject({ succeeded: 1 })
    await untilSeries(aggregator, 'enginescope_task_progress_ratio', { job_id: open }, 0.5, 20_000)
  }, 120_000)
})

test('a full Redis goes on being drained: leases are kept, lines go to Loki, and it recovers', async () => {
  const redis = await aStore()
  const loki = await startLoki()
  ends.push(() => loki.close())
  loki.always({ kind: 'status', status: 503 })
  const aggregator = await anAggregator(redis.url, { LOKI_URL: loki.url, LEASE: '1s' })
  const jobId = anId('job')
  await send(aggregator, aReport({ jobId, logs: Array.from({ length: 500 }, (_, i) => ({ level: 'INFO', line: `line ${i}` })) }))
  await redis.client().config('SET', 'maxmemory', '1')
  await expectRefused(aggregator, aReport({ jobId, progress: 0.5 }))
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  expect(await seriesOf(aggregator, 'enginescope_shards_owned')).toBe(16)
  expect(await seriesOf(aggregator, 'enginescope_task_status', { job_id: jobId })).toBe(1)
  loki.always(undefined)
  await eventually(
    () => loki.lines.length,
    (count) => count === 500,
    { what: 'the lines to reach Loki', timeoutMs: 40_000 },
  )
  await redis.client().config('SET', 'maxmemory', '0')
  await untilTaken(aggregator, aReport({ jobId, progress: 0.5 }))
}, 120_000)

describe('a start', () => {
  test('before Redis is there waits for it, refusing reports and answering scrapes', async () => {
    const port = await freePort()
    const aggregator = await startAggregator({ redisUrl: `redis://127.0.0.1:${port}`, settings: {} })
    ends.push(aggregator.stop)
    await expectRefused(aggregator, aReport())
    expect((await aggregator.http.get('/metrics')).status).toBe(200)
    expect((await aggregator.http.get('/-/ready')).json()).toMatchObject({ reasons: expect.any(Array) })
    expect((await aggregator.http.get('/api/v1/jobs')).status).toBe(503)
    await aStore({ port })
    const report = aReport({ jobId: anId('job') })
    await untilTaken(aggregator, report)
    await untilSeries(aggregator, 'enginescope_shards_owned', {}, 16)
    await untilSeries(aggregator, 'enginescope_task_status', { job_id: String(report['jobId']) }, 1)
  }, 120_000)

  test('on a Redis that evicts is refused with exit 78, also when it comes to evict later', async () => {
    const evicting = await aStore({ maxMemoryPolicy: 'allkeys-lru', maxMemoryBytes: 50_000_000 })
    await expect(anAggregator(evicting.url)).rejects.toThrow(/left with 78[\s\S]*maxmemory-policy/)
    const port = await freePort()
    const aggregator = await startAggregator({ redisUrl: `redis://127.0.0.1:${port}` })
    ends.push(aggregator.stop)
    await aStore({ port, maxMemoryPolicy: 'volatile-ttl' })
    expect((await aggregator.program.exited).code).toBe(78)
  }, 120_000)

  test.each([
    ['without an append-only file', { appendOnly: false }, 1, /appendonly is off/],
    ['that syncs once a second', { appendFsync: 'everysec' }, 1, /appendfsync is not/],
    ['that syncs always', {}, 0, undefined],
  ] as const)('on a Redis %s says whether it is durable', async (_name, options, expected, says) => {
    const redis = await aStore(options)
    const aggregator = await anAggregator(redis.url)
    expect(await seriesOf(aggregator, 'enginescope_redis_not_durable')).toBe(expected)
    if (says !== undefined) expect(aggregator.program.stdout()).toMatch(says)
  })
})

requirement('M34', async () => {
  const redis = await aStore()
  const aggregator = await anAggregator(redis.url, { OPEN_JOBS_MAX: '16', REPORTS_MAX: '100' })
  const many = () => Array.from({ length: 100 }, () => aReport({ jobId: anId('many') }))
  const asked = many()
  const { rejected, results } = await send(aggregator, asked)
  const first = asked.filter((_, at) => results.every(({ index }) => index !== at))
  const answer = await post(aggregator, many())
  expect(answer.status, answer.text).toBe(429)
  expect(answer.json()).toMatchObject({ rejected: 100, error: { code: 'OPEN_JOBS_LIMIT' } })
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(await seriesOf(aggregator, 'enginescope_report_rejections_total', { code: 'OPEN_JOBS_LIMIT' })).toBe(rejected + 100)
  expect((await post(aggregator, [...many(), aReport()])).status).toBe(413)
  // Jobs that are open already are not touched by it, and one that ends makes room.
  expect(await send(aggregator, { ...first[0], progress: 0.5 })).toMatchObject({ applied: 1 })
  await send(
    aggregator,
    first.map((report) => ({ ...report, status: 'succeeded' })),
  )
  expect(await send(aggregator, aReport({ jobId: anId('many') }))).toMatchObject({ applied: 1 })
})
