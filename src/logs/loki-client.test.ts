import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FakeLoki, startLoki } from '../../test/support/loki.ts'
import { aLogEntry } from '../../test/support/stored-state.ts'
import type { LogEntry } from '../jobs/records.ts'
import { pushBody, readyLines } from './batch.ts'
import { createLokiClient, type LokiClient, type LokiClientOptions } from './loki-client.ts'
import { type JobLogLine, type JobLogQuery, jobLogQl } from './loki-query.ts'

let loki: FakeLoki
let client: LokiClient

function connect(options: Partial<LokiClientOptions> = {}): LokiClient {
  return createLokiClient({ url: loki.url, deadlineMs: 2_000, ...options })
}

function bodyOf(...entries: LogEntry[]): string {
  return pushBody(entries.flatMap((entry) => readyLines(entry, entry, Date.now())))
}

function aQuery(changes: Partial<JobLogQuery> = {}): JobLogQuery {
  return { namespace: 'default', jobId: '48213', limit: 100, order: 'asc', ...changes }
}

async function readAll(query: JobLogQuery): Promise<JobLogLine[]> {
  const lines: JobLogLine[] = []
  let after: string | undefined
  do {
    const page = await client.queryJob({ ...query, after })
    expect(page.lines.length).toBeLessThanOrEqual(query.limit)
    lines.push(...page.lines)
    after = page.nextCursor
  } while (after !== undefined)
  return lines
}

beforeEach(async () => {
  loki = await startLoki()
  client = connect()
})

afterEach(async () => {
  await client.close()
  await loki.close()
})

describe('a push', () => {
  test('arrives compressed, as JSON, with tenant and token', async () => {
    await client.close()
    client = connect({ tenant: 'team-a', auth: { kind: 'bearer', token: 'secret' } })
    expect(await client.push(bodyOf(aLogEntry(['x'], {}, Date.now())))).toMatchObject({ kind: 'stored', code: '204' })
    expect(loki.pushes[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'content-encoding': 'gzip',
      'x-scope-orgid': 'team-a',
      authorization: 'Bearer secret',
    })
    expect(loki.lines.map((line) => line.line)).toEqual(['x'])
  })

  test('takes a path and credentials out of the address', async () => {
    await client.close()
    client = connect({ url: `${loki.url.replace('//', '//u%40x:p%3Aw@')}/prefix/` })
    expect(await client.push('{}')).toMatchObject({ kind: 'misconfigured', status: 404 })
    expect(loki.requests[0]?.path).toBe('/prefix/loki/api/v1/push')
    expect(loki.requests[0]?.headers['authorization']).toBe(`Basic ${Buffer.from('u@x:p:w').toString('base64')}`)
  })

  test('that is not answered ends at the deadline', async () => {
    await client.close()
    client = connect({ deadlineMs: 200 })
    loki.always({ kind: 'hang' })
    expect(await client.push('{}')).toMatchObject({ kind: 'again', code: 'timeout' })
  })

  test('whose answer drips in is judged by its status, at the deadline', async () => {
    await client.close()
    client = connect({ deadlineMs: 300 })
    loki.always({ kind: 'drip', status: 503 })
    const startedMs = performance.now()
    expect(await client.push('{}')).toMatchObject({ kind: 'again', code: '503' })
    expect(performance.now() - startedMs).toBeLessThan(1_500)
  })

  test('whose answer has 100 MB is read for 64 KiB', async () => {
    loki.always({ kind: 'flood', status: 500, bytes: 100 * 1024 * 1024 })
    const before = process.memoryUsage.rss()
    for (let i = 0; i < 3; i++) expect(await client.push('{}')).toMatchObject({ kind: 'again', code: '500' })
    expect(process.memoryUsage.rss() - before).toBeLessThan(60 * 1024 * 1024)
  })

  test.each([{ kind: 'reset' } as const, { kind: 'lose-reply' } as const])(
    'that ends in $kind is sent again',
    async (behaviour) => {
      loki.always(behaviour)
      expect(await client.push(bodyOf(aLogEntry(['x'], {}, Date.now())))).toMatchObject({ kind: 'again', code: 'unreachable' })
      loki.always(undefined)
      expect(await client.push('{"streams":[]}')).toMatchObject({ kind: 'stored' })
    },
  )

  test('to nobody is told apart', async () => {
    await loki.close()
    expect(await client.push('{}')).toMatchObject({ kind: 'again', code: 'unreachable' })
    expect(await client.ready()).toMatchObject({ ready: false })
    await loki.listen()
    expect(await client.ready()).toEqual({ ready: true })
  })
})

