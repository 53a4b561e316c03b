import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closed } from '../../../test/support/closed-schema.ts'
import { type HttpClient, httpClient } from '../../../test/support/http.ts'
import { aFlow, anUpdate, submitted, testHub } from '../../../test/support/hub/hub-stores.ts'
import { anAgent } from '../../../test/support/hub/registry-suite.ts'
import { type RedisServer, startRedis } from '../../../test/support/redis.ts'
import { Authoriser } from '../../access/authoriser.ts'
import type { OpenApiDocument } from '../../http/openapi.ts'
import { memberApp } from '../http/member-app.ts'
import { doorRoutes } from '../http/member-door.ts'
import { listenAsMember, type MemberServer } from '../http/member-server.ts'
import { describedRoutes } from '../routes/described.ts'
import { hubRoutes } from './hub-service.ts'

let redis: RedisServer
let server: MemberServer
let http: HttpClient
let served: string[]
let key: string
beforeAll(async () => {
  redis = await startRedis()
  const hub = testHub(redis.client())
  const members = [{ ...anAgent(), state: 'live' as const, running: 0 }]
  const deps = {
    ...hub,
    members: async () => members,
    isQuarantined: () => false,
    onSubmitted: () => undefined,
    onEnded: () => undefined,
  }
  const door = { isMetricsOpen: true, processSeries: async () => '' }
  const routes = doorRoutes(door, hubRoutes(deps, redis.client(), '1.2.3'))
  const app = memberApp({
    routes,
    authoriser: new Authoriser({ file: undefined }),
    namespace: 'default',
    bodyBytesMax: 1_000,
    onFault: (error) => expect.unreachable(String(error)),
  })
  served = servedBy(app.router.stack)
  server = await listenAsMember(app, '127.0.0.1', 0)
  http = httpClient(server.url)
  key = await submitted(hub)
  const { fence } = (await hub.store.claim('d-1', ['io.csv'], '')) ?? { fence: 0 }
  const line = { ts: 1, level: 'INFO', line: 'x', node: '1', agent: 'a' }
  const error = { node: '1', agent: 'a', attempt: 1, code: 'C', message: 'm' }
  const finish = { outcome: 'FAILED', errors: [error], warnings: ['w'], outputData: null } as const
  await hub.store.update(key, anUpdate({ fence, logs: [line], finish }))
  await submitted(hub)
  await hub.flows.deploy('f', aFlow())
  await hub.store.submit({ flowKey: 'f', flow: aFlow(), data: {}, clientKey: undefined })
})
afterAll(async () => {
  await server.close(1_000)
  await redis.stop()
})

const methodsOfAll = 10

/** What the router itself has, as the table names it; what refuses all other methods of a path is left out. */
function servedBy(stack: readonly { route?: { path: string; stack: readonly { method?: string }[] } | undefined }[]): string[] {
  const all = stack.flatMap(({ route }) => {
    const methods = new Set(route?.stack.flatMap(({ method }) => method?.toUpperCase() ?? []))
    return methods.size > methodsOfAll ? [] : [...methods].map((method) => `${method} ${route?.path.replace(/:(\w+)/g, '{$1}')}`)
  })
  return [...new Set(all)].sort()
}

const document = async () => (await http.get('/hub/openapi.json')).json<OpenApiDocument>()
const namedBy = ({ paths }: OpenApiDocument) =>
  Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`))

test('every route that the router serves has a row and is described, and there are no others', async () => {
  expect(served.length).toBeGreaterThan(20)
  expect(Object.keys(describedRoutes).sort()).toEqual(served)
  expect(namedBy(await document()).sort()).toEqual(served)
})

test('what it names answers, with a status that it names', async () => {
  const { paths } = await document()
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, { responses }] of Object.entries(item)) {
      const real = path.replace(/\{\w+\}/g, 'nothing')
      const { status, text } = await (method === 'post'
        ? http.post(real, {})
        : method === 'get'
          ? http.get(real)
          : http.delete(real))
      expect([method, path, text, Object.keys(responses)]).toEqual([method, path, text, expect.arrayContaining([String(status)])])
      expect([method, path, text]).not.toEqual([method, path, expect.stringMatching(/"(NOT_FOUND|METHOD_NOT_ALLOWED)"/)])
    }
  }
})

test('describes what really is answered', async () => {
  const { paths, components } = await document()
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ $id: 'hub', components: closed(components) as object })
  const flowRun = (await http.get('/hub/flow/f/processes')).json<{ key: string }[]>()[0]?.key ?? ''
  const checked: string[] = []
  for (const [path, { get }] of Object.entries(paths)) {
    const schema = schemaOf(get?.responses['200'])
    if (schema === undefined) continue
    const ofFlow = path.startsWith('/hub/flow')
    const real = path.replace('{key}', ofFlow ? 'f' : key).replace('{process}', flowRun)
    const { status, text } = await http.get(real)
    if (status !== 200) continue
    const check = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"hub#/')) as object)
    expect([path, check(JSON.parse(text)), check.errors]).toEqual([path, true, null])
    if (text !== '[]' && text !== '{}') checked.push(path)
  }
  // The flow of an ad hoc run goes with it.
  const readable = Object.entries(paths).filter(
    ([path, { get }]) => schemaOf(get?.responses['200']) && !path.endsWith('/{key}/flow'),
  )
  expect(checked.concat('/hub/processes/{key}/data').sort()).toEqual(readable.map(([path]) => path).sort())
})

function schemaOf(response: unknown): unknown {
  return (response as { content?: Record<string, { schema: unknown }> } | undefined)?.content?.['application/json']?.schema
}

test('refers to nothing that it does not hold', async () => {
  const whole = await document()
  const refs = [...JSON.stringify(whole).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
  expect(new Set(refs)).toEqual(new Set(Object.keys(whole.components.schemas)))
  expect(whole.info.version).toBe('1.2.3')
})

test('is a page too, without a script', async () => {
  const { text, headers } = await http.get('/hub/docs')
  expect(headers.get('content-type')).toMatch(/^text\/html/)
  expect(text).toContain('/hub/flow/{key}/processes/{process}')
  expect(text).not.toMatch(/<script|style=| on\w+=/)
  const style = await http.get(/<link rel="stylesheet" href="([^"]+)"/.exec(text)?.[1] ?? '')
  expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8'])
})
