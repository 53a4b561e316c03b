import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { closed } from '../../test/support/closed-schema.ts'
import { httpClient } from '../../test/support/http.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import { aJob, aLogEntry, anEngine, aTask, someTimeMs, storeEngine, storeJob } from '../../test/support/stored-state.ts'
import { ScopeError } from '../errors.ts'
import type { OpenApiDocument } from '../http/openapi.ts'
import { keysFor } from '../jobs/keys.ts'
import { createQueries } from '../jobs/queries/queries.ts'
import type { Reach } from '../jobs/queries/reach.ts'
import { apiRoutes, createApp } from './app.ts'
import type { ApiDeps, ApiRole, LokiLogs, StreamWish } from './deps.ts'

const keys = keysFor(4)
let redisServer: RedisServer
let redis: Redis
let server: Server
let port: number
let deps: ApiDeps
let now: {
  reasons: string[]
  faults: unknown[]
  wishes: StreamWish[]
  choices: unknown[]
  loki: LokiLogs | undefined
}

/** Tokens: `read-lab`, `read-all`, `admin-lab`, `admin`. Without one: TOKEN_MISSING. */
function checkAccess(incoming: IncomingMessage, role: ApiRole): { namespaces: Reach } {
  const token = incoming.headers.authorization?.replace('Bearer ', '')
  if (token === undefined) throw new ScopeError('TOKEN_MISSING')
  if (role === 'admin' && !token.startsWith('admin')) throw new ScopeError('ROLE_MISSING')
  return { namespaces: token.endsWith('-lab') ? new Set(['lab']) : '*' }
}

beforeAll(async () => {
  redisServer = await startRedis()
  redis = redisServer.client()
  deps = {
    version: '1.2.3',
    queries: createQueries(redis, keys),
    access: checkAccess,
    live: {
      open: (response, wish) => {
        now.wishes.push(wish)
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end('retry: 1\n\n')
      },
    },
    readiness: () => ({ ready: now.reasons.length === 0, reasons: now.reasons }),
    deadLetters: {
      list: async () => ({ deadLetters: [{ id: '00-1-0', reason: 'too old' }] }),
      replay: async ({ ids, may }) => now.choices.push([ids, may('lab'), may('secret'), may(undefined)]),
      drop: async ({ ids }) => now.choices.push(ids),
    },
    lokiLogs: async (query) => {
      if (now.loki === undefined) throw new ScopeError('LOKI_UNAVAILABLE')
      return now.loki(query)
    },
    reportJsonSchema: { type: 'object' },
    onFault: (error) => void now.faults.push(error),
  }
  server = createServer(createApp(deps))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await redisServer.stop()
})
beforeEach(async () => {
  now = { reasons: [], faults: [], wishes: [], choices: [], loki: undefined }
  await redis.flushall()
})

const as = (token: string) => httpClient(`http://127.0.0.1:${port}`, { token })
const admin = () => as('admin')
const nobody = () => httpClient(`http://127.0.0.1:${port}`)

/** A request whose path goes out as written: `fetch` would take `..` away. */
function rawGet(path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, headers: { authorization: 'Bearer admin' } }, (response) => {
      let body = ''
      response.on('data', (part) => {
        body += part
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
      .on('error', reject)
      .end()
  })
}

