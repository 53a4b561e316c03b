import { createServer, request, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import { aJob, aLogEntry, anEngine, aTask, storeJob } from '../../test/support/stored-state.ts'
import { ScopeError } from '../errors.ts'
import { keysFor } from '../jobs/keys.ts'
import { createQueries } from '../jobs/queries/queries.ts'
import type { JobRecord, ScopeEvent } from '../jobs/records.ts'
import { LiveHub } from './hub.ts'
import type { EndReason, LiveLimits } from './limits.ts'
import type { StreamWish } from './wish.ts'

const keys = keysFor(4)
let redisServer: RedisServer
let redis: Redis
const cleanUps: (() => void)[] = []

beforeAll(async () => {
  redisServer = await startRedis()
  redis = redisServer.client()
})
afterAll(() => redisServer.stop())
beforeEach(() => redis.flushall())
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

/** A hub behind a real server; events are handed in by hand. */
async function aHub(limits: Partial<LiveLimits> = {}) {
  const listeners = new Set<(shard: number, events: readonly ScopeEvent[]) => void>()
  const ends: EndReason[] = []
  const faults: unknown[] = []
  const hub = new LiveHub({
    follow: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    queries: createQueries(redis, keys),
    limits: { gatherMs: 20, ...limits },
    onEnd: (reason) => ends.push(reason),
    onFault: (error) => faults.push(error),
  })
  let wish: StreamWish = { reach: '*' }
  const server: Server = createServer((_request, response) => {
    try {
      hub.open(response, wish)
    } catch (error) {
      response.statusCode = error instanceof ScopeError ? error.status : 500
      response.end(error instanceof ScopeError ? error.code : 'fault')
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => {
    hub.close()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const emit = (...events: ScopeEvent[]) => {
    for (const listener of listeners) listener(0, events)
  }
  const open = async (asked: Partial<StreamWish> = {}) => {
    wish = { reach: '*', ...asked }
    return readStream(port)
  }
  return { hub, emit, open, ends, faults }
}

type Heard = { readonly name: string; readonly data: Record<string, unknown> }

function readStream(port: number) {
  return new Promise<{
    status: number
    text: () => string
    events: () => Heard[]
    isClosed: () => boolean
    socket: Socket
    stop: () => void
  }>((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', agent: false }, (response) => {
      let text = ''
      let isClosed = false
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('close', () => {
        isClosed = true
      })
      response.on('error', () => undefined)
      const events = () =>
        text.split('\n\n').flatMap((block) => {
          const [, name, data] = /^event: (\S+)\ndata: (.*)$/.exec(block) ?? []
          return name === undefined || data === undefined ? [] : [{ name, data: JSON.parse(data) as Record<string, unknown> }]
        })
      const stop = () => void sent.destroy()
      cleanUps.push(stop)
      const { socket, statusCode = 0 } = response
      resolve({ status: statusCode, text: () => text, events, isClosed: () => isClosed, socket, stop })
    })
    sent.on('error', reject).end()
  })
}

const job = (changes: Partial<JobRecord> = {}): ScopeEvent => ({ kind: 'job', record: aJob(changes) })

test('a job that changes many times in a moment is sent once, as it is at the end', async () => {
  const { emit, open } = await aHub()
  const stream = await open()
  for (let i = 1; i <= 50; i++) emit(job({ progress: i / 100 }))
  await eventually(() => stream.events().length > 0)
  emit(job({ jobId: 'last' }))
  await eventually(() => stream.events().some(({ data }) => data['jobId'] === 'last'))
  expect(stream.events().map(({ name, data }) => [name, data['jobId'], data['progress']])).toEqual([
    ['job', '48213', 0.5],
    ['job', 'last', 0.42],
  ])
})

test('a record that has yet to be made is made for whom it is sent to, and for nobody else', async () => {
  const { emit, open } = await aHub()
  const stream = await open({ namespace: 'default', jobId: 'watched' })
  const made: string[] = []
  const moved = (jobId: string): ScopeEvent => ({
    kind: 'job',
    still: aJob({ jobId, progress: 0.1 }),
    get record() {
      made.push(jobId)
      return aJob({ jobId, progress: 0.2 })
    },
  })
  emit(moved('other'), moved('watched'))
  await eventually(() => stream.events().length > 0)
  expect(stream.events().map(({ data }) => [data['jobId'], data['progress']])).toEqual([['watched', 0.2]])
  expect(made).not.toContain('other')
})

test('a client hears of no namespace beyond its token, nor of one it did not ask for', async () => {
  const { emit, open } = await aHub()
  const lab = await open({ reach: new Set(['lab', 'etl']) })
  const etl = await open({ reach: new Set(['lab', 'etl']), namespace: 'etl' })
  emit(job({ namespace: 'secret' }), job({ namespace: 'lab' }), job({ namespace: 'etl' }))
  emit({ kind: 'engine', record: anEngine() }, { kind: 'job-gone', namespace: 'secret', jobId: '1' })
  const heard = (stream: typeof lab) => stream.events().map(({ name, data }) => [name, data['namespace'] ?? data['instance']])
  await eventually(() => lab.events().length >= 3 && etl.events().length >= 2)
  expect(heard(lab)).toEqual([
    ['job', 'lab'],
    ['job', 'etl'],
    ['engine', 'node-07:38215'],
  ])
  expect(heard(etl)).toEqual([
    ['job', 'etl'],
    ['engine', 'node-07:38215'],
  ])
})

test('a client of one job gets it as it is now, then its changes, its tasks and its lines, each once and in order', async () => {
  const { emit, open } = await aHub({ linesPerRead: 2 })
  const entries = Array.from({ length: 6 }, (_, i) => aLogEntry([`a${i}`, `b${i}`]))
  await storeJob(redis, keys, aJob(), { tail: entries.slice(0, 2) })
  const stream = await open({ namespace: 'default', jobId: '48213' })
  await eventually(() => stream.events().length > 0)
  expect(stream.events()[0]).toMatchObject({ name: 'job', data: { jobId: '48213', status: 'running' } })
  for (let count = 3; count <= 6; count++) {
    await storeJob(redis, keys, aJob(), { tail: entries.slice(0, count) })
    emit(job({ tailNo: count }), { kind: 'task', record: aTask() }, job({ jobId: 'other' }))
  }
  const lines = () =>
    stream
      .events()
      .flatMap(({ name, data }) => (name === 'log' ? (data['lines'] as { line: string }[]).map(({ line }) => line) : []))
  await eventually(() => lines().length >= 8)
  expect(lines()).toEqual(['a2', 'b2', 'a3', 'b3', 'a4', 'b4', 'a5', 'b5'])
  expect(stream.events().filter(({ name }) => name === 'task')).not.toEqual([])
  expect(stream.events().filter(({ data }) => data['jobId'] === 'other')).toEqual([])
})

test('lines of a job that begins after the stream are all sent', async () => {
  const { emit, open } = await aHub()
  const stream = await open({ namespace: 'default', jobId: '48213' })
  await eventually(() => stream.text().includes('retry'))
  await storeJob(redis, keys, aJob(), { tail: [aLogEntry(['first'])] })
  await eventually(() => {
    emit(job({ tailNo: 1 }))
    return stream.events().some(({ name }) => name === 'log')
  })
  expect(stream.events().find(({ name }) => name === 'log')?.data).toMatchObject({ lines: [{ line: 'first' }], hasGap: false })
})

test('the stream of another tenant is silent, as that of a job that does not exist', async () => {
  const { emit, open } = await aHub({ heartbeatMs: 20 })
  await storeJob(redis, keys, aJob({ namespace: 'secret' }), { tail: [aLogEntry(['x'])] })
  const stream = await open({ reach: new Set(['lab']), namespace: 'secret', jobId: '48213' })
  emit(job({ namespace: 'secret' }))
  await eventually(() => stream.text().split(': beat').length > 3)
  expect(stream.status).toBe(200)
  expect(stream.events()).toEqual([])
})

test('one client too many is told to come back, and there is room again when one has left', async () => {
  const { hub, open } = await aHub({ clientsMax: 2 })
  const first = await open()
  await open()
  expect((await open()).status).toBe(503)
  first.stop()
  await eventually(() => hub.clientCount === 1)
  expect((await open()).status).toBe(200)
})

test('a client that reads nothing is let go, whatever comes, and the others hear everything', async () => {
  const { emit, open, ends, hub } = await aHub({ unsentBytesMax: 200_000, gatherMs: 5 })
  const slow = await open()
  slow.socket.pause()
  const quick = await open()
  const attributes = { text: 'x'.repeat(2_000) }
  let round = 0
  await eventually(() => {
    round += 1
    emit(...Array.from({ length: 500 }, (_, i) => job({ jobId: `${round}-${i}`, attributes })))
    return ends.includes('too_slow')
  })
  expect(hub.clientCount).toBe(1)
  emit(job({ jobId: 'after' }))
  await eventually(() => quick.events().some(({ data }) => data['jobId'] === 'after'))
  expect(quick.isClosed()).toBe(false)
})

test('a client that takes nothing for the write time-out is let go', async () => {
  const { emit, open, ends } = await aHub({ writeTimeoutMs: 100, unsentBytesMax: 1e9, gatherMs: 5 })
  const slow = await open()
  slow.socket.pause()
  const attributes = { text: 'x'.repeat(4_000) }
  await eventually(() => {
    emit(...Array.from({ length: 500 }, (_, i) => job({ jobId: `${i}`, attributes })))
    return ends.includes('write_timeout')
  })
})

test('a burst of more than the limit reaches a client that reads', async () => {
  const { emit, open, ends } = await aHub({ unsentBytesMax: 100_000 })
  const stream = await open()
  emit(...Array.from({ length: 3_000 }, (_, i) => job({ jobId: `burst-${i}` })))
  await eventually(() => stream.events().length === 3_000)
  expect(ends).toEqual([])
})

test('at the end of the process every stream ends', async () => {
  const { hub, open } = await aHub()
  const stream = await open()
  hub.close()
  await eventually(() => stream.isClosed())
  expect((await open()).status).toBe(503)
})

test('a stream whose lines cannot be read ends, so that the client comes back', async () => {
  const { open, faults, ends } = await aHub()
  await redis.set(keys.job(keys.shardOfJob('default', 'broken'), 'default', 'broken'), 'no hash')
  const stream = await open({ namespace: 'default', jobId: 'broken' })
  await eventually(() => stream.isClosed())
  expect(faults).toHaveLength(1)
  expect(ends).toEqual(['read_failed'])
})

test('a cursor that is none of the tail is refused before the stream begins', async () => {
  const { open } = await aHub()
  expect((await open({ namespace: 'default', jobId: '1', after: 'nonsense' })).status).toBe(400)
})
