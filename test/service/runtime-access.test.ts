import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRuntime, type Runtime, type RuntimeOptions } from '../../src/reporter/index.ts'
import { type Aggregator, startAggregator, untilItOwnsAll } from '../support/aggregator.ts'
import { writeAuthFile } from '../support/auth-file.ts'
import { eventually } from '../support/eventually.ts'
import { httpClient } from '../support/http.ts'
import { startEnginescope } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { aStatus } from '../support/runtime-messages.ts'

const folder = mkdtempSync(join(tmpdir(), 'enginescope-runtime-access-'))
const path = (name: string) => join(folder, name)
const tokens = writeAuthFile(path('tokens.json'), {
  launcher: { role: 'report', namespaces: ['team-a'] },
  boss: { role: 'admin', namespaces: ['team-a'] },
  reader: { role: 'read', namespaces: ['team-a'] },
  stranger: { role: 'report', namespaces: ['team-b'] },
  looker: { role: 'read', namespaces: ['team-b'] },
})
const as = (name: keyof typeof tokens) => httpClient(aggregator.url, { token: tokens[name] })
const route = '/api/v1/runtimes'
let redis: RedisServer
let aggregator: Aggregator
let listed: Runtime
const runtimes: Runtime[] = []

function aRuntime(options: RuntimeOptions): Runtime {
  const runtime = createRuntime({ onKill: () => undefined, ...options })
  runtimes.push(runtime)
  runtime.publish(...aStatus(options.runtimeId, 'RUNNING'))
  return runtime
}

beforeAll(async () => {
  redis = await startRedis({ appendOnly: true })
  listed = aRuntime({ runtimeId: 'listed', token: 'not-a-real-token' })
  writeFileSync(path('listed-token'), 'not-a-real-token\n')
  writeFileSync(
    path('enginescope.yaml'),
    `runtimes:\n  - runtimeId: listed\n    namespace: team-a\n    url: ${await listed.listening}\n    tokenFile: ${path('listed-token')}\n`,
  )
  aggregator = await startAggregator({
    redisUrl: redis.url,
    settings: {
      ...{ CONFIG: path('enginescope.yaml'), AUTH_FILE: path('tokens.json'), RUNTIME_INTERVAL: '200ms', RUNTIME_FAILURES: '2' },
      // The loopback by its addresses of IPv4 alone.
      ...{ RUNTIME_NETWORKS: '127.0.0.0/9', RUNTIME_GRACE: '1s', RUNTIME_TOPICS: 'custom' },
    },
  })
  await untilItOwnsAll(aggregator)
}, 120_000)
afterAll(async () => {
  await aggregator?.stop()
  await Promise.all(runtimes.map((runtime) => runtime.close()))
  await redis?.stop()
  rmSync(folder, { recursive: true })
})

const body = async (runtime: Runtime) => ({ runtimeId: runtime.runtimeId, namespace: 'team-a', url: await runtime.listening })
const until = (id: string, what: string, isDone: (found: Record<string, unknown>) => boolean) =>
  eventually(async () => (await as('reader').get(`${route}/${id}`)).json<Record<string, unknown>>(), isDone, {
    what: `${id} ${what}`,
    timeoutMs: 20_000,
  })
const codeOf = (text: string) => (text === '' ? undefined : (JSON.parse(text) as { error?: { code: string } }).error?.code)

test('a runtime of the settings file is asked from the start, with the token of its file, which is never shown', async () => {
  const found = await until('listed', 'to be asked', ({ lastSuccessAt }) => lastSuccessAt !== null)
  expect(found).toMatchObject({ namespace: 'team-a', state: 'ACTIVE', failures: 0 })
  expect(JSON.stringify(found)).not.toContain('not-a-real-token')
  expect(listed.stats().refusedRequests).toBe(0)
})

