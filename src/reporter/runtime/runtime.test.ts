import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as plainRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { type HttpClient, httpClient } from '../../../test/support/http.ts'
import { rawHttp } from '../../../test/support/raw-http.ts'
import { createRuntime, type Problem, type Runtime, type RuntimeOptions } from '../index.ts'

type Answer = {
  runtimeId: string
  epoch: string
  topics: Record<string, { earliest: string | null; latest: string | null; messages: { messageId: string; message: unknown }[] }>
}

let folder: string
let problems: Problem[]
const opened: Runtime[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-runtime-'))
  problems = []
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((runtime) => runtime.close()))
  rmSync(folder, { recursive: true })
})

function aRuntime(options: Partial<RuntimeOptions> = {}): Runtime {
  const runtime = createRuntime({ runtimeId: 'run-7f3c', onProblem: (problem) => problems.push(problem), ...options })
  opened.push(runtime)
  return runtime
}

async function clientOf(runtime: Runtime, token?: string): Promise<HttpClient> {
  const url = await runtime.listening
  if (url === undefined) throw new Error(`it does not listen: ${JSON.stringify(problems)}`)
  return httpClient(url, token === undefined ? {} : { token })
}

const fixture = (name: string): string => readFileSync(join('test/fixtures/runtime-monitor', name), 'utf8')
const codeOf = (answer: { json: <T>() => T }) => answer.json<{ error: { code: string } }>().error.code