describe('jobs', () => {
  test('are listed with filters, in the words of any engine', async () => {
    await storeJob(redis, keys, aJob({ jobId: 'a' }))
    await storeJob(redis, keys, aJob({ jobId: 'b', status: 'succeeded' }))
    await storeJob(redis, keys, aJob({ jobId: 'c', status: 'lost' }))
    const ids = async (query: string) => {
      const answer = await admin().get(`/api/v1/jobs?${query}`)
      return answer
        .json<{ jobs: { jobId: string }[] }>()
        .jobs.map((job) => job.jobId)
        .sort()
    }
    expect(await ids('')).toEqual(['a', 'b', 'c'])
    expect(await ids('status=Succeed,LOST')).toEqual(['b', 'c'])
    expect(await ids('namespace=&status=RUNNING&q=')).toEqual(['a'])
  })

  test.each([
    ['limit=0', 'limit'],
    ['limit=501', 'limit'],
    ['limit=1e2', 'limit'],
    ['status=running,what', 'status'],
    ['cursor=xyz', 'cursor'],
    ['user=a&user=b', 'user'],
    [`q=${'x'.repeat(600)}`, 'q'],
  ])('refuse %s and say which argument it was', async (query, path) => {
    const answer = await admin().get(`/api/v1/jobs?${query}`)
    expect(answer.status).toBe(400)
    expect(answer.json()).toMatchObject({ error: { code: 'REQUEST_INVALID', path } })
    expect(answer.text.length).toBeLessThan(1024)
  })

  test.each(['node-09:40211/17', 'a/../b', '../x', 'me@host:1.2', 'logs', 'x/history/y'])(
    'answer to the id %j, encoded and as it is',
    async (jobId) => {
      await storeJob(redis, keys, aJob({ jobId }), { tail: [aLogEntry(['line'], { jobId })] })
      for (const path of [encodeURIComponent(jobId), jobId]) {
        const { status, body } = await rawGet(`/api/v1/namespaces/default/jobs/${path}`)
        expect([status, JSON.parse(body).jobId]).toEqual([200, jobId])
        const logs = await rawGet(`/api/v1/namespaces/default/jobs/${path}/logs`)
        expect(JSON.parse(logs.body).lines).toHaveLength(1)
      }
    },
  )

  test('whose id ends like a route answer to the encoded id', async () => {
    await storeJob(redis, keys, aJob({ jobId: 'a/logs' }))
    const { body } = await rawGet('/api/v1/namespaces/default/jobs/a%2Flogs')
    expect(JSON.parse(body).jobId).toBe('a/logs')
  })

  test('of another tenant get the same answer as those that do not exist', async () => {
    await storeJob(redis, keys, aJob({ namespace: 'secret', jobId: '1' }), { tail: [aLogEntry(['x'])] })
    for (const part of ['', '/history', '/logs']) {
      const theirs = await as('read-lab').get(`/api/v1/namespaces/secret/jobs/1${part}`)
      const none = await as('read-lab').get(`/api/v1/namespaces/lab/jobs/1${part}`)
      expect([theirs.status, theirs.text]).toEqual([404, none.text])
      expect((await as('read-all').get(`/api/v1/namespaces/secret/jobs/1${part}`)).status).toBe(200)
    }
    expect((await as('read-lab').get('/api/v1/jobs')).json()).toEqual({ jobs: [], nextCursor: null })
  })
})

