import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Authoriser } from '../../access/authoriser.ts'
import { ScopeError } from '../../errors.ts'
import { hotDoor } from './hot-door.ts'
import { type MemberAppOptions, memberApp } from './member-app.ts'

const faults: unknown[] = []
const routes: MemberAppOptions['routes'] = [true, false].map((isHot) => ({
  method: 'post',
  path: isHot ? '/hot' : '/express',
  isHot,
  role: 'report',
  summary: '',
  answer: ({ body }) => {
    if (body === 'refused') throw new ScopeError('AGENT_FULL', undefined, { retryAfterSeconds: 1, path: 'a' })
    if (body === 'broken') throw new Error('a mistake')
    return body === 'nothing' ? { status: 204, headers: { 'x-more': '1' } } : { status: 202, body: { body } }
  },
}))
const options: MemberAppOptions = {
  routes,
  authoriser: new Authoriser({ file: undefined }),
  namespace: 'default',
  bodyBytesMax: 100,
  onFault: (error) => void faults.push(error),
}
const refusing: MemberAppOptions = {
  ...options,
  authoriser: {
    check: () => {
      throw new ScopeError('TOKEN_MISSING')
    },
  } as unknown as Authoriser,
}
const seen: string[] = []
const servers = [options, refusing].map((each) => {
  const app = memberApp(each)
  const watched: RequestListener = (request, response) => {
    seen.push(String(request.url))
    app(request, response)
  }
  return createServer(hotDoor(each, watched))
})
const urls: string[] = []
beforeAll(async () => {
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    urls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  }
})
afterAll(() => {
  for (const server of servers) server.close()
})

const json = { 'content-type': 'application/json' }
type Sent = {
  readonly body: string | Uint8Array<ArrayBuffer>
  readonly headers?: Record<string, string>
  readonly isPlain?: boolean
  readonly at?: number
}

async function answerOf(path: string, { body, headers = json, at = 0 }: Sent) {
  const response = await fetch(`${urls[at]}${path}`, { method: 'POST', body, headers: { ...headers, 'x-request-id': 'same' } })
  const named = [
    'x-request-id',
    'cache-control',
    'content-type',
    'retry-after',
    'www-authenticate',
    'x-content-type-options',
    'x-more',
  ]
  return [response.status, await response.text(), named.map((name) => response.headers.get(name))]
}

test.each<[string, Sent]>([
  ['a body', { body: '{"a":"ä"}', isPlain: true }],
  ['a body that is no object', { body: '7', isPlain: true }],
  ['a byte order mark', { body: '\ufeff[1]', isPlain: true }],
  ['an answer without a body', { body: '"nothing"', isPlain: true }],
  ['a refusal', { body: '"refused"', isPlain: true }],
  ['a fault of ours', { body: '"broken"', isPlain: true }],
  ['what is no JSON', { body: '{', isPlain: true }],
  ['no token', { body: '{}', isPlain: true, at: 1 }],
  ['another charset', { body: '{}', headers: { 'content-type': 'application/json; charset=klingon' } }],
  ['another type', { body: '{}', headers: { 'content-type': 'text/plain' } }],
  ['no body', { body: '' }],
  ['too much', { body: `"${'x'.repeat(200)}"` }],
  ['a packed body', { body: new Uint8Array(gzipSync('{"packed":1}')), headers: { ...json, 'content-encoding': 'gzip' } }],
])('%s is answered alike ahead of Express and by it', async (_, sent) => {
  faults.length = 0
  const slow = await answerOf('/express', sent)
  seen.length = 0
  expect(await answerOf('/hot', sent)).toEqual(slow)
  expect(seen).toEqual(sent.isPlain === true ? [] : ['/hot'])
  expect(faults.length).toBe(sent.body === '"broken"' ? 2 : 0)
})

test('another method, and a path with arguments, are for Express', async () => {
  seen.length = 0
  expect((await fetch(`${urls[0]}/hot`)).status).toBe(405)
  expect((await fetch(`${urls[0]}/hot?a=1`, { method: 'POST', body: '1', headers: json })).status).toBe(202)
  expect(seen).toEqual(['/hot', '/hot?a=1'])
})