describe('one endpoint for all topics', () => {
  test('the first request gets everything from the beginning, the next one what came since', async () => {
    const runtime = aRuntime()
    const http = await clientOf(runtime)
    runtime.publish('logs', JSON.parse(fixture('message-log.json')))
    runtime.publish('program.status', JSON.parse(fixture('status-running.json')))
    const first = await http.post('/v1/runtime/messages', fixture('pull-request-first.json'))
    expect(first.status).toBe(200)
    const { runtimeId, epoch, topics } = first.json<Answer>()
    expect([runtimeId, epoch]).toEqual(['run-7f3c', runtime.epoch])
    expect(topics['metadata']).toEqual({ earliest: null, latest: null, messages: [] })
    const id = `${epoch}-0000000001`
    expect(topics['logs']).toEqual({
      earliest: id,
      latest: id,
      messages: [{ messageId: id, publishedAt: expect.any(Number), message: JSON.parse(fixture('message-log.json')) }],
    })
    const next = { protocol: 1, topics: { logs: { messageId: id, limit: 10 } } }
    expect((await http.post('/v1/runtime/messages', next)).json<Answer>().topics).toEqual({
      logs: { earliest: id, latest: id, messages: [] },
    })
    expect(runtime.stats()).toMatchObject({ fetches: 2, taken: 1, monitor: { id: 'mon-a', leaseEpoch: 7 } })
  })

  test('the body names the run first, bounds before messages, and the end of the run last', async () => {
    const runtime = aRuntime()
    const http = await clientOf(runtime)
    for (const topic of ['program.status', 'task.running', 'heartbeat']) runtime.publish(topic, { topic })
    const { text } = await http.post('/v1/runtime/messages', fixture('pull-request-first.json'))
    const places = [
      '{"runtimeId":',
      ',"epoch":',
      ',"topics":{',
      '"heartbeat":{"earliest":',
      ',"latest":',
      ',"messages":[',
      '"metadata":',
      '"lineage":',
      '"workflow.token":',
      '"task.running":{',
      '"logs":{',
      '"program.status":{',
    ].map((part) => text.indexOf(part))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places[0]).toBe(0)
  })

  test('topics that do not exist are empty, and warned of once in a while', async () => {
    const ask = async (runtime: Runtime) => {
      const http = await clientOf(runtime)
      return http.post('/v1/runtime/messages', { protocol: 1, topics: { 'no.such': {}, logs: { limit: 5 } } })
    }
    const patient = aRuntime()
    const answer = (await ask(patient)).json<Answer>()
    expect(answer.topics['no.such']).toEqual({ earliest: null, latest: null, messages: [] })
    await ask(patient)
    expect(problems.map(({ code }) => code)).toEqual(['TOPIC_UNKNOWN'])
    problems = []
    const talkative = aRuntime({ settings: { warningGapMs: 1 } })
    await eventually(async () => (await ask(talkative)) && problems.length > 1)
    expect(problems[1]?.message).toContain('no.such')
  })

  test.each([
    ['no JSON', '{"protocol":1', 'BODY_NOT_JSON'],
    ['another protocol', { protocol: 2, topics: {} }, 'PROTOCOL_UNSUPPORTED'],
    ['an array', [], 'REQUEST_INVALID'],
    ['topics that are none', { protocol: 1, topics: ['logs'] }, 'REQUEST_INVALID'],
    ['a topic that is none', { protocol: 1, topics: { logs: 'all' } }, 'REQUEST_INVALID'],
    ['a name that is none', { protocol: 1, topics: { '../etc': {} } }, 'REQUEST_INVALID'],
    ['the name of a prototype', '{"protocol":1,"topics":{"__proto__":{}}}', 'REQUEST_INVALID'],
    ['an id that is none', { protocol: 1, topics: { logs: { messageId: '17' } } }, 'REQUEST_INVALID'],
    ['an id that is no text', { protocol: 1, topics: { logs: { messageId: 17 } } }, 'REQUEST_INVALID'],
    ['a limit of nothing', { protocol: 1, topics: { logs: { limit: 0 } } }, 'REQUEST_INVALID'],
    ['a limit that is none', { protocol: 1, topics: { logs: { limit: '5' } } }, 'REQUEST_INVALID'],
    [
      'too many topics',
      { protocol: 1, topics: Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`t${n}`, {}])) },
      'REQUEST_INVALID',
    ],
    ['deep nesting', `{"protocol":1,"topics":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, 'REQUEST_INVALID'],
  ])('%s is answered with 400', async (_what, body, code) => {
    const answer = await (await clientOf(aRuntime())).post('/v1/runtime/messages', body)
    expect([answer.status, codeOf(answer)]).toEqual([400, code])
  })

  test('a body that is too large is answered with 413, with and without a length, and the next request is served', async () => {
    const runtime = aRuntime()
    const http = await clientOf(runtime)
    const large = 'x'.repeat(300 * 1024)
    expect((await http.post('/v1/runtime/messages', large)).status).toBe(413)
    const url = new URL('/v1/runtime/messages', await runtime.listening)
    const status = await new Promise((resolve, reject) => {
      const request = plainRequest(url, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      request.on('error', reject)
      request.write(large)
      request.end(large)
    })
    expect(status).toBe(413)
    expect((await http.post('/v1/runtime/messages', { protocol: 1, topics: {} })).status).toBe(200)
  })

  test('a compressed body is answered with 415', async () => {
    const http = await clientOf(aRuntime())
    expect((await http.post('/v1/runtime/messages', '{}', { 'content-encoding': 'gzip' })).status).toBe(415)
  })
})

describe('one endpoint for each topic', () => {
  test('gives the same messages as the other one, in the same envelope', async () => {
    const runtime = aRuntime({ topics: ['task.running:2'] })
    const http = await clientOf(runtime)
    for (let n = 1; n <= 5; n++) runtime.publish('task.running', { n }, `task-${n}`)
    for (const topic of ['task.running:0', 'task.running:1']) {
      const alone = await http.get(`/v1/runtime/topics/${encodeURIComponent(topic)}/messages?limit=3`)
      const together = await http.post('/v1/runtime/messages', { protocol: 1, topics: { [topic]: { limit: 3 } } })
      expect(alone.text).toBe(together.text)
    }
    const one = (await http.get('/v1/runtime/topics/task.running:0/messages?limit=1')).json<Answer>()
    const after = one.topics['task.running:0']?.messages[0]?.messageId
    const rest = (await http.get(`/v1/runtime/topics/task.running:0/messages?after=${after}`)).json<Answer>()
    expect(rest.topics['task.running:0']?.messages.map(({ messageId }) => messageId)).not.toContain(after)
  })

  test('a topic that does not exist is empty; arguments that do not fit are 400', async () => {
    const http = await clientOf(aRuntime())
    const answer = await http.get('/v1/runtime/topics/no.such/messages')
    expect(answer.json<Answer>().topics).toEqual({ 'no.such': { earliest: null, latest: null, messages: [] } })
    for (const bad of [
      'logs/messages?limit=0',
      'logs/messages?limit=-1',
      'logs/messages?limit=1e3',
      'logs/messages?after=x',
      '%2e%2e%2f/messages',
      '%zz/messages',
    ]) {
      expect((await http.get(`/v1/runtime/topics/${bad}`)).status, bad).toBe(400)
    }
  })

  test('other paths are 404 and other methods 405, in JSON', async () => {
    const http = await clientOf(aRuntime())
    expect([(await http.get('/v1/runtime/nothing')).status, (await http.get('/')).status]).toEqual([404, 404])
    const answer = await http.get('/v1/runtime/messages')
    expect([answer.status, answer.headers.get('allow'), codeOf(answer)]).toEqual([405, 'POST', 'METHOD_NOT_ALLOWED'])
    expect((await http.post('/v1/runtime/topics/logs/messages', {})).status).toBe(405)
  })
})

test.each([
  'GET // HTTP/1.1',
  'GET http://[ HTTP/1.1',
  'POST /v1/runtime/../../etc HTTP/1.1',
  'GET /%00%ff HTTP/1.1',
  'OPTIONS * HTTP/1.1',
])('the request line %s is answered as any other that fits nothing', async (line) => {
  const runtime = aRuntime()
  const { port } = new URL((await runtime.listening) ?? '')
  const text = await rawHttp(Number(port), `${line}\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
  expect(text).toMatch(/^HTTP\/1\.1 404 /)
  expect((await (await clientOf(runtime)).get('/v1/runtime/topics/logs/messages')).status).toBe(200)
})