describe('the log of a job', () => {
  const logs = '/api/v1/namespaces/default/jobs/48213/logs'
  type Page = {
    lines: { line: string }[]
    nextCursor: string | null
    resumeCursor: string | null
    source: string
    hasGap: boolean
  }

  const lokiLine = (line: string) => ({ ts: '2025-03-04T07:00:00.000000001Z', level: 'INFO', line, engine: 'e', fields: {} })

  test('comes from the tail while that reaches back', async () => {
    await storeJob(redis, keys, aJob(), { tail: [aLogEntry(['one', 'ERROR two'])] })
    const page = (await admin().get(`${logs}?level=warn`)).json<Page>()
    expect(page).toMatchObject({ lines: [{ line: 'two', level: 'ERROR' }], nextCursor: null, source: 'tail', hasGap: false })
  })

  test('comes from Loki, page by page, where the tail does not reach back', async () => {
    await storeJob(redis, keys, aJob({ tailNo: 9 }), { tail: [aLogEntry(['last'])] })
    const asked: unknown[] = []
    now.loki = async (query) => {
      asked.push(query.after)
      if (query.after === undefined) return { lines: [lokiLine('old')], nextCursor: 'p1', cursor: 'p1' }
      return { lines: [lokiLine('older')], cursor: 'p2' }
    }
    const first = (await admin().get(logs)).json<Page>()
    expect(first).toMatchObject({ source: 'loki', lines: [{ line: 'old', ts: '2025-03-04T07:00:00.000Z', execId: null }] })
    const second = (await admin().get(`${logs}?after=${first.nextCursor}`)).json<Page>()
    expect(second).toMatchObject({ source: 'loki', lines: [{ line: 'older' }], nextCursor: null })
    expect(second.resumeCursor).not.toBeNull()
    expect(asked).toEqual([undefined, 'p1'])
  })

  test('read backwards goes from the tail over to Loki', async () => {
    await storeJob(redis, keys, aJob({ tailNo: 9 }), { tail: [aLogEntry(['nine'])] })
    now.loki = async ({ toMs, order }) => ({ lines: [lokiLine(`${order} before ${toMs}`)] })
    const first = (await admin().get(`${logs}?order=desc`)).json<Page>()
    expect(first).toMatchObject({ source: 'tail', lines: [{ line: 'nine' }] })
    const second = (await admin().get(`${logs}?order=desc&after=${first.nextCursor}`)).json<Page>()
    expect(second).toMatchObject({ source: 'loki', lines: [{ line: `desc before ${someTimeMs + 1}` }] })
  })

  test('comes from the tail with the gap named when Loki is away', async () => {
    await storeJob(redis, keys, aJob({ tailNo: 9 }), { tail: [aLogEntry(['last'])] })
    expect((await admin().get(logs)).json<Page>()).toMatchObject({ source: 'tail', hasGap: true, lines: [{ line: 'last' }] })
  })

  test('refuses a level, an order and a cursor that are none', async () => {
    await storeJob(redis, keys, aJob())
    for (const query of ['level=loud', 'order=up', 'after=nonsense']) {
      const answer = await admin().get(`${logs}?${query}`)
      expect([answer.status, answer.json<{ error: { path: string } }>().error.path]).toEqual([400, query.split('=')[0]])
    }
  })
})

describe('engines, dead letters and the stream', () => {
  test('an engine answers to its instance however that is written', async () => {
    await storeEngine(redis, keys, anEngine({ instance: 'host:1/worker@2', attributes: { metricsAddress: 'host:9100' } }))
    for (const path of ['host:1/worker@2', encodeURIComponent('host:1/worker@2')])
      expect((await admin().get(`/api/v1/engines/${path}`)).json()).toMatchObject({ instance: 'host:1/worker@2', up: true })
    expect((await admin().get('/api/v1/engines?state=live')).json<{ engines: unknown[] }>().engines).toHaveLength(1)
    expect((await admin().get('/api/v1/engines/none')).status).toBe(404)
    expect((await admin().get('/api/v1/sd/prometheus')).json()).toEqual([
      { targets: ['host:9100'], labels: { __meta_enginescope_engine: 'host:1/worker@2' } },
    ])
  })

  test('a change of dead letters needs the role and a choice', async () => {
    expect((await as('read-all').get('/api/v1/dead-letters')).json()).toMatchObject({ error: { code: 'ROLE_MISSING' } })
    expect((await admin().get('/api/v1/dead-letters')).json()).toMatchObject({ deadLetters: [{ id: '00-1-0' }] })
    for (const query of ['', '?all=true&ids=1', '?ids=,'])
      expect((await admin().delete(`/api/v1/dead-letters${query}`)).status).toBe(400)
    expect((await admin().post('/api/v1/dead-letters/replay?ids=1-0,2-0')).json()).toEqual({ replayed: 1 })
    expect((await admin().delete('/api/v1/dead-letters?all=true')).json()).toEqual({ deleted: 2 })
    expect((await as('admin-lab').post('/api/v1/dead-letters/replay?all=true')).json()).toEqual({ replayed: 3 })
    expect(now.choices).toEqual([[['1-0', '2-0'], true, true, true], 'all', ['all', true, false, false]])
  })

  test('the stream gets what was asked and what may be seen', async () => {
    const answer = await as('read-lab').get('/api/v1/stream?jobId=48213')
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    await as('read-lab').get('/api/v1/stream?namespace=lab')
    expect(now.wishes).toEqual([
      { reach: new Set(['lab']), namespace: 'default', jobId: '48213', after: undefined },
      { reach: new Set(['lab']), namespace: 'lab', jobId: undefined, after: undefined },
    ])
  })
})

