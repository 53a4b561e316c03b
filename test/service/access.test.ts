import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { writeAuthFile } from '../support/auth-file.ts'
import { openEventStream } from '../support/event-stream.ts'
import { eventually } from '../support/eventually.ts'
import { type HttpClient, httpClient } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { startEnginescope } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { anId, aReport } from '../support/reporting.ts'

const folder = mkdtempSync(join(tmpdir(), 'enginescope-access-'))
const file = join(folder, 'tokens.json')
const wishes = {
  reporter: { role: 'report', namespaces: ['team-a'] },
  reader: { role: 'read', namespaces: ['team-a'] },
  other: { role: 'admin', namespaces: ['team-b'] },
  boss: { role: 'admin', namespaces: ['*'] },
} as const
let tokens = writeAuthFile(file, wishes)
let redis: RedisServer
let aggregator: Aggregator

beforeAll(async () => {
  redis = await startRedis()
  aggregator = await startAggregator({ redisUrl: redis.url, settings: { AUTH_FILE: file } })
}, 120_000)
afterAll(async () => {
  await aggregator?.stop()
  await redis?.stop()
  rmSync(folder, { recursive: true })
})

const as = (name: keyof typeof wishes): HttpClient => httpClient(aggregator.url, { token: tokens[name] })
const reports = '/api/v1/reports'
const detail = (jobId: string, namespace: string) => `/api/v1/namespaces/${namespace}/jobs/${jobId}`

describe('who has no token, or a wrong one', () => {
  test('is told so, of every route but health and the series on the loopback', async () => {
    const { http } = aggregator
    for (const path of ['/api/v1/jobs', '/api/v1/engines', '/api/v1/stream', '/api/v1/dead-letters', detail('x', 'team-a')]) {
      const answer = await http.get(path)
      expect(answer.json(), path).toMatchObject({ error: { code: 'TOKEN_MISSING' } })
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    }
    const unread = await http.post(reports, 'not even JSON')
    expect([unread.status, unread.json<{ error: { code: string } }>().error.code]).toEqual([401, 'TOKEN_MISSING'])
    expect((await http.get('/metrics')).status).toBe(200)
    expect((await http.get('/-/healthy')).status).toBe(200)
    expect((await http.get('/-/ready')).status).toBe(200)
  })

  test('may guess ten times a second, and then not for a while; who has a right one is not held up by it', async () => {
    const guess = () => aggregator.http.get('/api/v1/jobs', { authorization: 'Bearer es_wrong' })
    const statuses = (await Promise.all(Array.from({ length: 60 }, guess))).map(({ status }) => status)
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(20)
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(40)
    expect((await as('boss').get('/api/v1/jobs')).status).toBe(200)
    await eventually(guess, ({ status }) => status === 401, { what: 'guesses to be judged again', everyMs: 200 })
  })
})

describe('roles', () => {
  test.each([
    ['reporter', 'get', '/api/v1/jobs', 403],
    ['reporter', 'get', '/api/v1/stream', 403],
    ['reporter', 'get', '/api/v1/dead-letters', 403],
    ['reader', 'post', reports, 403],
    ['reader', 'get', '/api/v1/jobs', 200],
    ['reader', 'get', '/api/v1/dead-letters', 403],
    ['reader', 'post', '/api/v1/dead-letters/replay?all=true', 403],
    ['reader', 'delete', '/api/v1/dead-letters?all=true', 403],
    ['boss', 'get', '/api/v1/dead-letters', 200],
    ['boss', 'get', '/api/v1/jobs', 200],
  ] as const)('%s: %s %s → %i', async (name, method, path, status) => {
    const client = as(name)
    const answer = method === 'post' ? await client.post(path, aReport({ namespace: 'team-a' })) : await client[method](path)
    expect(answer.status, answer.text).toBe(status)
    if (status === 403) expect(answer.json()).toMatchObject({ error: { code: 'ROLE_MISSING' } })
  })
})