describe('the end', () => {
  test('a shutdown is accepted, told once, and what is asked afterwards is answered with 410', async () => {
    let shutdowns = 0
    const runtime = aRuntime({ onShutdown: () => shutdowns++ })
    const http = await clientOf(runtime)
    const ended = runtime.ended(10_000)
    expect((await http.post('/v1/runtime/shutdown')).status).toBe(202)
    expect((await http.post('/v1/runtime/shutdown', {})).status).toBe(202)
    expect(await ended).toBe(true)
    expect(shutdowns).toBe(1)
    const late = await http.post('/v1/runtime/messages', { protocol: 1, topics: {} })
    expect([late.status, codeOf(late)]).toEqual([410, 'RUNTIME_ENDED'])
    expect((await http.get('/v1/runtime/topics/logs/messages')).status).toBe(410)
    expect((await http.post('/v1/runtime/kill')).status).toBe(410)
  })

  test('a kill is accepted and passed on; what throws there does not reach the server', async () => {
    let kills = 0
    const runtime = aRuntime({
      onKill: () => {
        kills++
        throw new Error('no')
      },
    })
    const http = await clientOf(runtime)
    expect((await http.post('/v1/runtime/kill')).status).toBe(202)
    await eventually(() => kills === 1)
    expect((await http.post('/v1/runtime/kill')).status).toBe(202)
    await eventually(() => kills === 2)
    expect(problems.map(({ code }) => code)).toEqual(['INTERNAL'])
  })

  test('without a shutdown the wait is over after the grace', async () => {
    expect(await aRuntime({ settings: { endGraceMs: 20 } }).ended()).toBe(false)
  })
})