describe('every answer', () => {
  test.each([
    ['GET', '/nowhere', 404, 'NOT_FOUND'],
    ['GET', '/api/v1/jobs/', 404, 'NOT_FOUND'],
    ['GET', '/API/v1/jobs', 404, 'NOT_FOUND'],
    ['GET', '/api/v1/namespaces/default/jobs/%E0%A4%A', 400, 'REQUEST_INVALID'],
    ['DELETE', '/api/v1/jobs', 405, 'METHOD_NOT_ALLOWED'],
    ['PUT', '/api/v1/namespaces/default/jobs/1', 405, 'METHOD_NOT_ALLOWED'],
  ])('%s %s is %i %s in JSON', async (method, path, status, code) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { authorization: 'Bearer admin' } })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toMatch(/^application\/json/)
    expect(await response.json()).toMatchObject({ error: { code } })
    if (status === 405) expect(response.headers.get('allow')).toContain('GET')
  })

  test('has an id, the one that came or a new one, and gives nothing away', async () => {
    const kept = await nobody().get('/-/healthy', { 'x-request-id': 'trace_1.A-b' })
    expect(kept.headers.get('x-request-id')).toBe('trace_1.A-b')
    const made = await nobody().get('/nowhere', { 'x-request-id': 'no good' })
    expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect([kept.headers.get('x-powered-by'), kept.headers.get('etag')]).toEqual([null, null])
    expect(kept.headers.get('content-security-policy')).toContain("default-src 'self'")
  })

  test('is packed when it is long and the client takes that', async () => {
    for (let i = 0; i < 10; i++) await storeJob(redis, keys, aJob({ jobId: `${i}` }))
    const long = await admin().get('/api/v1/jobs', { 'accept-encoding': 'br, gzip' })
    expect([long.headers.get('content-encoding'), long.json<{ jobs: unknown[] }>().jobs.length]).toEqual(['gzip', 10])
    const plain = await admin().get('/api/v1/jobs', { 'accept-encoding': 'identity' })
    expect([plain.headers.get('content-encoding'), plain.text]).toEqual([null, long.text])
    expect((await admin().get('/-/healthy')).headers.get('content-encoding')).toBeNull()
  })

  test('without a token is 401, and the pages show nothing of anybody', async () => {
    const refused = await nobody().get('/api/v1/jobs')
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    for (const path of ['/', '/api/docs', '/api/docs/style.css', '/api/v1/openapi.json'])
      expect((await nobody().get(path)).status).toBe(200)
  })

  test('to a fault of ours is 500 without its words, and the fault is told once', async () => {
    await redis.set(keys.job(keys.shardOfJob('default', 'broken'), 'default', 'broken'), 'no hash')
    const answer = await admin().get('/api/v1/namespaces/default/jobs/broken')
    expect([answer.status, answer.json()]).toEqual([500, { error: { code: 'INTERNAL', message: 'A fault of the aggregator.' } }])
    expect(now.faults).toHaveLength(1)
  })

  test('while the store is away is 503 with the time to come back', async () => {
    const away = redisServer.client({ port: 1, enableOfflineQueue: false, lazyConnect: true, retryStrategy: () => null })
    const app = createServer(createApp({ ...deps, queries: createQueries(away, keys) }))
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
    const client = httpClient(`http://127.0.0.1:${(app.address() as AddressInfo).port}`, { token: 'admin' })
    for (const path of ['/api/v1/jobs', '/api/v1/namespaces/a/jobs/1', '/api/v1/engines', '/api/v1/sd/prometheus']) {
      const answer = await client.get(path)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
      expect(answer.json()).toMatchObject({ error: { code: 'REDIS_UNAVAILABLE' } })
    }
    app.closeAllConnections()
    app.close()
  })
})

