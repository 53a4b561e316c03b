import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { openEventStream } from '../support/event-stream.ts'
import { eventually } from '../support/eventually.ts'
import { requirement } from '../support/linkis-requirements.ts'
import { type FakeLoki, startLoki } from '../support/loki.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { anId, aReport, engineOf, jobOf, logsOf, send, seriesOf, untilSeries } from '../support/reporting.ts'

let redis: RedisServer
let loki: FakeLoki
let aggregator: Aggregator

beforeAll(async () => {
  redis = await startRedis()
  loki = await startLoki()
  const settings = { LOKI_URL: loki.url, TAIL_MAX: '4KiB', LOG_OUTBOX_MAX: '1MiB' }
  aggregator = await startAggregator({ redisUrl: redis.url, settings })
}, 120_000)
afterAll(async () => {
  await aggregator?.stop()
  await loki?.close()
  await redis?.stop()
})

const info = (line: string) => ({ level: 'INFO', line })
const shippedOf = (jobId: string) => loki.lines.filter(({ metadata }) => metadata['job_id'] === jobId)
const untilShipped = (jobId: string, count: number) =>
  eventually(
    () => shippedOf(jobId),
    (lines) => lines.length >= count,
    {
      what: `${count} lines of ${jobId} in Loki`,
      timeoutMs: 30_000,
    },
  )
/** A finished line may not be known to the store's clock to be shipped: what came of a job, without the line of its end. */
const engineLinesOf = (jobId: string) => shippedOf(jobId).filter(({ metadata }) => metadata['event'] === undefined)

test('a line reaches Loki under bounded labels; who said it is structured metadata', async () => {
  const jobId = anId('job')
  const at = Date.now() - 5_000
  const engine = { instance: anId('engine'), node: 'node-7' }
  const logs = [{ ts: at, level: 'WARN', line: 'careful', fields: { step: '3', level: 'own' } }, info('next')]
  await send(aggregator, aReport({ jobId, execId: 'exec-1', namespace: 'team', attempt: 2, seq: 1, engine, logs }))
  const [first, second] = await untilShipped(jobId, 2)
  expect(first?.stream).toEqual({
    service_name: 'enginescope',
    namespace: 'team',
    engine_type: 'spark',
    task_type: 'sql',
    level: 'WARN',
  })
  expect(first?.metadata).toEqual({
    job_id: jobId,
    task: 'exec-1',
    attempt: '2',
    engine: engine.instance,
    node: 'node-7',
    step: '3',
    field_level: 'own',
  })
  expect(first?.ns.slice(0, 13)).toBe(String(at))
  expect(BigInt(second?.ns ?? 0)).toBeGreaterThan(BigInt(first?.ns ?? 0))
  const push = loki.pushes.find(({ body }) => body.includes(jobId))
  expect(push?.headers).toMatchObject({ 'content-type': 'application/json', 'content-encoding': 'gzip' })
})

test('the end of a job is one line, with what one asks of history', async () => {
  const [failed, good] = [anId('job'), anId('job')]
  const begin = Date.now() - 60_000
  for (const jobId of [failed, good]) {
    await send(aggregator, aReport({ jobId, seq: 1, reportedAt: begin }))
  }
  const error = { code: '40001', message: 'table not found' }
  const end = aReport({ jobId: failed, seq: 2, status: 'failed', reportedAt: begin + 12_500, error })
  for (const body of [end, end, { ...end, seq: 3 }]) await send(aggregator, body)
  await send(aggregator, aReport({ jobId: good, seq: 2, status: 'succeeded', reportedAt: begin + 2_000 }))
  await untilShipped(failed, 1)
  await untilShipped(good, 1)
  const [line] = shippedOf(failed)
  expect(line?.stream).toMatchObject({ service_name: 'enginescope', level: 'ERROR', task_type: 'sql' })
  expect(line?.metadata).toMatchObject({ event: 'job_finished', status: 'failed', duration_seconds: '12.5', error_code: '40001' })
  expect(line?.line).toContain('table not found')
  expect(shippedOf(good)[0]?.metadata).toMatchObject({ event: 'job_finished', status: 'succeeded', duration_seconds: '2' })
  expect(shippedOf(failed)).toHaveLength(1)
})