describe('who is let in', () => {
  test('only who has the token, on every route', async () => {
    const runtime = aRuntime({ token: 'not-a-real-token', onKill: () => problems.push({ code: 'KILLED', message: '' }) })
    for (const [token, code] of [
      [undefined, 'TOKEN_MISSING'],
      ['not-a-real-toke', 'TOKEN_INVALID'],
    ] as const) {
      const http = await clientOf(runtime, token)
      const answers = [
        await http.post('/v1/runtime/messages', { protocol: 1, topics: {} }),
        await http.get('/v1/runtime/topics/logs/messages'),
        await http.post('/v1/runtime/shutdown'),
        await http.post('/v1/runtime/kill'),
      ]
      expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual(answers.map(() => [401, code]))
    }
    const known = await clientOf(runtime, 'not-a-real-token')
    expect((await known.get('/v1/runtime/topics/logs/messages')).status).toBe(200)
    expect(problems).toEqual([])
  })

  test('no page in a browser, with or without the token', async () => {
    const runtime = aRuntime({ onKill: () => problems.push({ code: 'KILLED', message: '' }) })
    const http = await clientOf(runtime)
    const url = new URL('/v1/runtime/kill', await runtime.listening)
    const status = await new Promise((resolve, reject) => {
      const asked = plainRequest(url, { method: 'POST', headers: { origin: 'https://example.org' } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      asked.on('error', reject)
      asked.end()
    })
    expect(status).toBe(403)
    expect((await http.get('/v1/runtime/topics/logs/messages')).status).toBe(200)
    expect(problems).toEqual([])
  })

  test('nothing listens where other machines could reach it unasked', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org']) {
      expect(await aRuntime({ listen: { host } }).listening, host).toBeUndefined()
    }
    expect(problems[0]?.code).toBe('BIND_REFUSED')
    expect(await aRuntime({ token: 't', listen: { host: '0.0.0.0', publicHost: 'node-7' } }).listening).toMatch(
      /^http:\/\/node-7:\d+$/,
    )
  })

  test('the port is in its file as a whole; where that cannot be written nothing listens', async () => {
    const portFile = join(folder, 'port')
    const url = await aRuntime({ listen: { portFile } }).listening
    expect(url).toBe(`http://127.0.0.1:${readFileSync(portFile, 'utf8').trim()}`)
    expect(await aRuntime({ listen: { portFile: join(folder, 'no', 'port') } }).listening).toBeUndefined()
    expect(problems.map(({ code }) => code)).toEqual(['NOT_LISTENING'])
  })
})

describe('the epoch', () => {
  test('is higher than that of the log before, also where the clock was set back', async () => {
    const epochFile = join(folder, 'epoch')
    const first = aRuntime({ epochFile, listen: false })
    expect(Number(first.epoch)).toBeGreaterThan(Date.now() - 60_000)
    const ahead = '2795357356000'
    writeFileSync(epochFile, ahead)
    expect(aRuntime({ epochFile, listen: false }).epoch).toBe('2795357356001')
    expect(readFileSync(epochFile, 'utf8')).toBe('2795357356001\n')
  })

  test('is the time where the file holds nothing of use, and that is told', () => {
    const epochFile = join(folder, 'epoch')
    writeFileSync(epochFile, 'yesterday')
    expect(aRuntime({ epochFile, listen: false }).epoch).toMatch(/^1\d{12}$/)
    expect(problems.map(({ code }) => code)).toEqual(['EPOCH_FILE_UNREADABLE'])
  })
})

