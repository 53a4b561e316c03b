import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { parsePrometheusText, samplesOf } from '../support/prometheus-text.ts'
import { rawHttp } from '../support/raw-http.ts'
import { anId, aReport, aStand, jobOf, logsOf, post, send, seriesBy, seriesOf } from '../support/reporting.ts'

const stand = aStand({ TASK_TYPES_MAX: '40', METRIC_NAMES_MAX: '8' })
const residentBytes = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${stand.aggregator.program.pid}/status`, 'utf8'))?.[1]) * 1024

let residentAtFirst = 0
beforeAll(async () => {
  // What any work costs: code compiled, buffers at their size.
  const batch = gzipSync(
    JSON.stringify(Array.from({ length: 1_000 }, (_, i) => aReport({ jobId: `warm-${i}`, status: 'succeeded' }))),
  )
  for (let round = 0; round < 3; round++) await post(stand.aggregator, batch, { 'content-encoding': 'gzip' })
  residentAtFirst = residentBytes()
}, 120_000)
afterAll(async () => {
  await expectAlive()
  expect(residentBytes() - residentAtFirst, 'growth of the process over all rows').toBeLessThan(100 * 1024 * 1024)
})

/** Each row is followed by a plain report that must be applied, and an exposition that must parse. */
async function expectAlive(): Promise<void> {
  expect(await send(stand.aggregator, aReport({ jobId: anId('after') }))).toMatchObject({ applied: 1, rejected: 0 })
  parsePrometheusText((await stand.aggregator.http.get('/metrics')).text)
}

const text = (value: unknown) => JSON.stringify(value)
const path = '/api/v1/reports'
const plain = 'Host: x\r\nContent-Type: application/json'
const request = (headers: string, body = '') => `POST ${path} HTTP/1.1\r\n${headers}\r\n\r\n${body}`

describe('HTTP at the one port of the real service', () => {
  test.each([
    [23, 'length and chunks', request(`${plain}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked`, '{}'), /^HTTP\/1\.1 400/],
    [23, 'a bare line feed', `POST ${path} HTTP/1.1\nHost: x\n\n`, /^HTTP\/1\.1 400|^$/],
    [24, 'xchunked', request(`${plain}\r\nTransfer-Encoding: xchunked`, '{}'), /^HTTP\/1\.1 400/],
    [25, 'two hosts, on a route of Express', 'GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', /^HTTP\/1\.1 400/],
    [25, 'no host, at the scrape', 'GET /metrics HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400/],
    [26, 'headers of 20 KiB', `GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_480)}\r\n\r\n`, /^HTTP\/1\.1 431/],
    [29, 'an unknown method', 'BREW /api/v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 (400|405|501)|^$/],
    [29, 'CONNECT', 'CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 (400|404|405|501)|^$/],
    [
      29,
      'an upgrade',
      'GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      /^HTTP\/1\.1 (200|4\d\d)|^$/,
    ],
    [31, 'a TLS hello', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000', /^HTTP\/1\.1 400|^$/],
  ])('row %i: %s', async (_row, _name, bytes, answer) => {
    expect(await rawHttp(stand.aggregator.port, bytes, 1_500)).toMatch(answer)
    await expectAlive()
  })

  test.each([
    ['GET', '//api//v1/jobs', [400, 404]],
    ['GET', '/api/v1/namespaces/%2e%2e/jobs/%2e%2e%2f', [200, 400, 404]],
    ['GET', '/api/v1/namespaces/default/jobs/%00', [400, 404]],
    ['GET', '/api/v1/namespaces/default/jobs/%zz', [400]],
    ['GET', '/api/v1/namespaces/default/jobs/{es:00}*', [400, 404]],
    ['GET', '/nowhere', [404]],
    ['DELETE', '/api/v1/jobs', [405]],
    ['POST', '/metrics', [405]],
    ['GET', path, [405]],
    ['TRACE', '/api/v1/jobs', [405, 501]],
    ['GET', '/api/v1/jobs?__proto__=1&constructor=2&toString=3', [200, 400]],
    ['GET', '/api/v1/namespaces/constructor/jobs/__proto__', [404]],
    ['GET', '/api/v1/engines/constructor', [404]],
    ['GET', '/api/v1/jobs?limit=-1', [400]],
    ['GET', '/api/v1/jobs?limit=1e9', [400]],
    ['GET', '/api/v1/jobs?cursor=AAAA', [400]],
    ['GET', '/api/v1/jobs?status=nonsense', [400]],
    ['GET', '/api/v1/jobs?q=%22%7D%20or%20up%7Bx%3D%22', [200]],
    ['GET', `/api/v1/jobs?q=${'('.repeat(200)}`, [200, 400]],
    ['GET', '/api/v1/namespaces/default/jobs/x/logs?after=%F0%28', [400, 404]],
    ['GET', `/metrics?${'name[]=a&'.repeat(1_500)}`, [200, 414, 431]],
  ])('rows 29, 30, 53 and 55: %s %s is answered in JSON, without a stack', async (method, target, statuses) => {
    const { port } = stand.aggregator
    const answer = await rawHttp(port, `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 2_000)
    const status = Number(answer.slice(9, 12))
    expect(statuses, answer.slice(0, 400)).toContain(status)
    if (status < 400) return
    expect(answer.toLowerCase()).toContain('content-type: application/json')
    expect(answer).toContain('"error":{"code":"')
    expect(answer).not.toMatch(/<html|at .*\.(js|ts):\d+|X-Powered-By/i)
    expect(answer.length).toBeLessThan(2_048)
  })

  test('row 53: a nonsense Accept gets text', async () => {
    for (const accept of [
      'x'.repeat(12_000),
      'text/plain;q=nonsense,*/*;q=-1',
      'application/openmetrics-text;version=99;q=2',
      '',
    ]) {
      const answer = await stand.aggregator.http.get('/metrics', { accept })
      expect([answer.status, answer.headers.get('content-type')?.split(';')[0]]).toEqual([200, expect.stringMatching(/text/)])
    }
  })

  test('row 54: a hundred scrapes at once are answered, all alike', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => stand.aggregator.http.get('/metrics')))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    for (const { text: body } of answers.slice(0, 5)) parsePrometheusText(body)
  })

  test('row 27: slow headers are closed within about ten seconds, and 300 such sockets keep nobody waiting', async () => {
    const sockets: Socket[] = []
    for (let i = 0; i < 300; i++) {
      const socket = connect(stand.aggregator.port, '127.0.0.1').on('error', () => undefined)
      socket.write(i % 2 ? 'POST /api/v1/rep' : request(`${plain}\r\nContent-Length: 100`, '{'))
      sockets.push(socket)
    }
    await Promise.all(sockets.map((socket) => (socket.connecting ? once(socket, 'connect') : undefined)))
    const times: number[] = []
    for (let i = 0; i < 50; i++) {
      const beganAtMs = performance.now()
      await send(stand.aggregator, aReport({ jobId: 'beside-slow-ones' }))
      times.push(performance.now() - beganAtMs)
    }
    expect(times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]).toBeLessThan(100)
    const slow = sockets[1] as Socket
    const beganAtMs = performance.now()
    let said = ''
    slow.on('data', (chunk) => {
      said += String(chunk)
    })
    if (!slow.closed) await once(slow, 'close')
    expect(said).toMatch(/^HTTP\/1\.1 408|^$/)
    expect(performance.now() - beganAtMs).toBeLessThan(15_000)
    for (const socket of sockets) socket.destroy()
    await expectAlive()
  })
})