describe('roles and namespaces', () => {
  const wishes = [
    ['post', `${route}/listed/stop`, undefined],
    ['post', `${route}/listed/process`, { alive: false }],
    ['delete', `${route}/listed`, undefined],
  ] as const

  test('who only reads, or has no token, registers, stops, gives notice of and removes nothing', async () => {
    const wanted = [['post', route, await body(listed)] as const, ...wishes]
    for (const [method, at, sent] of wanted) {
      const refused = method === 'post' ? await as('reader').post(at, sent ?? {}) : await as('reader').delete(at)
      expect([refused.status, codeOf(refused.text)], at).toEqual([403, 'ROLE_MISSING'])
      const unknown = method === 'post' ? await aggregator.http.post(at, sent ?? {}) : await aggregator.http.delete(at)
      expect([unknown.status, codeOf(unknown.text)], at).toEqual([401, 'TOKEN_MISSING'])
    }
  })

  test('to another namespace a registration is 403, and its runtimes look like ones that are not there', async () => {
    const registered = await as('stranger').post(route, await body(listed))
    expect([registered.status, codeOf(registered.text)]).toEqual([403, 'NAMESPACE_FORBIDDEN'])
    for (const [method, at, sent] of wishes) {
      const refused = method === 'post' ? await as('stranger').post(at, sent ?? {}) : await as('stranger').delete(at)
      expect([refused.status, codeOf(refused.text)], at).toEqual([404, 'NOT_FOUND'])
    }
    expect((await as('looker').get(route)).json()).toEqual({ runtimes: [] })
    expect((await as('looker').get(`${route}/listed`)).status).toBe(404)
    const statuses = await as('looker').get('/v3/namespaces/team-a/programs/status')
    expect([statuses.status, codeOf(statuses.text)]).toEqual([403, 'NAMESPACE_FORBIDDEN'])
    await until('listed', 'to be asked on', ({ state }) => state === 'ACTIVE')
  })

  test.each(['launcher', 'boss'] as const)('%s registers, stops and removes in the own namespace', async (name) => {
    const runtime = aRuntime({ runtimeId: `of-${name}` })
    expect((await as(name).post(route, await body(runtime))).status).toBe(201)
    expect((await as(name).post(route, await body(runtime))).status).toBe(200)
    expect((await as(name).post(`${route}/of-${name}/stop`, {})).status).toBe(202)
    expect((await as(name).post(`${route}/of-${name}/process`, { alive: false })).status).toBe(202)
    expect((await as(name).delete(`${route}/of-${name}`)).status).toBe(204)
    expect((await as('reader').get(`${route}/of-${name}`)).status).toBe(404)
  })
})

describe('topics', () => {
  test('beyond those of the protocol and of the settings are 403, in the settings file no start', async () => {
    const runtime = aRuntime({ runtimeId: 'curious' })
    const register = async (topics: string[]) => as('launcher').post(route, { ...(await body(runtime)), topics })
    for (const topics of [['audit'], ['logs', 'audit'], ['audit:2'], ['logs', 'task.runnin:2']]) {
      const refused = await register(topics)
      expect([refused.status, codeOf(refused.text)], String(topics)).toEqual([403, 'TOPIC_FORBIDDEN'])
      expect(refused.text).toContain('ENGINESCOPE_RUNTIME_TOPICS')
    }
    expect((await as('reader').get(`${route}/curious`)).status).toBe(404)
    const allowed = await register(['program.status', 'task.running:2', 'custom:2'])
    expect(allowed.status, allowed.text).toBe(201)
    expect(Object.keys(allowed.json<{ topics: object }>().topics)).toEqual(
      expect.arrayContaining(['program.status', 'task.running:1', 'custom:0']),
    )
    expect((await register(['audit'])).status).toBe(403)
    writeFileSync(path('forbidden.yaml'), 'runtimes:\n  - runtimeId: x\n    url: http://127.0.0.1:1\n    topics: [audit]\n')
    const started = await startEnginescope(['serve', '--config', path('forbidden.yaml')], {
      env: { ENGINESCOPE_REDIS_URL: redis.url, ENGINESCOPE_PORT: '0' },
    })
    expect((await started.exited).code).toBe(78)
    expect(started.stderr()).toContain('audit is none that runtimes may be')
  })
})

describe('addresses', () => {
  test.each(['http://127.128.0.1:1/', 'http://10.0.0.1/', 'https://8.8.8.8/', 'https://169.254.169.254/', 'http://[::1]:1/'])(
    '%s is in no network that runtimes may be in: 400',
    async (url) => {
      const refused = await as('boss').post(route, { runtimeId: 'afar', namespace: 'team-a', url })
      expect([refused.status, codeOf(refused.text)]).toEqual([400, 'TARGET_FORBIDDEN'])
    },
  )

  test('one that is allowed no longer is not connected to, by its number or by a name, and counted as blocked', async () => {
    const moved = aRuntime({ runtimeId: 'moved' })
    const named = aRuntime({ runtimeId: 'named', listen: { publicHost: 'localhost' } })
    for (const runtime of [moved, named]) {
      expect((await as('boss').post(route, await body(runtime))).status).toBe(201)
      await until(runtime.runtimeId, 'to be asked', ({ lastSuccessAt }) => lastSuccessAt !== null)
    }
    await aggregator.stop()
    const asked = [moved, named].map((runtime) => runtime.stats().fetches)
    aggregator = await startAggregator({
      redisUrl: redis.url,
      settings: {
        AUTH_FILE: path('tokens.json'),
        RUNTIME_INTERVAL: '200ms',
        RUNTIME_FAILURES: '2',
        RUNTIME_NETWORKS: '10.0.0.0/8',
      },
    })
    const problems = { moved: 'in none of the allowed networks', named: 'localhost has no address that is allowed' }
    for (const [id, problem] of Object.entries(problems)) {
      const found = await until(id, 'to be unreachable', ({ state }) => state === 'UNREACHABLE')
      expect(found['problem'], id).toContain(problem)
    }
    expect([moved, named].map((runtime) => runtime.stats().fetches)).toEqual(asked)
    await eventually(
      async () => (await aggregator.metrics()).get('enginescope_runtime_polls_total')?.samples ?? [],
      (samples) => samples.some(({ labels, value }) => labels['outcome'] === 'blocked' && value > 0),
      { what: 'blocked polls to be counted' },
    )
  })
})