requirement(
  'M32',
  async () => {
    const jobId = anId('job')
    const traceback = 'Traceback:\n  File "x"\n\nZeroDivisionError'
    const texts = ['first', '', traceback, '  indented', 'x'.repeat(70_000), 'with \u001b[31mcolour\u001b[0m', 'é漢😀', 'last']
    const cut = () => seriesOf(aggregator, 'enginescope_ignored_fields_total', { field: 'logs.line' })
    const before = (await cut()) ?? 0
    await send(aggregator, aReport({ jobId, seq: 1, logs: texts.slice(0, 4).map(info) }))
    await send(aggregator, aReport({ jobId, seq: 2, logs: texts.slice(4, 7).map((line) => ({ level: 'ERROR', line })) }))
    await send(aggregator, aReport({ jobId, seq: 3, status: 'succeeded', logs: [info('last')] }))
    await untilShipped(jobId, texts.length + 1)
    const shipped = engineLinesOf(jobId).toSorted((a, b) => (BigInt(a.ns) < BigInt(b.ns) ? -1 : 1))
    expect(shipped.map(({ line }) => line.slice(0, 60_000))).toEqual(texts.map((line) => line.slice(0, 60_000)))
    const long = shipped[4]?.line ?? ''
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(65_536)
    expect(long.slice(-60)).toMatch(/cut|truncated|…/i)
    expect(await cut()).toBe(before + 1)
    expect(shipped.map(({ stream }) => stream['level'])).toEqual([...Array(4).fill('INFO'), ...Array(3).fill('ERROR'), 'INFO'])
    const labels = new Set(loki.lines.flatMap(({ stream }) => Object.keys(stream)))
    expect([...labels].toSorted()).toEqual(['engine_type', 'level', 'namespace', 'service_name', 'task_type'])
    expect(loki.faults).toEqual([])
  },
  { timeout: 60_000 },
)

requirement('M22', async () => {
  const stream = await openEventStream(`${aggregator.url}/api/v1/stream`)
  for (let round = 0; round < 10; round++) {
    const [jobId, instance] = [anId('job'), anId('engine')]
    const report = (seq: number, changes: Record<string, unknown>) => aReport({ jobId, seq, engine: { instance }, ...changes })
    await send(aggregator, report(1, { engineTaskCounts: { running: 1, succeeded: 0 } }))
    const ending = send(
      aggregator,
      report(2, { status: 'succeeded', engineTaskCounts: { running: 0, succeeded: 1 }, logs: [info('the last word')] }),
    )
    await stream.until('job', (job) => job['jobId'] === jobId && job['status'] === 'succeeded')
    expect((await logsOf(aggregator, jobId)).lines.map(({ line }) => line)).toEqual(['the last word'])
    expect((await engineOf(aggregator, instance)).counts).toMatchObject({ running: 0, succeeded: 1 })
    await ending
  }
  await stream.close()
})

describe('the log view', () => {
  test('is the tail while that holds all, and Loki where it no longer reaches back', async () => {
    const jobId = anId('job')
    await send(aggregator, aReport({ jobId, seq: 1, logs: [info('early')] }))
    expect(await logsOf(aggregator, jobId)).toMatchObject({ source: 'tail', hasGap: false, lines: [{ line: 'early' }] })
    for (let seq = 2; seq <= 60; seq++) {
      await send(aggregator, aReport({ jobId, seq, logs: [info(`line ${seq} ${'x'.repeat(200)}`)] }))
    }
    await untilShipped(jobId, 60)
    const all = await logsOf(aggregator, jobId, '?limit=1000')
    expect([all.source, all.lines.length, all.lines[0]?.line]).toEqual(['loki', 60, 'early'])
    const newest = await logsOf(aggregator, jobId, '?limit=5&order=desc')
    expect([newest.source, newest.lines[0]?.line.slice(0, 7)]).toEqual(['tail', 'line 60'])
    const paged: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await logsOf(aggregator, jobId, `?limit=13${cursor === '' ? '' : `&after=${encodeURIComponent(cursor)}`}`)
      paged.push(...page.lines.map(({ line }) => line))
      cursor = page.nextCursor
    }
    expect(paged).toEqual(all.lines.map(({ line }) => line))
  }, 120_000)

  test('shows the tail, and that it is not all, while Loki is away', async () => {
    const jobId = anId('job')
    for (let seq = 1; seq <= 60; seq++) {
      await send(
        aggregator,
        aReport({ jobId, seq, logs: [{ ...info(`${seq} ${'x'.repeat(200)}`), level: seq % 2 ? 'WARN' : 'INFO' }] }),
      )
    }
    await loki.close()
    try {
      const page = await logsOf(aggregator, jobId, '?limit=1000&level=WARN')
      expect(page).toMatchObject({ source: 'tail', hasGap: true })
      expect(page.lines.every(({ level }) => level === 'WARN')).toBe(true)
      expect(page.lines.at(-1)?.line).toMatch(/^59 /)
    } finally {
      await loki.listen()
    }
  })

  test('without a Loki is the tail alone, and nothing waits to be shipped', async () => {
    const plain = await startAggregator({ redisUrl: redis.url })
    const jobId = anId('job')
    await send(plain, aReport({ jobId, status: 'succeeded', logs: [info('only here')] }))
    expect(await logsOf(plain, jobId)).toMatchObject({ source: 'tail', lines: [{ line: 'only here' }] })
    await plain.stop()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(shippedOf(jobId)).toEqual([])
  })
})