describe('settings that cannot be used', () => {
  test.each([
    [{ url: 'loki:3100' }, 'ENGINESCOPE_LOKI_URL'],
    [{ tenant: '..' }, 'ENGINESCOPE_LOKI_TENANT'],
  ])('%o are refused', (options, path) => {
    expect(() => connect(options)).toThrow(expect.objectContaining({ path }))
  })
})

describe('a job query', () => {
  test('is built, not pasted', () => {
    expect(jobLogQl({ namespace: 'a"b', jobId: '"} or {x="', levels: ['ERROR', 'A|B'] })).toBe(
      String.raw`{service_name="enginescope", namespace="a\"b", level=~"ERROR|A\\|B"} | job_id="\"} or {x=\""`,
    )
  })

  test('gives the lines of that job alone, as the engine sent them', async () => {
    const nowMs = Date.now()
    const fields = { stage: '4', level: 'mine' }
    const lines: LogEntry['lines'] = [[`${nowMs - 86_400_000}000001`, 'ERROR', 'x', fields]]
    await client.push(bodyOf(aLogEntry([], { lines }), aLogEntry(['y'], { jobId: 'other' }, nowMs)))
    const page = await client.queryJob(aQuery())
    expect(page.lines).toEqual([
      {
        ts: `${new Date(nowMs - 86_400_000).toISOString().slice(0, -1)}000001Z`,
        level: 'ERROR',
        line: 'x',
        execId: 'spark-ec-48213',
        engine: 'node-07:38215',
        fields,
      },
    ])
    expect(page).not.toHaveProperty('nextCursor')
  })

  test('filters by level', async () => {
    await client.push(bodyOf(aLogEntry(['a', 'WARN b', 'ERROR c'], {}, Date.now())))
    const read = async (levels: string[]) => (await client.queryJob(aQuery({ levels }))).lines.map((line) => line.line)
    expect(await read(['WARN'])).toEqual(['b'])
    expect(await read(['WARN', 'ERROR'])).toEqual(['b', 'c'])
  })

  test.each(['asc', 'desc'] as const)('pages %s over lines of one nanosecond and loses none', async (order) => {
    const nowMs = Date.now()
    const tasks = Array.from({ length: 23 }, (_, i) => aLogEntry([`a${i}`, `b${i}`], { task: `t${i}` }, nowMs - (i % 2)))
    await client.push(bodyOf(...tasks))
    const lines = await readAll(aQuery({ order, limit: 5 }))
    expect(lines).toHaveLength(46)
    expect(new Set(lines.map((line) => line.line)).size).toBe(46)
    const times = lines.map((line) => line.ts)
    expect(times).toEqual(order === 'asc' ? times.toSorted() : times.toSorted().reverse())
  })

  test('pages over more lines of one nanosecond than a cursor can name', async () => {
    const nowMs = Date.now()
    await client.push(bodyOf(...Array.from({ length: 1_300 }, (_, i) => aLogEntry([`${i}`], { task: `t${i}` }, nowMs))))
    const lines = await readAll(aQuery({ limit: 400 }))
    expect(new Set(lines.map((line) => line.line)).size).toBe(1_300)
    expect(lines).toHaveLength(1_300)
  })

  test('goes on from its cursor when new lines have come', async () => {
    const nowMs = Date.now()
    await client.push(bodyOf(aLogEntry(['a'], {}, nowMs)))
    const { cursor } = await client.queryJob(aQuery())
    await client.push(bodyOf(aLogEntry(['b'], { task: 't2' }, nowMs), aLogEntry(['c'], {}, nowMs + 5)))
    const page = await client.queryJob(aQuery({ after: cursor }))
    expect(page.lines.map((line) => line.line)).toEqual(['b', 'c'])
  })

  test('refuses a cursor that was never given out, and says when Loki fails', async () => {
    await expect(client.queryJob(aQuery({ after: '1; drop' }))).rejects.toMatchObject({ code: 'REQUEST_INVALID', path: 'after' })
    await loki.close()
    await expect(client.queryJob(aQuery())).rejects.toMatchObject({ code: 'LOKI_UNAVAILABLE' })
    await loki.listen()
  })
})
