import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Authoriser } from '../../access/authoriser.ts'
import { ScopeError } from '../../errors.ts'
import { hotDoor } from './hot-door.ts'
import { type AnswerLine, lineLengthMax, unansweredMax } from './lines.ts'
import { type MemberAppOptions, type MemberRoute, memberApp } from './member-app.ts'
import { type MemberClient, memberClient } from './member-client.ts'

const timeoutMs = 400
const open = new Authoriser({ file: undefined })

type Door = { readonly url: string; readonly requests: IncomingMessage[]; readonly faults: unknown[]; readonly server: Server }

async function listening(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return server
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/hot`

async function aDoor(answer: MemberRoute['answer'], changes: Partial<MemberAppOptions> = {}): Promise<Door> {
  const requests: IncomingMessage[] = []
  const faults: unknown[] = []
  const route: MemberRoute = { method: 'post', path: '/hot', isHot: true, role: 'report', summary: '', answer }
  const options: MemberAppOptions = {
    routes: [route],
    authoriser: open,
    namespace: 'default',
    bodyBytesMax: 1_000_000,
    onFault: (error) => void faults.push(error),
    ...changes,
  }
  const door = hotDoor(options, memberApp(options))
  const server = await listening((request, response) => {
    requests.push(request)
    door(request, response)
  })
  return { url: urlOf(server), requests, faults, server }
}

/** What a message brings about: `{wait}` is held until it is let go. */
function answers() {
  const held = new Map<unknown, () => void>()
  const answer: MemberRoute['answer'] = async ({ body }) => {
    if (body === 'refused') throw new ScopeError('AGENT_FULL', undefined, { retryAfterSeconds: 2, path: 'a' })
    if (body === 'broken') throw new Error('a mistake')
    if (body === 'nothing') return { status: 204 }
    if (typeof body === 'string' && body.startsWith('held')) await new Promise<void>((resolve) => held.set(body, resolve))
    return { status: 202, body: { body } }
  }
  return { answer, held }
}

const linesHeaders = { 'content-type': 'application/x-ndjson', 'transfer-encoding': 'chunked' }

async function openLines(url: string) {
  const request = httpRequest(url, { method: 'POST', headers: linesHeaders })
  request.on('error', () => undefined)
  onTestFinished(() => void request.destroy())
  request.flushHeaders()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  // The server goes first.
  response.on('error', () => undefined)
  const said: AnswerLine[] = []
  let hasEnded = false
  if (response.statusCode === 200) {
    createInterface({ input: response })
      .on('error', () => undefined)
      .on('line', (line) => said.push(JSON.parse(line) as AnswerLine))
      .on('close', () => {
        hasEnded = true
      })
  }
  const send = (id: unknown, body: unknown) => request.write(`${JSON.stringify({ id, body })}\n`)
  return { request, response, said, send, hasEnded: () => hasEnded }
}

function aClient(changes: Partial<Parameters<typeof memberClient>[0]> = {}): MemberClient {
  return memberClient({ token: undefined, timeoutMs, bodyBytesMax: 100_000, ...changes })
}

/** A client that has been told that the door takes lines, and has them open. */
async function aClientWithLines(door: Door, changes: Parameters<typeof aClient>[0] = {}): Promise<MemberClient> {
  const client = aClient(changes)
  const linesSeen = () => door.requests.filter(({ headers }) => headers['content-type'] === linesHeaders['content-type'])
  const before = linesSeen().length
  await client.post(door.url, 'first')
  await vi.waitFor(() => expect(linesSeen().length).toBe(before + 1))
  await vi.waitFor(async () => {
    const seen = door.requests.length
    await client.post(door.url, 'again')
    expect(door.requests.length).toBe(seen)
  })
  return client
}

test('many messages of one request are answered as each would be alone, in whichever order', async () => {
  const { answer, held } = answers()
  const { url, faults } = await aDoor(answer)
  const lines = await openLines(url)
  for (const [id, body] of ['held', 'a', 'refused', 'broken', 'nothing'].entries()) lines.send(id, body)
  await vi.waitFor(() => expect(lines.said.length).toBe(4))
  held.get('held')?.()
  lines.request.end()
  await vi.waitFor(() => expect(lines.hasEnded()).toBe(true))
  expect(lines.said.at(-1)?.id).toBe(0)
  expect(lines.said.toSorted((a, b) => Number(a.id) - Number(b.id))).toMatchObject([
    { id: 0, status: 202, body: { body: 'held' } },
    { id: 1, status: 202, body: { body: 'a' } },
    { id: 2, status: 429, headers: { 'retry-after': '2' }, body: { error: { code: 'AGENT_FULL', path: 'a' } } },
    { id: 3, status: 500, body: { error: { code: 'INTERNAL' } } },
    { id: 4, status: 204 },
  ])
  expect(faults).toHaveLength(1)
})

test('who may not come in is told so before a line is read, and a token that is taken back stops the next message', async () => {
  let isKnown = false
  const check = () => {
    if (!isKnown) throw new ScopeError('TOKEN_MISSING')
    return { name: '', role: 'admin', namespaces: '*' }
  }
  const { url } = await aDoor(answers().answer, { authoriser: { check } as unknown as Authoriser })
  expect((await openLines(url)).response.statusCode).toBe(401)
  isKnown = true
  const lines = await openLines(url)
  lines.send(1, 'a')
  await vi.waitFor(() => expect(lines.said).toMatchObject([{ id: 1, status: 202 }]))
  isKnown = false
  lines.send(2, 'a')
  await vi.waitFor(() => expect(lines.said[1]).toMatchObject({ id: 2, status: 401, body: { error: { code: 'TOKEN_MISSING' } } }))
})

test.each<[string, string, string]>([
  ['is no JSON', '{\n', 'BODY_NOT_JSON'],
  ['has no number', '{"body":1}\n', 'BODY_NOT_JSON'],
  ['has no end', 'x'.repeat(lineLengthMax * 3), 'BODY_TOO_LARGE'],
])('a line that %s ends the lines, once those before it are answered', async (_, line, code) => {
  const { answer, held } = answers()
  const { url } = await aDoor(answer)
  const lines = await openLines(url)
  lines.send(1, 'held')
  lines.request.write(line)
  await vi.waitFor(() => expect(lines.said).toMatchObject([{ id: null, body: { error: { code } } }]))
  expect(lines.hasEnded()).toBe(false)
  held.get('held')?.()
  await vi.waitFor(() => expect(lines.hasEnded()).toBe(true))
  expect(lines.said[1]).toMatchObject({ id: 1, status: 202 })
})

test('lines that have ended are not read on, though their answers are read again', async () => {
  const { answer, held } = answers()
  const large: MemberRoute['answer'] = async (call) =>
    call.body === 'large' ? { status: 200, body: 'x'.repeat(2_000_000) } : answer(call)
  const { url, requests } = await aDoor(large)
  const lines = await openLines(url)
  lines.response.pause()
  lines.send(1, 'held')
  for (let id = 2; id < 12; id++) lines.send(id, 'large')
  lines.request.write('{\n')
  await vi.waitFor(() => expect(requests[0]?.isPaused()).toBe(true))
  lines.response.resume()
  await vi.waitFor(() => expect(lines.said).toContainEqual(expect.objectContaining({ id: null })))
  lines.request.write('x'.repeat(lineLengthMax * 4))
  await vi.waitFor(() => expect(lines.said.length).toBe(11))
  expect(requests[0]?.isPaused()).toBe(true)
  held.get('held')?.()
  await vi.waitFor(() => expect(lines.hasEnded()).toBe(true))
})

test('a key of the request is not that of each of its messages', async () => {
  const keys = new Set<unknown>()
  const { url } = await aDoor(({ headers }) => {
    keys.add(headers['idempotency-key'])
    return { status: 204 }
  })
  const request = httpRequest(url, { method: 'POST', headers: { ...linesHeaders, 'idempotency-key': 'k' } })
  onTestFinished(() => void request.destroy())
  request.write('{"id":1,"body":1}\n')
  await vi.waitFor(() => expect([...keys]).toEqual([undefined]))
})

test('a message that is larger than a body may be is refused alone', async () => {
  const { url } = await aDoor(answers().answer, { bodyBytesMax: 100 })
  const lines = await openLines(url)
  lines.send(1, 'x'.repeat(200))
  lines.send(2, 'a')
  await vi.waitFor(() => expect(lines.said).toHaveLength(2))
  expect(lines.said).toMatchObject([
    { id: 1, status: 413 },
    { id: 2, status: 202 },
  ])
})

test('a sender that is far ahead of its answers is not read until they have come', async () => {
  const { answer, held } = answers()
  const { url, requests } = await aDoor(answer)
  const lines = await openLines(url)
  const sent = unansweredMax * 2
  for (let id = 0; id < sent; id++) lines.send(id, `held ${id} ${'x'.repeat(1_000)}`)
  await vi.waitFor(() => expect(requests[0]?.isPaused()).toBe(true))
  expect(held.size).toBeLessThan(sent * 0.75)
  await vi.waitFor(() => {
    for (const letGo of held.values()) letGo()
    expect(lines.said.length).toBe(sent)
  })
})

test('a sender that does not read its answers is not read any further', async () => {
  let taken = 0
  const { url, requests } = await aDoor(() => {
    taken++
    return { status: 200, body: 'x'.repeat(50_000) }
  })
  const lines = await openLines(url)
  lines.response.pause()
  const sent = 2_000
  for (let id = 0; id < sent; id++) lines.send(id, 'x'.repeat(1_000))
  await vi.waitFor(() => expect(requests[0]?.isPaused()).toBe(true))
  expect(taken).toBeLessThan(sent)
  lines.response.resume()
  await vi.waitFor(() => expect(lines.said.length).toBe(sent), 5_000)
})

test('when the door closes, what was read is answered and the lines end', async () => {
  const leaving = new AbortController()
  const { answer, held } = answers()
  const { url } = await aDoor(answer, { leaving: leaving.signal })
  const [idle, busy] = [await openLines(url), await openLines(url)]
  busy.send(1, 'held')
  await vi.waitFor(() => expect(held.size).toBe(1))
  leaving.abort()
  await vi.waitFor(() => expect(idle.hasEnded()).toBe(true))
  expect(busy.hasEnded()).toBe(false)
  held.get('held')?.()
  await vi.waitFor(() => expect(busy.hasEnded()).toBe(true))
  expect(busy.said).toMatchObject([{ id: 1, status: 202 }])
  const late = await openLines(url)
  await vi.waitFor(() => expect(late.hasEnded()).toBe(true))
})

test('calls to a door that takes lines share a request, and each gets its own answer', async () => {
  const { answer, held } = answers()
  const door = await aDoor(answer)
  const client = await aClientWithLines(door)
  const seen = door.requests.length
  const slow = client.post(door.url, 'held')
  const quick = await Promise.all(Array.from({ length: 100 }, (_, index) => client.post(door.url, { index })))
  expect(quick.map(({ body }) => body)).toEqual(Array.from({ length: 100 }, (_, index) => ({ body: { index } })))
  expect(await client.post(door.url, 'refused')).toMatchObject({ status: 429, retryAfterMs: 2_000 })
  held.get('held')?.()
  expect(await slow).toMatchObject({ status: 202, body: { body: 'held' } })
  expect(door.requests.length).toBe(seen)
})

test('a long message goes in a request of its own', async () => {
  const door = await aDoor(answers().answer)
  const client = await aClientWithLines(door)
  const seen = door.requests.length
  expect((await client.post(door.url, 'x'.repeat(lineLengthMax))).status).toBe(202)
  expect(door.requests.length).toBe(seen + 1)
})

test('a message without an answer is rejected in time, the others are not, and the next goes elsewhere', async () => {
  const door = await aDoor(answers().answer)
  const client = await aClientWithLines(door)
  const seen = door.requests.length
  const lost = client.post(door.url, 'held')
  await expect(lost).rejects.toThrow(`no answer within ${timeoutMs} ms`)
  expect((await client.post(door.url, 'a')).status).toBe(202)
  expect(door.requests.length).toBeGreaterThan(seen)
})

test('a door that has fallen silent gets no more lines, though messages go on coming', async () => {
  const door = await aDoor(answers().answer)
  const client = await aClientWithLines(door)
  const alone = () => door.requests.filter(({ headers }) => headers['content-type'] === 'application/json').length
  const before = alone()
  const ends: Promise<unknown>[] = []
  const posting = setInterval(
    () => ends.push(client.post(door.url, `held ${ends.length}`).catch(() => undefined)),
    timeoutMs / 10,
  )
  onTestFinished(() => clearInterval(posting))
  await vi.waitFor(() => expect(alone()).toBeGreaterThan(before), 5 * timeoutMs)
  clearInterval(posting)
  await Promise.all(ends)
})

test('what breaks the connection rejects the calls that wait, and the next goes in a request of its own', async () => {
  const door = await aDoor(answers().answer)
  const client = await aClientWithLines(door)
  const waiting = [client.post(door.url, 'held 1'), client.post(door.url, 'held 2')].map((call) => expect(call).rejects.toThrow())
  door.server.closeAllConnections()
  await Promise.all(waiting)
  expect((await client.post(door.url, 'a')).status).toBe(202)
})

test('lines are ended after a while, with nothing lost, and opened anew', async () => {
  const { answer, held } = answers()
  const door = await aDoor(answer)
  const client = await aClientWithLines(door, { linesOpenMs: 50 })
  await vi.waitFor(async () => {
    const before = door.requests.at(-1)
    const slow = client.post(door.url, 'held')
    // One that went alone is held to the end of the test.
    slow.catch(() => undefined)
    await vi.waitFor(() => expect(held.size).toBe(1))
    if (before?.headers['content-type'] !== linesHeaders['content-type']) throw new Error('it went alone')
    await vi.waitFor(async () => {
      await client.post(door.url, 'a')
      expect(door.requests.at(-1)).not.toBe(before)
    })
    expect(before.complete).toBe(false)
    held.get('held')?.()
    expect(await slow).toMatchObject({ status: 202 })
    await vi.waitFor(() => expect(before.complete).toBe(true))
  })
})

test.each<[string, number]>([
  ['refuses', 415],
  ['does not understand', 200],
])('a door that says it takes lines and %s them is called as before', async (_, status) => {
  let opened = 0
  const server = await listening((request, response) => {
    const isLines = request.headers['content-type'] === linesHeaders['content-type']
    if (isLines) opened++
    request.resume()
    response.writeHead(isLines ? status : 202, { 'accept-post': linesHeaders['content-type'] }).end('{}')
  })
  const client = aClient()
  for (let call = 0; call < 20; call++) expect((await client.post(urlOf(server), 'a')).status).toBe(202)
  await vi.waitFor(() => expect(opened).toBe(1))
})

test('a door that does not say that it takes lines is never sent any', async () => {
  const types = new Set<unknown>()
  const server = await listening((request, response) => {
    types.add(request.headers['content-type'])
    request.resume()
    response.writeHead(202).end()
  })
  const client = aClient()
  for (let call = 0; call < 20; call++) await client.post(urlOf(server), 'a')
  expect([...types]).toEqual(['application/json'])
})