describe('texts in a report', () => {
  const nasty = 'a"b\\c\nd{}",evil="1 \u001b[31m\u0000\u202e\ufffe'

  test('rows 32, 33 and 44: what becomes a label is escaped or replaced, and labels stay as they are', async () => {
    const jobId = anId('job')
    const engine = { instance: anId('engine'), user: nasty, node: nasty, engineVersion: nasty, engineType: nasty.slice(0, 20) }
    const body = text(aReport({ jobId, taskType: nasty.slice(0, 20), engine, attributes: { a: nasty } })).replace(
      'evil',
      '\\ud800evil',
    )
    expect((await post(stand.aggregator, body)).status).toBeLessThan(500)
    await send(stand.aggregator, aReport({ jobId: `${jobId}-b`, engine: { ...engine, engineType: 'spark' } }))
    const families = parsePrometheusText((await stand.aggregator.http.get('/metrics')).text)
    const [info] = samplesOf(families, 'enginescope_task_info', { job_id: `${jobId}-b` })
    expect(info?.labels['user']).toContain('a"b\\c')
    for (const character of ['\u0000', '\u001b', '\u202e', '\ufffe']) expect(info?.labels['user']).not.toContain(character)
    expect(info?.labels).not.toHaveProperty('evil')
  })

  test.each([
    ['9', JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as object],
    ['10', Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`unknown${i}`, i]))],
    ['34', { attributes: { a: 'x'.repeat(50_000) }, taskType: 'sql', engineTypeLabel: 'y' }],
    ['35', { algorithmMetrics: { __name__: 1, 'a-b': 2, le: 3, job: 4, instance: 5, ['n'.repeat(200)]: 6, '': 7, 日本: 8 } }],
    ['36', { algorithmMetrics: { enginescope_task_progress_ratio: 1, reports_total: 2 } }],
    ['45', { attributes: { a: `${'a'.repeat(60_000)}!` }, error: { message: ' '.repeat(100_000) } }],
    [
      '46',
      {
        reportedAt: '+275760-09-13T00:00:00.000Z',
        logs: [
          { ts: 1e18, line: 'x' },
          { ts: 'text', line: 'y' },
        ],
      },
    ],
    ['56', { attributes: { password: 'hunter2', token: 'hunter2', nested: 'secret=hunter2' } }],
  ])('row %s is applied, and nothing of it hurts', async (_row, changes) => {
    const jobId = anId('job')
    const body = text({ ...aReport({ jobId }), ...changes })
    expect((await post(stand.aggregator, body)).json()).toMatchObject({ applied: 1 })
    await jobOf(stand.aggregator, jobId)
    expect(stand.aggregator.program.stdout()).not.toContain('hunter2')
    await expectAlive()
  })

  test('row 9: ids that every object has as names of members are ids like any other', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype']) {
      const jobId = anId('job')
      const report = (seq: number, changes = {}) => aReport({ jobId, execId: name, seq, ...changes, engine: { instance: name } })
      expect(await send(stand.aggregator, report(1, { logs: [{ line: name }] }))).toMatchObject({ applied: 1 })
      expect(await send(stand.aggregator, report(3, { progress: 0.5 }))).toMatchObject({ applied: 1 })
      expect(await send(stand.aggregator, aReport({ jobId, execId: name, attempt: 2 }))).toMatchObject({ applied: 1 })
      expect(await send(stand.aggregator, report(1, { attempt: 2, status: 'succeeded' }))).toMatchObject({ applied: 1 })
      const job = await jobOf(stand.aggregator, jobId)
      expect(job.tasks.map(({ engine, status }) => [engine.instance, status]).toSorted()).toEqual(
        [
          ['engine-1', 'running'],
          [name, 'succeeded'],
        ].toSorted(),
      )
      expect(job.attempts).toMatchObject([{ execId: name, attempt: 1, progress: 0.5 }])
      const whole = { jobId: name, namespace: name, execId: 'main', scope: 'job' }
      await send(stand.aggregator, aReport({ ...whole, engine: { instance: name } }))
      expect(await jobOf(stand.aggregator, name, name)).toMatchObject({ jobId: name, status: 'running' })
      const families = parsePrometheusText((await stand.aggregator.http.get('/metrics')).text)
      expect(samplesOf(families, 'enginescope_task_status', { job_id: jobId, engine: name, status: 'succeeded' })).toHaveLength(1)
      expect(samplesOf(families, 'enginescope_engine_up', { engine: name })).toHaveLength(1)
    }
  })

  test('row 39: ids that could steer keys or patterns are refused; dots and slashes are only data', async () => {
    for (const jobId of ['{es:00}', 'a*', 'a b', 'a\r\nSET x', '', 'é', 'x'.repeat(201)]) {
      expect((await post(stand.aggregator, aReport({ jobId }))).status, jobId).toBe(400)
    }
    for (const jobId of ['../../etc', 'a/b/../c', '@:/-._']) {
      await send(stand.aggregator, aReport({ jobId, progress: 0.5 }))
      expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ jobId, progress: 0.5 })
    }
    // Clients that follow the URL standard take this segment for a step up; the server takes it as it comes.
    await send(stand.aggregator, aReport({ jobId: '..', progress: 0.5 }))
    for (const segment of ['..', '%2e%2e']) {
      const target = `/api/v1/namespaces/default/jobs/${segment}`
      const answer = await rawHttp(stand.aggregator.port, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*"jobId":"\.\."/)
    }
  })

  test('row 37: a new type in every report ends in one value for all that is beyond the cap', async () => {
    for (let batch = 0; batch < 3; batch++) {
      await send(
        stand.aggregator,
        Array.from({ length: 100 }, () => aReport({ jobId: anId('job'), taskType: anId('novel') })),
      )
    }
    const open = { status: 'running', engine_type: 'spark', namespace: 'default' }
    const byType = await eventually(
      () => seriesBy(stand.aggregator, 'enginescope_tasks', 'task_type', open),
      (types) => (types['other'] ?? 0) > 200,
      { what: 'what is beyond the cap to be counted as other' },
    )
    expect(Object.keys(byType).length).toBeLessThanOrEqual(41)
  })

  test('row 37: a new metric name in every report takes no more series than the cap', async () => {
    const jobId = anId('job')
    for (let round = 0; round < 50; round++) {
      await send(stand.aggregator, aReport({ jobId, taskType: 'sql', algorithmMetrics: { [`metric_${round}`]: round } }))
    }
    const names = await seriesBy(stand.aggregator, 'enginescope_task_metric', 'name', { task_type: 'sql' })
    expect(Object.keys(names).length).toBeLessThanOrEqual(8)
    expect(await seriesOf(stand.aggregator, 'enginescope_series_overflow_total', { family: 'task_metric' })).toBeGreaterThan(0)
    expect((await jobOf(stand.aggregator, jobId)).algorithmMetrics).toMatchObject({ metric_49: 49 })
  })

  test('rows 41 and 42: a log line is one line whatever is in it, and never in our own log', async () => {
    const jobId = anId('job')
    const lines = ['{"level":"error","msg":"forged"}\n{"level":"error"}', nasty, '\u0000'.repeat(100_000)]
    await send(stand.aggregator, aReport({ jobId, logs: lines.map((line) => ({ level: 'INFO', line })) }))
    const stored = (await logsOf(stand.aggregator, jobId)).lines.map(({ line }) => line)
    expect(stored).toHaveLength(3)
    expect(stored[0]).toBe(lines[0])
    expect(stored[2]?.length).toBeLessThan(66_000)
    expect(stand.aggregator.program.stdout()).not.toContain('forged')
  })

  test('rows 12, 57 and 58: numbers and incarnations that would freeze a task are rejected by their path', async () => {
    const jobId = anId('job')
    await send(stand.aggregator, aReport({ jobId, seq: 1 }))
    for (const [changes, fault] of [
      [{ seq: 2 ** 53 + 2 }, 'seq'],
      [{ seq: 2 ** 53 - 1 }, 'seq'],
      [{ seq: 0 }, 'seq'],
      [{ seq: 1.5 }, 'seq'],
      [{ attempt: -1 }, 'attempt'],
      [{ attempt: '2' }, 'attempt'],
      [{ engine: { incarnation: '2999-01-01T00:00:00Z' } }, 'engine.incarnation'],
    ] as const) {
      const answer = await post(stand.aggregator, aReport({ jobId, ...changes }))
      expect(answer.json(), text(changes)).toMatchObject({ rejected: 1, results: [{ path: fault }] })
    }
    expect(await send(stand.aggregator, aReport({ jobId, seq: 2, progress: 0.5 }))).toMatchObject({ applied: 1 })
    expect((await jobOf(stand.aggregator, jobId)).progress).toBe(0.5)
  })

  test('row 50: a tenant named by a client has no effect', async () => {
    const jobId = anId('job')
    expect((await post(stand.aggregator, aReport({ jobId }), { 'x-scope-orgid': 'other' })).status).toBe(200)
    expect((await jobOf(stand.aggregator, jobId)).namespace).toBe('default')
  })
})