test('readiness is 503 with its reasons, which strangers are not told', async () => {
  expect((await nobody().get('/-/ready')).json()).toEqual({ ready: true })
  now.reasons = ['redis: connection refused']
  const known = await admin().get('/-/ready')
  expect([known.status, known.json()]).toEqual([503, { ready: false, reasons: now.reasons }])
  expect((await nobody().get('/-/ready')).json()).toEqual({ ready: false })
  expect((await nobody().get('/')).text).toContain('not ready')
})

describe('the OpenAPI document', () => {
  const document = async () => (await nobody().get('/api/v1/openapi.json')).json<OpenApiDocument>()
  const doors = ['/api/v1/reports', '/metrics']

  test('names every route that answers, and every one that it names answers', async () => {
    const { paths } = await document()
    const named = Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`))
    const routed = apiRoutes(deps).map((route) => `${route.method} ${route.path}`)
    expect(named.filter((each) => !doors.includes(each.split(' ')[1] ?? '')).sort()).toEqual(routed.sort())
    await storeJob(redis, keys, aJob({ jobId: 'j' }))
    await storeEngine(redis, keys, anEngine({ instance: 'i' }))
    for (const each of routed) {
      const [method = '', path = ''] = each.split(' ')
      const query = path.includes('dead') && method !== 'get' ? '?all=true' : ''
      const real = path.replace('{ns}', 'default').replace('{jobId}', 'j').replace('{instance}', 'i')
      const headers = { authorization: 'Bearer admin' }
      const response = await fetch(`http://127.0.0.1:${port}${real}${query}`, { method: method.toUpperCase(), headers })
      await response.text()
      expect([each, response.status]).toEqual([each, 200])
    }
  })

  test('describes what really is answered', async () => {
    const { components } = await document()
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    ajv.addSchema({ $id: 'api', components: closed(components) as object })
    const application = {
      applicationId: 'a',
      queueMemory: 1,
      queueCores: 1,
      queueInstances: 1,
      jobStatus: 'RUNNING',
      queue: 'q',
      live: true,
    }
    const task = aTask({ applications: [application], metrics: { loss: 1 }, error: { code: '1' } })
    await storeJob(redis, keys, aJob({ error: { message: 'm' }, metadata: { a: 1 } }), {
      tasks: [task],
      attempts: [aTask({ attempt: 0, status: 'failed' })],
      tail: [aLogEntry(['x'])],
      history: [{ at: someTimeMs, status: 'running', progress: 0.1 }],
    })
    await storeEngine(redis, keys, anEngine())
    const job = '/api/v1/namespaces/default/jobs/48213'
    const answers = {
      JobPage: '/api/v1/jobs',
      Job: job,
      History: `${job}/history`,
      LogPage: `${job}/logs`,
      EnginePage: '/api/v1/engines',
      Engine: '/api/v1/engines/node-07:38215',
      Error: '/nowhere',
    }
    for (const [name, path] of Object.entries(answers)) {
      const check = ajv.compile({ $ref: `api#/components/schemas/${name}` })
      const isRight = check((await admin().get(path)).json())
      expect([name, isRight, check.errors]).toEqual([name, true, null])
    }
  })

  test('refers to nothing that it does not hold', async () => {
    const whole = await document()
    const refs = [...JSON.stringify(whole).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
    expect(new Set(refs).size).toBeGreaterThan(10)
    for (const name of refs) expect(Object.keys(whole.components.schemas)).toContain(name)
    expect(whole.openapi).toBe('3.1.0')
  })

  test('is a page too, without a script', async () => {
    const { text, headers } = await nobody().get('/api/docs')
    expect(headers.get('content-type')).toMatch(/^text\/html/)
    expect(text).toContain('/api/v1/namespaces/{ns}/jobs/{jobId}/logs')
    expect(text).not.toMatch(/<script|style=| on\w+=/)
  })
})