describe('namespaces', () => {
  test('reports for another one are rejected, each by itself; alone it is a 403', async () => {
    const items = [aReport({ namespace: 'team-a', jobId: anId('job') }), aReport({ namespace: 'team-b', jobId: anId('job') })]
    const answer = await as('reporter').post(reports, items)
    expect(answer.json()).toMatchObject({
      applied: 1,
      rejected: 1,
      results: [{ index: 1, outcome: 'rejected', code: 'NAMESPACE_FORBIDDEN', path: 'namespace' }],
    })
    const alone = await as('reporter').post(reports, items[1])
    expect([alone.status, alone.json<{ error: { code: string } }>().error.code]).toEqual([403, 'NAMESPACE_FORBIDDEN'])
    expect((await as('boss').get(detail(String(items[1]?.['jobId']), 'team-b'))).status).toBe(404)
  })

  test("another tenant's job looks like one that is not there, and lists leave it out", async () => {
    const [mine, theirs] = [anId('job'), anId('job')]
    await as('boss').post(reports, [
      aReport({ namespace: 'team-a', jobId: mine, engine: { instance: 'shared' } }),
      aReport({ namespace: 'team-b', jobId: theirs, engine: { instance: 'shared' } }),
    ])
    for (const rest of ['', '/history', '/logs']) {
      const hidden = await as('reader').get(`${detail(theirs, 'team-b')}${rest}`, { 'x-request-id': 'same' })
      const absent = await as('reader').get(`${detail('never-was', 'team-b')}${rest}`, { 'x-request-id': 'same' })
      expect([hidden.status, hidden.text]).toEqual([404, absent.text])
      expect((await as('reader').get(`${detail(mine, 'team-a')}${rest}`)).status).toBe(200)
    }
    const ids = async (name: keyof typeof wishes, query = '') =>
      (await as(name).get(`/api/v1/jobs?limit=500${query}`)).json<{ jobs: { jobId: string }[] }>().jobs.map(({ jobId }) => jobId)
    expect(await ids('reader')).toContain(mine)
    expect(await ids('reader')).not.toContain(theirs)
    expect(await ids('reader', '&namespace=team-b')).toEqual([])
    expect(await ids('boss')).toEqual(expect.arrayContaining([mine, theirs]))
    const engine = (await as('reader').get('/api/v1/engines/shared')).json<{ tasks: { jobId: string }[] }>()
    expect(engine.tasks.map(({ jobId }) => jobId)).toEqual([mine])
  })

  test('a stream tells of the namespaces of its token only', async () => {
    const open = (query = '') =>
      openEventStream(`${aggregator.url}/api/v1/stream${query}`, { authorization: `Bearer ${tokens.reader}` })
    const theirs = anId('secret')
    const [stream, nosy] = [await open(), await open(`?namespace=team-b&jobId=${theirs}`)]
    const mine = anId('job')
    await as('boss').post(reports, [
      aReport({ namespace: 'team-b', jobId: theirs, logs: [{ level: 'INFO', line: 'a secret' }] }),
      aReport({ namespace: 'team-a', jobId: mine }),
    ])
    await stream.until('job', ({ jobId }) => jobId === mine)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(JSON.stringify(stream.events)).not.toContain(theirs)
    expect(nosy.events).toEqual([])
    await Promise.all([stream.close(), nosy.close()])
  })
})

test('a new auth file is taken at once on SIGHUP, a broken one keeps the old tokens and says so', async () => {
  const old = tokens.boss
  tokens = writeAuthFile(file, wishes)
  aggregator.program.kill('SIGHUP')
  await eventually(
    () => as('boss').get('/api/v1/jobs'),
    ({ status }) => status === 200,
    { what: 'the new token' },
  )
  expect((await aggregator.http.get('/api/v1/jobs', { authorization: `Bearer ${old}` })).status).toBe(401)
  writeFileSync(file, 'tokens: [')
  await aggregator.program.waitForLine(/the tokens read before stay in force/)
  expect((await as('boss').get('/api/v1/jobs')).status).toBe(200)
  expect(aggregator.program.stdout()).not.toContain(tokens.boss)
})

describe('beyond the loopback', () => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal)?.address

  test('it does not start without an auth file, and says how it would', async () => {
    const started = startEnginescope(['serve', '--host', '0.0.0.0', '--port', '0', '--redis-url', redis.url], {
      readyLine: /ready for/,
    })
    await expect(started).rejects.toThrow(/left with 78[\s\S]*ENGINESCOPE_AUTH_FILE/)
  })

  test.skipIf(address === undefined)(
    'the series need a token that may read, unless the settings say aloud that they do not (skipped without a network)',
    async () => {
      const path = join(folder, 'beyond.json')
      const { reader, reporter } = writeAuthFile(path, wishes)
      const settings = { AUTH_FILE: path, HOST: '0.0.0.0' }
      const port = await freePort()
      const open = await startAggregator({ redisUrl: redis.url, port, settings })
      const far = httpClient(`http://${address}:${port}`)
      try {
        expect((await far.get('/metrics')).status).toBe(401)
        expect((await far.get('/metrics', { authorization: `Bearer ${reporter}` })).status).toBe(403)
        expect((await far.get('/metrics', { authorization: `Bearer ${reader}` })).status).toBe(200)
        expect((await open.http.get('/metrics')).status).toBe(200)
        expect((await far.get('/-/ready')).status).toBe(200)
      } finally {
        await open.stop()
      }
      const loud = await startAggregator({ redisUrl: redis.url, port, settings: { ...settings, METRICS_AUTH: 'none' } })
      expect((await far.get('/metrics')).status).toBe(200)
      expect((await far.get('/api/v1/jobs')).status).toBe(401)
      await loud.stop()
    },
  )
})

test('a port that is taken is said plainly', async () => {
  const started = startEnginescope(['serve', '--port', String(aggregator.port), '--redis-url', redis.url], {
    readyLine: /ready for/,
  })
  await expect(started).rejects.toThrow(new RegExp(`left with 1[\\s\\S]*cannot listen: .*EADDRINUSE.*${aggregator.port}`))
})
