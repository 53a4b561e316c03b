import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { writeAuthFile } from '../support/auth-file.ts'
import { eventually } from '../support/eventually.ts'
import { httpClient } from '../support/http.ts'
import { aDispatcher, anEvent, startAgentProgram } from '../support/hub/agent-stand.ts'
import { type HubStack, type ProcessShown, startHubStack, step } from '../support/hub/hub-programs.ts'
import { requirement } from '../support/hub/hub-requirements.ts'
import { freePort } from '../support/ports.ts'
import { startEnginescope } from '../support/process.ts'

let stack: HubStack
beforeAll(async () => {
  stack = await startHubStack()
}, 60_000)
afterAll(() => stack.stop())
beforeEach(async () => {
  await stack.redis.client().flushall()
})

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/enginehub/${name}.json`, import.meta.url), 'utf8')) as Record<string, unknown>
const post = (path: string, body: unknown, headers = {}) => stack.hub.http.post(path, body, headers)
const get = async <T>(path: string) => (await stack.hub.http.get(path)).json<T>()
const statusOf = async (path: string) => (await stack.hub.http.get(path)).status
const submitted = async (name = 'adhoc-dag-request') => (await post('/hub/adhoc', fixture(name))).json<{ key: string }>().key

requirement('EH-01', async () => {
  for (const name of ['adhoc-dag-request', 'adhoc-chain-request']) {
    const answer = await post('/hub/adhoc', fixture(name))
    expect([answer.status, answer.json()]).toMatchObject([201, { status: 'PENDING' }])
  }
  expect(await get('/hub/queue')).toMatchObject([{ algorithms: fixture('adhoc-answer')['algorithms'] }, { denies: 0 }])
  for (const { flow, code, path } of fixture('flows-refused') as unknown as { flow: unknown; code: string; path: string }[]) {
    const answer = await post('/hub/adhoc', { flow })
    expect([answer.status, answer.json()]).toMatchObject([400, { error: { code, path } }])
  }
  const bodies: [unknown, number, string][] = [
    ['{', 400, 'BODY_NOT_JSON'],
    ['[]', 400, 'FLOW_INVALID'],
    [{ flow: fixture('flow-chain'), data: { data: [7] } }, 400, 'FLOW_INVALID'],
    [{ flow: fixture('flow-chain'), clientKey: '' }, 400, 'FLOW_INVALID'],
    [{ flow: fixture('flow-chain'), data: { key: 'x'.repeat(3_000_000) } }, 413, 'BODY_TOO_LARGE'],
  ]
  for (const [body, status, code] of bodies) {
    const answer = await post('/hub/adhoc', body)
    expect([answer.status, answer.json()]).toMatchObject([status, { error: { code } }])
  }
  expect((await post('/hub/adhoc', 'x', { 'content-type': 'text/plain' })).status).toBe(415)
  expect(await get<unknown[]>('/hub/queue')).toHaveLength(2)
})

test('the hub describes its routes, as OpenAPI and as a page', async () => {
  const { openapi, paths } = await get<{ openapi: string; paths: object }>('/hub/openapi.json')
  expect([openapi, Object.keys(paths)]).toEqual(['3.1.0', expect.arrayContaining(['/hub/adhoc', '/metrics', '/hub/docs'])])
  expect((await stack.hub.http.get('/hub/docs')).text).toContain('/hub/processes/{key}/result')
})

test('the same client key, in the body or as a header, is the same process', async () => {
  const first = await post('/hub/adhoc', fixture('adhoc-dag-request'))
  const again = await post('/hub/adhoc', fixture('adhoc-dag-request'))
  expect([first.status, again.status, again.text]).toEqual([201, 200, first.text])
  const headers = { 'idempotency-key': 'a-b' }
  const one = await post('/hub/adhoc', fixture('adhoc-chain-request'), headers)
  expect((await post('/hub/adhoc', fixture('adhoc-chain-request'), headers)).text).toBe(one.text)
  const { clientKey: _none, ...other } = fixture('adhoc-dag-request')
  expect((await post('/hub/adhoc', other, headers)).json()).toMatchObject({ error: { code: 'CLIENT_KEY_REUSED' } })
})

requirement('EH-05', async () => {
  const key = await submitted()
  const path = `/hub/processes/${key}/checklogs`
  expect((await post(path, fixture('check-log-deny-request'))).status).toBe(204)
  const answers = await Promise.all(Array.from({ length: 8 }, () => post(path, fixture('check-log-accept-request'))))
  expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array.from({ length: 7 }, () => 409)])
  const won = answers.find(({ status }) => status === 204)
  expect(won?.headers.get('enginescope-fence')).toBe(String((await get<ProcessShown>(`/hub/processes/${key}`)).fence))
  for (const name of ['check-log-deny-request', 'check-log-accept-request'])
    expect((await post(path, fixture(name))).json()).toMatchObject({ error: { code: 'PROCESS_NOT_PENDING' } })
  expect(await get(path)).toMatchObject(
    (fixture('check-logs') as unknown as object[]).map((log) => ({ ...log, datetime: expect.any(String) })),
  )
  expect((await post(path, { status: '', checkerKey: 'd' })).status).toBe(400)
  expect((await post(path, { status: 'MAYBE', checkerKey: 'd' })).status).toBe(400)
  expect((await post(path, { status: 'DENY' })).status).toBe(400)
  expect((await post('/hub/processes/p-none/checklogs', fixture('check-log-deny-request'))).status).toBe(404)
})

requirement('EH-08', async () => {
  const key = await submitted()
  const path = `/hub/processes/${key}`
  expect(await get(path)).toMatchObject({
    status: 'PENDING',
    outcome: null,
    startedAt: null,
    progress: 0,
    adhoc: true,
    flowKey: null,
  })
  expect(await get(`${path}/result`)).toMatchObject({
    inputData: fixture('adhoc-dag-request')['data'],
    outputData: null,
    logs: [],
  })
  const accepted = await post(`${path}/checklogs`, fixture('check-log-accept-request'))
  const fence = Number(accepted.headers.get('enginescope-fence'))
  const update = (body: Record<string, unknown>, by = fence) => post(`${path}/updates`, { ...body, fence: by })
  const { nodes } = fixture('lease-update-request') as { nodes: { train: object } }
  expect(
    (
      await update({
        ...fixture('lease-update-request'),
        nodes: { ...nodes, load: { status: 'RUNNING', agent: 'a-1', attempt: 1 } },
      })
    ).status,
  ).toBe(204)
  const running = await get<ProcessShown>(path)
  expect(Object.keys(running).sort()).toEqual(Object.keys(fixture('process-running')).sort())
  expect(running).toMatchObject({ status: 'RUNNING', dispatcher: 'dispatcher-2', progress: 0.25, attempt: 1 })
  expect(running.nodes).toMatchObject({
    train: { status: 'DONE', agent: 'agent-id3-1', attempt: 1 },
    join: { status: 'WAITING', agent: null, attempt: 0 },
  })
  expect((await update(fixture('finish-update-request'), fence + 1)).json()).toMatchObject({ error: { code: 'FENCE_STALE' } })
  for (let time = 0; time < 2; time++) expect((await update(fixture('finish-update-request'))).status).toBe(204)
  expect((await update({ checkerKey: 'dispatcher-2', lease: true })).json()).toMatchObject({
    error: { code: 'PROCESS_FINISHED' },
  })
  const finished = await get<ProcessShown>(path)
  expect(finished).toMatchObject({ status: 'FINISHED', outcome: 'SUCCEEDED' })
  expect(finished.finishedAt).toBeGreaterThanOrEqual(finished.startedAt ?? Number.NaN)
  expect(await get(`${path}/result`)).toMatchObject({ key, outputData: { key: 'o-join', data: [] }, errors: [], warnings: [] })
  expect(await get(`${path}/data`)).toEqual(fixture('adhoc-dag-request')['data'])
  for (const part of ['', '/data', '/flow', '/result', '/checklogs'])
    expect(await statusOf(`/hub/processes/p-none${part}`), part).toBe(404)
})

requirement('EH-02', async () => {
  const key = await submitted()
  expect(await get(`/hub/processes/${key}/flow`)).toEqual(fixture('adhoc-dag-request')['flow'])
  const fence = Number(
    (await post(`/hub/processes/${key}/checklogs`, fixture('check-log-accept-request'))).headers.get('enginescope-fence'),
  )
  await post(`/hub/processes/${key}/updates`, { ...fixture('finish-update-request'), fence })
  expect(await statusOf(`/hub/processes/${key}/flow`)).toBe(404)
  expect(await statusOf(`/hub/processes/${key}/result`)).toBe(200)
  expect(await statusOf(`/hub/adhoc/${key}`)).toBe(200)
})

requirement('EH-03', async () => {
  const created = await post('/hub/flow', fixture('flow-chain'))
  expect([created.status, created.json()]).toEqual([201, fixture('flow-chain')])
  expect((await post('/hub/flow', fixture('flow-chain'))).status).toBe(200)
  expect((await post('/hub/flow', { ...fixture('flow-dag'), key: 'f-chain' })).json()).toMatchObject({
    error: { code: 'FLOW_EXISTS' },
  })
  expect((await post('/hub/flow', fixture('flow-dag'))).status).toBe(201)
  const started = await post('/hub/flow/f-chain/processes', fixture('flow-start-request'))
  expect([started.status, started.json()]).toMatchObject([201, { status: 'PENDING' }])
  const bare = await post('/hub/flow/f-chain/processes', fixture('flow-start-request')['data'])
  const { key } = started.json<{ key: string }>()
  const path = '/hub/flow/f-chain/processes'
  expect(await get(`/hub/processes/${bare.json<{ key: string }>().key}/data`)).toEqual(fixture('flow-start-request')['data'])
  // Deployed flows and history are in the store alone.
  await stack.hub.program.stop()
  await stack.startHub()
  expect(await get('/hub/flow')).toEqual([fixture('flow-chain'), fixture('flow-dag')])
  expect(await get<ProcessShown[]>(path)).toMatchObject([{ flowKey: 'f-chain', adhoc: false }, { key }])
  expect(await get(`${path}/${key}`)).toMatchObject({ key, status: 'PENDING' })
  expect(await statusOf(`/hub/flow/f-dag/processes/${key}`)).toBe(404)
  expect(await statusOf(`/hub/adhoc/${key}`)).toBe(404)
  expect((await stack.hub.http.delete(`${path}/${key}`)).status).toBe(204)
  expect((await stack.hub.http.delete(`${path}/${key}`)).status).toBe(409)
  expect((await stack.hub.http.delete('/hub/flow/f-chain')).status).toBe(204)
  expect((await stack.hub.http.delete('/hub/flow/f-chain')).status).toBe(404)
  expect((await post(path, fixture('flow-start-request'))).json()).toMatchObject({ error: { code: 'FLOW_UNKNOWN' } })
  expect(await get(`/hub/processes/${key}`)).toMatchObject({ outcome: 'CANCELLED' })
})

test('a run of a flow that is removed meanwhile has its own copy', async () => {
  await post('/hub/flow', { key: 'f', processers: [step('io.csv', { delayMs: 300 }), step('io.csv')] })
  const { key } = (await post('/hub/flow/f/processes', {})).json<{ key: string }>()
  await stack.agent('a-1', 'io.csv')
  const dispatcher = await stack.dispatcher('d-1', 1)
  await eventually(async () => (await get<ProcessShown>(`/hub/processes/${key}`)).status === 'RUNNING')
  await stack.hub.http.delete('/hub/flow/f')
  expect((await stack.ended(key)).outcome).toBe('SUCCEEDED')
  expect(await get('/hub/algorithms?catalog=io')).toMatchObject([{ key: 'io.csv', agents: { live: 1 }, capacity: 4 }])
  expect(await get('/hub/algorithms?catalog=i')).toEqual([])
  const targets = await eventually(
    () => get<{ targets: string[]; labels: Record<string, string> }[]>('/hub/discovery/prometheus'),
    (found) => found.length === 3,
  )
  expect(targets.map(({ labels }) => labels['__meta_enginehub_kind']).sort()).toEqual(['agent', 'dispatcher', 'hub'])
  expect(Object.keys(targets[0]?.labels ?? {}).every((label) => label.startsWith('__'))).toBe(true)
  await dispatcher.program.stop()
})

test('what is not there is told in JSON; methods and arguments are checked', async () => {
  expect(await get('/hub/nowhere')).toMatchObject({ error: { code: 'NOT_FOUND' } })
  expect((await stack.hub.http.delete('/hub/queue')).json()).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } })
  expect(await get('/hub/queue?limit=0')).toMatchObject({ error: { code: 'REQUEST_INVALID', path: 'limit' } })
  expect(await get('/hub/flow/%zz')).toMatchObject({ error: { code: 'REQUEST_INVALID' } })
  expect([await statusOf('/-/healthy'), await statusOf('/-/ready')]).toEqual([200, 200])
})

test('beyond loopback no member starts without an auth file; with one, tokens are asked for by role and namespace', async () => {
  const module = new URL('../../bench/hub/step.mjs', import.meta.url).pathname
  const agent = ['agent', '--algorithm', 'x', '--module', module]
  for (const args of [['hub'], ['dispatcher', '--slots', '1'], agent]) {
    const open = await startEnginescope([...args, '--host', '0.0.0.0'], { env: { ENGINESCOPE_REDIS_URL: stack.redis.url } })
    expect(await open.exited).toMatchObject({ code: 78 })
    expect(open.stderr()).toContain('ENGINESCOPE_AUTH_FILE')
  }
  const path = join(stack.redis.folder, 'tokens.json')
  const tokens = writeAuthFile(path, {
    admin: { role: 'admin', namespaces: ['*'] },
    reader: { role: 'read', namespaces: ['default'] },
    elsewhere: { role: 'admin', namespaces: ['other'] },
  })
  const hub = await stack.startHub({ ENGINESCOPE_AUTH_FILE: path, ENGINESCOPE_HUB_PORT: '0' })
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  expect((await hub.http.get('/hub/queue')).status).toBe(401)
  expect((await hub.http.get('/hub/queue', as(tokens.reader))).status).toBe(200)
  expect((await hub.http.post('/hub/adhoc', fixture('adhoc-dag-request'), as(tokens.reader))).status).toBe(403)
  expect((await hub.http.post('/hub/adhoc', fixture('adhoc-dag-request'), as(tokens.admin))).status).toBe(201)
  expect((await hub.http.get('/hub/queue', as(tokens.elsewhere))).json()).toMatchObject({
    error: { code: 'NAMESPACE_FORBIDDEN' },
  })
  expect((await hub.http.get('/-/healthy')).status).toBe(200)
  await hub.program.stop()
})

test('an agent beyond loopback asks for tokens by role and namespace, and is reached where it says', async () => {
  const path = join(stack.redis.folder, 'agent-tokens.json')
  const tokens = writeAuthFile(path, {
    worker: { role: 'report', namespaces: ['default'] },
    reader: { role: 'read', namespaces: ['default'] },
    elsewhere: { role: 'admin', namespaces: ['other'] },
  })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const agent = await startAgentProgram({
    redis: stack.redis,
    algorithm: 'x',
    module: 'export const run = ({ input }) => input.$input',
    settings: { AUTH_FILE: path, HUB_ADVERTISE_URL: `${url}/`, URL: 'http://127.0.0.1:9' },
    args: ['--id', 'far', '--host', '0.0.0.0', '--agent-port', String(port)],
  })
  const dispatcher = await aDispatcher(stack.redis, 'd-far')
  try {
    const http = httpClient(url)
    const as = (token: string) => ({ authorization: `Bearer ${token}` })
    const event = anEvent(dispatcher, { algKey: 'x' })
    const sent = async (token?: string) => {
      const { status, text } = await http.post('/agent/events', event, token === undefined ? {} : as(token))
      return [status, (JSON.parse(text) as { error?: { code: string } }).error?.code]
    }
    expect(await sent()).toEqual([401, 'TOKEN_MISSING'])
    expect(await sent('es_wrong')).toEqual([401, 'TOKEN_INVALID'])
    expect(await sent(tokens.reader)).toEqual([403, 'ROLE_MISSING'])
    expect(await sent(tokens.elsewhere)).toEqual([403, 'NAMESPACE_FORBIDDEN'])
    for (const path of ['/agent/algorithm', '/agent/status', '/metrics']) {
      expect([(await http.get(path)).status, (await http.get(path, as(tokens.reader))).status], path).toEqual([401, 200])
    }
    expect((await http.delete('/agent/events/x?fence=1')).status).toBe(401)
    expect((await http.get('/-/healthy')).status).toBe(200)
    expect(dispatcher.results).toEqual([])
    expect(await sent(tokens.worker)).toEqual([202, undefined])
    await eventually(() => dispatcher.results.length === 1)
    expect((await get<{ id: string; url: string }[]>('/hub/members')).find(({ id }) => id === 'far')?.url).toBe(url)
  } finally {
    await agent.stop()
    await dispatcher.close()
  }
})