test('with the outbox full state goes on, only lines are refused and said so; nothing taken is lost, nothing refused is shipped', async () => {
  const hiddenLoki = loki.behaviour
  loki.always({ kind: 'status', status: 503 })
  const taken: string[] = []
  const refused: string[] = []
  const jobId = anId('job')
  let seq = 0
  try {
    await eventually(
      async () => {
        seq += 1
        const logs = Array.from({ length: 40 }, (_, i) => info(`${seq}/${i} ${'y'.repeat(2_000)}`))
        const answer = await send(aggregator, aReport({ jobId, seq, progress: seq / 1_000, logs }))
        const isRefused = answer.results[0]?.code === 'LOGS_REFUSED'
        ;(isRefused ? refused : taken).push(...logs.map(({ line }) => line))
        if (isRefused) expect(answer).toMatchObject({ applied: 1, logs: { state: 'full' }, results: [{ logLinesRefused: 40 }] })
        return isRefused
      },
      undefined,
      { what: 'lines to be refused', timeoutMs: 30_000 },
    )
    expect((await jobOf(aggregator, jobId)).progress).toBe(seq / 1_000)
    expect(await seriesOf(aggregator, 'enginescope_log_lines_total', { outcome: 'refused' })).toBe(refused.length)
    await untilSeries(aggregator, 'enginescope_log_outbox_limit_bytes', {}, 1024 * 1024)
    const bytes = await seriesOf(aggregator, 'enginescope_log_outbox_bytes')
    expect(bytes, 'the cap holds, but for the report that reached it').toBeLessThan(1024 * 1024 + 120_000)
  } finally {
    loki.behaviour = hiddenLoki
  }
  await untilShipped(jobId, taken.length)
  expect(
    engineLinesOf(jobId)
      .map(({ line }) => line)
      .toSorted(),
  ).toEqual(taken.toSorted())
  // The reporter brings what was refused with its next report.
  await eventually(
    async () => {
      seq += 1
      const answer = await send(aggregator, aReport({ jobId, seq, logs: refused.map(info) }))
      return answer.results.length === 0
    },
    undefined,
    { what: 'lines to be taken again', everyMs: 200 },
  )
  await untilShipped(jobId, taken.length + refused.length)
}, 120_000)

test('what Loki refuses for good is laid aside with its reason, and can be seen, sent again and thrown away', async () => {
  loki.judge = ({ line }) => (line.includes('poison') ? 'line does not please' : undefined)
  const jobId = anId('job')
  await send(aggregator, aReport({ jobId, logs: [info('good'), info('poison a'), info('poison b'), info('fine')] }))
  type Letter = { id: string; reason: string; line: string; jobId: string }
  const list = async () => (await aggregator.http.get('/api/v1/dead-letters')).json<{ deadLetters: Letter[] }>().deadLetters
  const letters = await eventually(list, ({ length }) => length === 2, { what: 'two dead letters', timeoutMs: 30_000 })
  expect(letters).toMatchObject([
    { line: 'poison a', jobId, reason: expect.stringContaining('does not please') },
    { line: 'poison b', jobId },
  ])
  expect(
    engineLinesOf(jobId)
      .map(({ line }) => line)
      .toSorted(),
  ).toEqual(['fine', 'good'])
  await untilSeries(aggregator, 'enginescope_log_lines_total', { outcome: 'dead_lettered' }, 2)
  expect((await aggregator.http.post('/api/v1/dead-letters/replay')).status).toBe(400)
  loki.judge = () => undefined
  const replayed = await aggregator.http.post(`/api/v1/dead-letters/replay?ids=${letters[0]?.id}`)
  expect(replayed.json()).toEqual({ replayed: 1 })
  await untilShipped(jobId, 3)
  expect(engineLinesOf(jobId).map(({ line }) => line)).toContain('poison a')
  expect((await aggregator.http.delete('/api/v1/dead-letters?all=true')).json()).toEqual({ deleted: 1 })
  expect(await list()).toEqual([])
  expect((await aggregator.http.get('/-/ready')).status).toBe(200)
}, 120_000)