describe('a reader', () => {
  test('that reads slowly holds up nobody, and is cut off after a while', async () => {
    const runtime = aRuntime({
      settings: { answerTimeoutMs: 300, messageBytesMax: 2_000_000, keptBytesMax: 64_000_000, answerBytesMax: 32_000_000 },
    })
    for (let n = 0; n < 30; n++) runtime.publish('logs', 'x'.repeat(1_000_000))
    const http = await clientOf(runtime)
    const { port } = new URL((await runtime.listening) ?? '')
    const slow = connect(Number(port), '127.0.0.1')
    let isCut = false
    slow.on('close', () => {
      isCut = true
    })
    slow.on('error', () => {})
    slow.pause()
    slow.write('GET /v1/runtime/topics/logs/messages HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await eventually(() => runtime.stats().fetches === 1)
    expect((await http.get('/v1/runtime/topics/metadata/messages')).status).toBe(200)
    await eventually(() => runtime.stats().cutAnswers === 1, undefined, { what: 'the answer to be cut' })
    slow.resume()
    await eventually(() => isCut)
  })

  test('that goes away in the middle is counted, and the next one gets everything', async () => {
    const runtime = aRuntime({ settings: { answerBytesMax: 32_000_000 } })
    for (let n = 0; n < 20; n++) runtime.publish('logs', 'x'.repeat(900_000))
    const { port } = new URL((await runtime.listening) ?? '')
    const hasty = connect(Number(port), '127.0.0.1')
    hasty.on('error', () => {})
    hasty.once('data', () => hasty.destroy())
    hasty.write('GET /v1/runtime/topics/logs/messages HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await eventually(() => runtime.stats().cutAnswers === 1)
    const whole = (await (await clientOf(runtime)).get('/v1/runtime/topics/logs/messages')).json<Answer>()
    expect(whole.topics['logs']?.messages).toHaveLength(20)
    expect(runtime.stats().taken).toBe(0)
  })

  test('that sends half a request is answered with 408 or cut off, and others are served', async () => {
    const runtime = aRuntime({ settings: { requestTimeoutMs: 200 } })
    const { port } = new URL((await runtime.listening) ?? '')
    const half = connect(Number(port), '127.0.0.1')
    let text = ''
    half.on('data', (data) => {
      text += String(data)
    })
    const closed = new Promise((resolve) => half.once('close', resolve))
    half.on('error', () => {})
    half.write('POST /v1/runtime/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{"prot')
    expect((await (await clientOf(runtime)).get('/v1/runtime/topics/logs/messages')).status).toBe(200)
    await closed
    expect(text === '' || text.startsWith('HTTP/1.1 408')).toBe(true)
  })

  test('beyond the limit of answers is told to come again', async () => {
    const runtime = aRuntime({ settings: { answersMax: 1, answerBytesMax: 32_000_000 } })
    for (let n = 0; n < 20; n++) runtime.publish('logs', 'x'.repeat(900_000))
    const { port } = new URL((await runtime.listening) ?? '')
    const slow = connect(Number(port), '127.0.0.1')
    slow.on('error', () => {})
    slow.pause()
    slow.write('GET /v1/runtime/topics/logs/messages HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await eventually(() => runtime.stats().fetches === 1)
    const busy = await (await clientOf(runtime)).get('/v1/runtime/topics/logs/messages')
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '1'])
    slow.destroy()
    const http = await clientOf(runtime)
    await eventually(async () => (await http.get('/v1/runtime/topics/metadata/messages')).status === 200)
  })
})

test('the handler mounts into a server of the program, beside other routes and after a body parser', async () => {
  const runtime = aRuntime({ listen: false })
  runtime.publish('logs', 'one')
  const app = express()
  app.use(express.json())
  app.use(runtime.handler)
  app.get('/own', (_request, response) => void response.send('mine'))
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const address = server.address()
    const http = httpClient(`http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`)
    expect((await http.get('/own')).text).toBe('mine')
    const answer = await http.post('/v1/runtime/messages', { protocol: 1, topics: { logs: { limit: 1 } } })
    expect(answer.json<Answer>().topics['logs']?.messages).toHaveLength(1)
    expect(await runtime.listening).toBeUndefined()
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
