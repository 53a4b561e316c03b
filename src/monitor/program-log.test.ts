import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import { keysFor } from '../jobs/keys.ts'
import { positionOf } from './batch.ts'
import { messageIdText } from './message-id.ts'
import { type PlacedEntry, ProgramLog } from './program-log.ts'

const retentionMs = 60_000
const keys = keysFor(4)
let server: RedisServer
let redis: Redis
let log: ProgramLog
beforeAll(async () => {
  server = await startRedis()
  redis = server.client()
  log = new ProgramLog(redis, keys, retentionMs)
})
afterAll(() => server.stop())
beforeEach(() => redis.flushall())

function anEntry(number: number, topic = 'program.status'): PlacedEntry {
  const programRunId = { namespace: 'a', application: '', version: '', type: '', program: '', run: 'run-1' }
  const position = positionOf(0, messageIdText({ epoch: '1764300000000', number }))
  return { topic, position, entry: { programRunId, programStatus: 'RUNNING', status: 'running', time: number } }
}

const timesOf = async (limit = 100, after?: string, nowMs = Date.now()) => {
  const page = await log.read('a', after, limit, nowMs)
  return { times: page.messages.map(({ time }) => time), more: page.more, next: page.nextOffset ?? undefined }
}

/** Makes entries older, as if nothing had been appended since. */
async function age(numbers: readonly number[], byMs: number): Promise<void> {
  const rows = await redis.xrange(keys.programLog('a'), '-', '+')
  await redis.del(keys.programLog('a'))
  for (const [id, fields] of rows) {
    const isAged = numbers.includes((JSON.parse(fields[3] ?? '{}') as { time: number }).time)
    await redis.xadd(keys.programLog('a'), id, 'at', String(Number(fields[1]) - (isAged ? byMs : 0)), 'e', fields[3] ?? '')
  }
}

describe('the log of statuses', () => {
  test('has each entry once, however often it is appended', async () => {
    await log.append('a', 'run-1', [anEntry(1), anEntry(2)])
    await log.append('a', 'run-1', [anEntry(1), anEntry(2), anEntry(3)])
    expect((await timesOf()).times).toEqual([1, 2, 3])
    expect((await log.read('b', undefined, 10, Date.now())).messages).toEqual([])
  })

  test('knows partitions apart: a low number of one is no old number of another', async () => {
    await log.append('a', 'run-1', [anEntry(7, 'program.status:1'), anEntry(1, 'program.status:0')])
    await log.append('a', 'run-1', [anEntry(7, 'program.status:1'), anEntry(1, 'program.status:0')])
    expect((await timesOf()).times).toEqual([7, 1])
  })

  test('goes on at the first entry that is kept, past whole pages that are not', async () => {
    await log.append(
      'a',
      'run-1',
      Array.from({ length: 1_500 }, (_, i) => anEntry(i + 1)),
    )
    const { next: first } = await timesOf(1)
    await age(
      Array.from({ length: 1_300 }, (_, i) => i + 1),
      retentionMs + 1_000,
    )
    expect(await timesOf(2)).toMatchObject({ times: [1_301, 1_302], more: true })
    expect(await timesOf(2, first)).toMatchObject({ times: [1_301, 1_302], more: true })
    expect(await timesOf(200)).toMatchObject({ times: expect.objectContaining({ length: 200 }), more: false })
    expect(await timesOf(2, undefined, Date.now() + 2 * retentionMs)).toEqual({ times: [], more: false, next: undefined })
  })

  test('is walked by offsets, each entry once', async () => {
    await log.append(
      'a',
      'run-1',
      [1, 2, 3, 4, 5].map((number) => anEntry(number)),
    )
    const walked: (number | undefined)[] = []
    for (let page = await timesOf(2); page.times.length > 0; page = await timesOf(2, page.next)) walked.push(...page.times)
    expect(walked).toEqual([1, 2, 3, 4, 5])
  })

  test('forgets how far a runtime was read once its entries are past their time, and not before', async () => {
    await log.append('a', 'run-1', [anEntry(1)])
    await log.append('a', 'run-2', [anEntry(1)])
    await redis.zincrby(keys.programLogSources('a'), -retentionMs - 1_000, 'run-1')
    await log.append('a', 'run-3', [anEntry(1)])
    expect((await redis.hkeys(keys.programLogState('a'))).sort()).toEqual(['epoch', 'number', 'r:run-2', 'r:run-3'])
    for (const key of await redis.keys('*programs*')) expect(await redis.pttl(key), key).toBeGreaterThan(0)
  })
})
