import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { rawHttp } from '../../test/support/raw-http.ts'
import { ScopeError } from '../errors.ts'
import type { LogPressure, Report, ReportResult } from '../report/report.ts'
import { connectionGuards, guarded, serverOptions } from './guards.ts'
import { type ReportsRouteDeps, reportsRoute } from './reports-route.ts'

const path = '/api/v1/reports'
const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
    if (server.listening) await once(server, 'close')
  }
})

/** A door with a real server around it, which records what it applied and observed. */
async function aDoor(changes: Partial<ReportsRouteDeps> = {}) {
  const applied: Report[] = []
  const outcomes: string[] = []
  const rejections: string[] = []
  const ignored: string[] = []
  const delays: number[] = []
  const route = reportsRoute({
    authorise: () => ({ namespaces: '*' }),
    apply: async (reports) => {
      applied.push(...reports)
      return reports.map((): ReportResult => ({ outcome: 'applied' }))
    },
    logPressure: () => ({ state: 'ok' }),
    isDraining: () => false,
    observer: {
      requestSeconds: () => undefined,
      outcome: (outcome) => outcomes.push(outcome),
      rejection: (code) => rejections.push(code),
      ignoredField: (field) => ignored.push(field),
      reportDelaySeconds: (seconds) => delays.push(seconds),
    },
    ...changes,
  })
  const server = createServer(
    serverOptions,
    guarded((req, res) => void route(req, res)),
  )
  connectionGuards(server)
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}${path}`
  const post = async (body: string | Uint8Array, headers: Record<string, string> = {}, method = 'POST') => {
    const init = { method, headers: { 'content-type': 'application/json', ...headers }, ...(method === 'GET' ? {} : { body }) }
    const res = await fetch(url, init)
    return { status: res.status, headers: res.headers, json: (await res.json()) as { readonly error?: unknown } }
  }
  return { server, port, post, applied, outcomes, rejections, ignored, delays }
}

const raw = (port: number, bytes: string, more?: Parameters<typeof rawHttp>[3]) => rawHttp(port, bytes, 8_000, more)

const aReport = (changes: Record<string, unknown> = {}) => ({
  execId: 'e',
  status: 'running',
  engine: { instance: 'e' },
  ...changes,
})
const text = (value: unknown) => JSON.stringify(value)
const zeros = { applied: 0, late: 0, duplicate: 0, stale: 0, closed: 0, rejected: 0, results: [] }

describe('bodies that are taken', () => {
  test('one report, an array, and lines', async () => {
    const { post, applied } = await aDoor()
    expect(await post(text(aReport()))).toMatchObject({ status: 200, json: { ...zeros, applied: 1 } })
    expect(await post(text([aReport(), aReport()]))).toMatchObject({ json: { ...zeros, applied: 2 } })
    const lines = `${text(aReport())}\n\n${text(aReport())}\r\n`
    expect(await post(lines, { 'content-type': 'application/x-ndjson' })).toMatchObject({ json: { ...zeros, applied: 2 } })
    expect(applied).toHaveLength(5)
  })

  test.each([
    ['application/json; charset=UTF-8'],
    ['application/json;charset="utf-8"'],
    ['application/vnd.example+json'],
    ['Application/JSON'],
  ])('content type %s', async (type) => {
    const { post } = await aDoor()
    expect((await post(text(aReport()), { 'content-type': type })).status).toBe(200)
  })

  test.each([
    ['gzip', gzipSync],
    ['GZIP', gzipSync],
    ['br', brotliCompressSync],
  ])('encoding %s, small and large', async (encoding, compress) => {
    const { post, applied } = await aDoor()
    const noise = () => Array.from({ length: 400 }, () => Math.random().toString(36)).join('')
    const large = Array.from({ length: 20 }, () => aReport({ attributes: { noise: noise() } }))
    for (const body of [aReport(), large]) {
      const res = await post(compress(Buffer.from(text(body))), { 'content-encoding': encoding })
      expect(res.status).toBe(200)
    }
    expect(applied).toHaveLength(21)
  })

  test('a BOM before the JSON', async () => {
    const { post } = await aDoor()
    expect(await post(`\ufeff${text(aReport())}`)).toMatchObject({ status: 200, json: { applied: 1 } })
  })

  test('an empty array is answered with zeros', async () => {
    const { post } = await aDoor()
    expect(await post(' [ ] ')).toMatchObject({ status: 200, json: zeros })
  })

  test('text beyond ASCII comes through whole, also in a chunked body that splits a character', async () => {
    const { port, applied } = await aDoor()
    const body = Buffer.from(text(aReport({ attributes: { a: 'é漢😀' } })))
    const at = body.indexOf(Buffer.from('漢')) + 1
    const chunk = (part: Buffer) => Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')])
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
    const answer = await raw(port, head, (write) => {
      write(chunk(body.subarray(0, at)))
      write(chunk(body.subarray(at)))
      write('0\r\n\r\n')
    })
    expect(answer).toContain('200 OK')
    expect(applied[0]?.attributes).toEqual({ a: 'é漢😀' })
  })

  test('duplicate keys: the last wins', async () => {
    const { post, applied } = await aDoor()
    await post('{"execId":"a","execId":"b","status":"running","engine":{"instance":"e"}}')
    expect(applied[0]?.execId).toBe('b')
  })

  test('a large array is cut, judged whole, and leaves the event loop free in between', async () => {
    const { post, applied } = await aDoor()
    const reports = Array.from({ length: 1_000 }, (_, i) =>
      aReport({ execId: `e-${i}`, attributes: { a: '],[{",\\"'.repeat(50) } }),
    )
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const res = await post(text(reports))
    clearInterval(timer)
    expect(res).toMatchObject({ status: 200, json: { ...zeros, applied: 1_000 } })
    expect(applied.map(({ execId }) => execId)).toEqual(reports.map(({ execId }) => execId))
    expect(turns).toBeGreaterThan(0)
  })

  test('a gzip batch of 1,000 with one bad: 999 applied, one named', async () => {
    const { post } = await aDoor()
    const reports: unknown[] = Array.from({ length: 1_000 }, (_, i) => aReport({ execId: `e-${i}` }))
    reports[500] = aReport({ seq: 0 })
    const res = await post(gzipSync(text(reports), { level: 1 }), { 'content-encoding': 'gzip' })
    expect(res).toMatchObject({
      status: 200,
      json: { applied: 999, rejected: 1, results: [{ index: 500, code: 'REPORT_INVALID', path: 'seq' }] },
    })
  })
})

describe('bodies that are refused, and the report after them that is taken', () => {
  const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const bomb = Buffer.alloc(5 * 1024 * 1024)
  const gz = gzipSync(Buffer.from(text(Array.from({ length: 20 }, () => aReport({ attributes: { r: Math.random() } })))))
  const utf16 = Buffer.from(text(aReport()), 'utf16le')

  test.each<[string, string | Uint8Array, Record<string, string>, number, string]>([
    ['empty', '', {}, 400, 'BODY_EMPTY'],
    ['blank', ' \n', {}, 400, 'BODY_EMPTY'],
    ['cut JSON', '{"execId":"e', {}, 400, 'BODY_NOT_JSON'],
    ['garbage behind JSON', `${text(aReport())}x`, {}, 400, 'BODY_NOT_JSON'],
    ['a bare NaN', '{"progress":NaN}', {}, 400, 'BODY_NOT_JSON'],
    ['text/plain', text(aReport()), { 'content-type': 'text/plain' }, 415, 'CONTENT_TYPE_UNSUPPORTED'],
    ['no content type', new Uint8Array(Buffer.from('{}')), { 'content-type': '' }, 415, 'CONTENT_TYPE_UNSUPPORTED'],
    ['charset utf-16', utf16, { 'content-type': 'application/json; charset=utf-16' }, 415, 'CONTENT_TYPE_UNSUPPORTED'],
    ['UTF-16 that says nothing of it', utf16, {}, 400, 'BODY_NOT_JSON'],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), {}, 400, 'BODY_NOT_UTF8'],
    ['a string', '"x"', {}, 400, 'BODY_NOT_A_REPORT'],
    ['a number', '7', {}, 400, 'BODY_NOT_A_REPORT'],
    ['null', 'null', {}, 400, 'BODY_NOT_A_REPORT'],
    ['true', 'true', {}, 400, 'BODY_NOT_A_REPORT'],
    ['depth 33', deep(33), {}, 400, 'BODY_TOO_DEEP'],
    ['depth 100,000', deep(100_000), {}, 400, 'BODY_TOO_DEEP'],
    ['an unclosed depth', '['.repeat(100_000), {}, 400, 'BODY_TOO_DEEP'],
    ['an array of no reports', '[1,"x",null]', {}, 400, 'REPORT_INVALID'],
    ['an array that ends in a comma', `[${`${text(aReport())},`.repeat(256)}]`, {}, 400, 'BODY_NOT_JSON'],
    ['an array with a hole', `[${`${text(aReport())},`.repeat(255)},${text(aReport())}]`, {}, 400, 'BODY_NOT_JSON'],
    ['an array closed by a brace', `[${Array(300).fill(text(aReport())).join(',')}}`, {}, 400, 'BODY_NOT_JSON'],
    ['garbage behind a large array', `[${Array(300).fill(text(aReport())).join(',')}]x`, {}, 400, 'BODY_NOT_JSON'],
    ['1,001 reports', text(Array.from({ length: 1_001 }, () => aReport())), {}, 413, 'TOO_MANY_REPORTS'],
    ['1,001 lines', `${text(aReport())}\n`.repeat(1_001), { 'content-type': 'application/x-ndjson' }, 413, 'TOO_MANY_REPORTS'],
    ['4 MiB + 1', `"${'x'.repeat(4 * 1024 * 1024 - 1)}"`, {}, 413, 'BODY_TOO_LARGE'],
    ['gzip bomb', gzipSync(bomb), { 'content-encoding': 'gzip' }, 413, 'BODY_TOO_LARGE'],
    ['brotli bomb', brotliCompressSync(bomb), { 'content-encoding': 'br' }, 413, 'BODY_TOO_LARGE'],
    ['a ratio beyond 100:1', gzipSync(Buffer.alloc(1_000_000, 0x20)), { 'content-encoding': 'gzip' }, 413, 'BODY_TOO_LARGE'],
    ['corrupt gzip', Buffer.from('not gzip at all'), { 'content-encoding': 'gzip' }, 400, 'ENCODING_CORRUPT'],
    ['cut gzip', gz.subarray(0, gz.length - 5), { 'content-encoding': 'gzip' }, 400, 'ENCODING_CORRUPT'],
    ['garbage behind gzip', Buffer.concat([gz, Buffer.from('garbage')]), { 'content-encoding': 'gzip' }, 400, 'ENCODING_CORRUPT'],
    [
      'garbage behind brotli',
      Buffer.concat([brotliCompressSync('{}'), Buffer.from('garbage')]),
      { 'content-encoding': 'br' },
      400,
      'ENCODING_CORRUPT',
    ],
    ['gzip in gzip, named once', gzipSync(gz), { 'content-encoding': 'gzip' }, 400, 'BODY_NOT_UTF8'],
    ['gzip, gzip', gzipSync(gz), { 'content-encoding': 'gzip, gzip' }, 415, 'ENCODING_UNSUPPORTED'],
    ['zstd', 'x', { 'content-encoding': 'zstd' }, 415, 'ENCODING_UNSUPPORTED'],
    ['lines of which none is JSON', '{\n]\n', { 'content-type': 'application/x-ndjson' }, 400, 'BODY_NOT_JSON'],
  ])('%s', async (_name, body, headers, status, code) => {
    const { post, applied, rejections } = await aDoor()
    const res = await post(body, headers)
    expect(res).toMatchObject({ status, json: { error: { code } } })
    expect(applied).toEqual([])
    expect(rejections).toContain(code)
    expect(await post(text(aReport()))).toMatchObject({ status: 200, json: { applied: 1 } })
  })

  test('what is not supported says what is', async () => {
    const { post } = await aDoor()
    expect((await post('x', { 'content-encoding': 'zstd' })).headers.get('accept-encoding')).toBe('gzip, br')
  })

  test('depth 32 is still a body', async () => {
    const { post } = await aDoor()
    const metadata = `{"execId":"e","status":"running","engine":{"instance":"e"},"metadata":${deep(31)}}`
    expect((await post(metadata)).status).toBe(200)
  })

  test('a bad line of NDJSON is rejected by its index, the others are taken', async () => {
    const { post } = await aDoor()
    const lines = [text(aReport()), '{"a":', deep(40), text(aReport())].join('\n')
    expect(await post(lines, { 'content-type': 'application/x-ndjson' })).toMatchObject({
      status: 200,
      json: {
        applied: 2,
        rejected: 2,
        results: [
          { index: 1, code: 'REPORT_INVALID' },
          { index: 2, code: 'REPORT_INVALID' },
        ],
      },
    })
  })

  test('a declared length of 2 GB is refused at once', async () => {
    const { port } = await aDoor()
    const answer = await raw(
      port,
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2147483648\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*connection: close.*BODY_TOO_LARGE/is)
  })

  test('endless chunks are refused at the limit', async () => {
    const { port } = await aDoor()
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    const answer = await raw(port, head, (write) => {
      const more = () => {
        if (write(chunk)) setImmediate(more)
        else setTimeout(more, 1).unref()
      }
      more()
    })
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  })
})

describe('requests that are no HTTP, or might be read in two ways', () => {
  const post = (headers: string, body = '{}') => `POST ${path} HTTP/1.1\r\n${headers}\r\n\r\n${body}`
  const plain = 'Host: x\r\nContent-Type: application/json'

  test.each([
    ['length and chunks', post(`${plain}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked`), 400],
    ['two lengths', post(`${plain}\r\nContent-Length: 2\r\nContent-Length: 3`), 400],
    ['a bad chunk', post(`${plain}\r\nTransfer-Encoding: chunked`, 'zz\r\n{}\r\n0\r\n\r\n'), 400],
    ['a blank before the colon', post(`${plain}\r\nContent-Length : 2`), 400],
    ['NUL in a header', post(`${plain}\r\nX-A: a\u0000b\r\nContent-Length: 2`), 400],
    ['xchunked', post(`${plain}\r\nTransfer-Encoding: xchunked`), 400],
    ['identity', post(`${plain}\r\nTransfer-Encoding: identity`), 400],
    ['chunked, x', post(`${plain}\r\nTransfer-Encoding: chunked, x`), 400],
    ['two hosts', post(`${plain}\r\nHost: y\r\nContent-Length: 2`), 400],
    ['no host', post('Content-Type: application/json\r\nContent-Length: 2'), 400],
    ['headers of 20 KiB', post(`${plain}\r\nX-A: ${'a'.repeat(20_480)}\r\nContent-Length: 2`), 431],
    ['101 headers', post(`${plain}\r\nContent-Length: 2${'\r\nX-A: 1'.repeat(98)}`), 431],
    ['a TLS hello', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000', 400],
  ])('%s', async (_name, bytes, status) => {
    const { port, applied, post: send } = await aDoor()
    const answer = await raw(port, bytes)
    expect(answer.split('\r\n')[0]).toContain(` ${status} `)
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(answer.toLowerCase()).toContain('x-request-id: ')
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toHaveProperty('error.code')
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(applied).toEqual([])
    expect((await send(text(aReport()))).status).toBe(200)
  })

  test('a hundred headers are taken', async () => {
    const { port } = await aDoor()
    const body = text(aReport())
    const answer = await raw(
      port,
      post(`${plain}\r\nConnection: close\r\nContent-Length: ${body.length}${'\r\nX-A: 1'.repeat(96)}`, body),
    )
    expect(answer).toContain('200 OK')
  })

  test('a request that breaks off holds nothing', async () => {
    const { port, post: send } = await aDoor({ limits: { inFlightBytesMax: 1_000 } })
    const socket = connect(port, '127.0.0.1')
    socket.write(post(`${plain}\r\nContent-Length: 900`, 'x'))
    await once(socket, 'connect')
    await expect.poll(async () => (await send(text(aReport({ attributes: { a: 'x'.repeat(200) } })))).status).toBe(503)
    socket.destroy()
    await expect.poll(async () => (await send(text(aReport({ attributes: { a: 'x'.repeat(200) } })))).status).toBe(200)
  })
})

describe('the answer', () => {
  test('lists what was not plainly applied, in order, and counts everything', async () => {
    const results: ReportResult[] = [
      { outcome: 'applied' },
      { outcome: 'applied', missing: [[1, 3]] },
      { outcome: 'duplicate' },
      { outcome: 'applied', code: 'LOGS_REFUSED', logLinesRefused: 2 },
    ]
    const logPressure = (): LogPressure => ({ state: 'full', retryAfterSeconds: 30 })
    const { post, outcomes } = await aDoor({ apply: async () => results, logPressure })
    const { json } = await post(text([aReport(), aReport({ status: 'x' }), aReport(), aReport(), aReport()]))
    expect(json).toEqual({
      ...zeros,
      applied: 3,
      duplicate: 1,
      rejected: 1,
      results: [
        { index: 1, outcome: 'rejected', code: 'REPORT_INVALID', path: 'status', message: '"x" is not a status' },
        { index: 2, outcome: 'applied', missing: [[1, 3]] },
        { index: 3, outcome: 'duplicate' },
        { index: 4, outcome: 'applied', code: 'LOGS_REFUSED', logLinesRefused: 2 },
      ],
      logs: { state: 'full', retryAfterSeconds: 30 },
    })
    expect(outcomes.toSorted()).toEqual(['applied', 'applied', 'applied', 'duplicate', 'rejected'])
  })

  test('another namespace is rejected; alone it is a 403', async () => {
    const { post, applied } = await aDoor({ authorise: () => ({ namespaces: new Set(['team-a']) }) })
    expect(await post(text([aReport({ namespace: 'team-a' }), aReport()]))).toMatchObject({
      status: 200,
      json: { applied: 1, rejected: 1, results: [{ index: 1, code: 'NAMESPACE_FORBIDDEN', path: 'namespace' }] },
    })
    expect(applied).toHaveLength(1)
    expect(await post(text(aReport()))).toMatchObject({
      status: 403,
      json: { rejected: 1, error: { code: 'NAMESPACE_FORBIDDEN' } },
    })
  })

  test('too many open jobs, alone, is a 429 that says when to come back', async () => {
    const apply = async (reports: readonly Report[]) =>
      reports.map((): ReportResult => ({ outcome: 'rejected', code: 'OPEN_JOBS_LIMIT' }))
    const { post } = await aDoor({ apply })
    const res = await post(text([aReport(), aReport()]))
    expect(res).toMatchObject({ status: 429, json: { rejected: 2, error: { code: 'OPEN_JOBS_LIMIT' } } })
    expect(Number(res.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  })

  test('rejected for different reasons, all are named under one error', async () => {
    const { post } = await aDoor({ authorise: () => ({ namespaces: new Set(['a']) }) })
    const res = await post(text([aReport(), aReport({ seq: 0 })]))
    expect(res).toMatchObject({ status: 400, json: { error: { code: 'REPORT_INVALID' }, results: [{ index: 0 }, { index: 1 }] } })
  })

  test.each([
    ['abc.DEF-1_2', 'abc.DEF-1_2'],
    ['a b', undefined],
    ['x'.repeat(65), undefined],
  ])('the request id %s is kept only if it is harmless', async (sent, kept) => {
    const { post } = await aDoor()
    const id = (await post(text(aReport()), { 'x-request-id': sent })).headers.get('x-request-id')
    if (kept === undefined) expect(id).toMatch(/^[0-9a-f-]{36}$/)
    else expect(id).toBe(kept)
  })

  test('input is echoed in 64 characters at most', async () => {
    const { post } = await aDoor()
    const { json } = await post(text(aReport({ status: `<script>${'x'.repeat(10_000)}\u202e` })))
    expect(text(json.error).length).toBeLessThan(400)
  })

  test('another method is named what is allowed', async () => {
    const { post } = await aDoor()
    const res = await post('', {}, 'GET')
    expect(res).toMatchObject({ status: 405, json: { error: { code: 'METHOD_NOT_ALLOWED' } } })
    expect(res.headers.get('allow')).toBe('POST')
  })

  test('delay is counted from reportedAt, never below zero; ignored fields by their path', async () => {
    const { post, delays, ignored } = await aDoor({ nowMs: () => Date.parse('2026-01-01T00:00:10Z') })
    await post(
      text([
        aReport({ reportedAt: '2026-01-01T00:00:00Z', foo: 1 }),
        aReport({ reportedAt: '2026-01-01T00:00:20Z', progress: 2 }),
      ]),
    )
    expect(delays).toEqual([10, 0])
    expect(ignored).toEqual(['foo', 'progress'])
  })
})

describe('when it cannot be done', () => {
  const unavailable = async () => {
    throw new ScopeError('REDIS_UNAVAILABLE')
  }

  test.each<[string, Partial<ReportsRouteDeps>, number, string]>([
    ['the store is away', { apply: unavailable }, 503, 'REDIS_UNAVAILABLE'],
    ['shutting down', { isDraining: () => true }, 503, 'SHUTTING_DOWN'],
    ['overloaded', { isOverloaded: () => true }, 503, 'BUSY'],
    ['too many bytes in flight', { limits: { inFlightBytesMax: 10 } }, 503, 'BUSY'],
    [
      'rate limited',
      {
        authorise: () => {
          throw new ScopeError('RATE_LIMITED')
        },
      },
      429,
      'RATE_LIMITED',
    ],
  ])('%s: the sender is told to come back within 1 to 5 seconds', async (_name, deps, status, code) => {
    const { post, applied } = await aDoor(deps)
    const res = await post(text(aReport()))
    expect(res).toMatchObject({ status, json: { error: { code } } })
    expect(Number(res.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(Number(res.headers.get('retry-after'))).toBeLessThanOrEqual(5)
    expect(applied).toEqual([])
  })

  test('without a token nothing is read', async () => {
    const authorise = () => {
      throw new ScopeError('TOKEN_MISSING')
    }
    const { post } = await aDoor({ authorise })
    const res = await post('not even JSON')
    expect(res).toMatchObject({ status: 401, json: { error: { code: 'TOKEN_MISSING' } } })
    expect(res.headers.get('www-authenticate')).toBe('Bearer')
  })

  test('while shutting down the connection is given up', async () => {
    const { port } = await aDoor({ isDraining: () => true })
    const body = text(aReport())
    const answer = await raw(
      port,
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 503 .*connection: close/is)
  })
})
