import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { startLoki } from '../../test/support/loki.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import { bytesLeft, entriesLeft, startShipping, writeEntry } from '../../test/support/shipping.ts'
import { aLogEntry, someTimeMs } from '../../test/support/stored-state.ts'
import { keysFor } from '../jobs/keys.ts'
import { createDeadLetters, type DeadLetter, type DeadLetterQuery, type DeadLetters } from './dead-letters.ts'

const keys = keysFor(4)
let server: RedisServer
let redis: Redis
let letters: DeadLetters

/** Lays down a line as a shipper does. */
async function layDown(line: string, options: { shard?: number; namespace?: string; id?: string } = {}): Promise<string> {
  const { shard = 0, namespace = 'default', id = '*' } = options
  const text = JSON.stringify(aLogEntry([line], { namespace }))
  const facts = ['e', text, 'reason', 'too long', 'firstSeenMs', someTimeMs, 'lastSeenMs', someTimeMs + 5]
  const streamId = await redis.xadd(keys.deadLetters(shard), id, ...facts)
  await redis.incrby(keys.deadLetterBytes(shard), Buffer.byteLength(text))
  return `${streamId}-${shard}`
}

async function listAll(query: Partial<DeadLetterQuery> = {}): Promise<DeadLetter[]> {
  const all: DeadLetter[] = []
  let after: string | undefined
  do {
    const page = await letters.list({ limit: 100, ...query, after })
    all.push(...page.deadLetters)
    after = page.nextCursor
  } while (after !== undefined)
  return all
}

beforeAll(async () => {
  server = await startRedis()
  redis = server.client()
  letters = createDeadLetters({ store: redis, keys })
})

afterAll(async () => {
  await server.stop()
})

beforeEach(async () => {
  await redis.flushall()
})

describe('the list of dead letters', () => {
  test('says what was refused, why and when', async () => {
    const id = await layDown('x')
    expect(await listAll()).toEqual([
      {
        id,
        reason: 'too long',
        bytes: expect.any(Number),
        firstSeen: '2025-03-04T08:00:00.000Z',
        lastSeen: '2025-03-04T08:00:00.005Z',
        namespace: 'default',
        jobId: '48213',
        task: 'spark-ec-48213',
        engine: 'node-07:38215',
        ts: '2025-03-04T08:00:00.000Z',
        level: 'INFO',
        line: 'x',
      },
    ])
  })

  test.each([1, 3, 100])('goes over all shards, oldest first, in pages of %i', async (limit) => {
    const expected: string[] = []
    for (let at = 1; at <= 12; at++) {
      for (const shard of [0, 2, 3]) expected.push(await layDown(`${at}/${shard}`, { shard, id: `${at}-1` }))
    }
    expect((await listAll({ limit })).map((letter) => letter.id)).toEqual(expected)
  })

  test('shows only what the caller may see', async () => {
    await layDown('mine', { namespace: 'mine' })
    await layDown('theirs', { namespace: 'theirs' })
    const may = (namespace: string | undefined) => namespace === 'mine'
    expect((await listAll({ limit: 1, may })).map((letter) => letter.line)).toEqual(['mine'])
    expect(await letters.drop({ ids: 'all', may })).toBe(1)
    expect((await listAll()).map((letter) => letter.line)).toEqual(['theirs'])
    expect(await letters.replay({ ids: (await listAll()).map((letter) => letter.id), may })).toBe(0)
  })

  test.each(['x', '1-1', '1-1-4', '1-1-0; x', ''])('refuses the cursor and the id %j', async (id) => {
    await expect(letters.list({ limit: 1, after: id })).rejects.toMatchObject({ code: 'REQUEST_INVALID', path: 'after' })
    await expect(letters.drop({ ids: [id] })).rejects.toMatchObject({ code: 'REQUEST_INVALID', path: 'ids' })
  })
})

describe('dead letters', () => {
  test('are dropped once', async () => {
    const ids = [await layDown('a'), await layDown('b', { shard: 1 }), await layDown('c')]
    expect(await letters.drop({ ids: ids.slice(0, 2) })).toBe(2)
    expect(await letters.drop({ ids })).toBe(1)
    expect(await letters.totals()).toEqual({ lines: 0, bytes: 0 })
  })

  test('go back to the outbox with their bytes', async () => {
    for (let i = 0; i < 250; i++) await layDown(`${i}`, { shard: i % 4 })
    const { bytes } = await letters.totals()
    expect(await letters.replay({ ids: 'all' })).toBe(250)
    expect(await letters.totals()).toEqual({ lines: 0, bytes: 0 })
    expect(await entriesLeft(redis)).toBe(250)
    expect(await bytesLeft(redis)).toBe(bytes)
  })

  test('that are refused again keep their first refusal; those that are taken are in Loki', async () => {
    const loki = await startLoki()
    loki.judge = (line) => (line.line === 'bad' ? 'line_too_long' : undefined)
    await layDown('bad')
    await layDown('good')
    expect(await letters.replay({ ids: 'all' })).toBe(2)
    const shipping = startShipping(server.client({ maxRetriesPerRequest: null }), loki.url)
    await eventually(
      () => entriesLeft(redis),
      (left) => left === 0,
    )
    await shipping.close()
    await loki.close()
    expect(loki.lines.map((line) => line.line)).toEqual(['good'])
    const [again, ...others] = await listAll()
    expect(others).toEqual([])
    expect(again).toMatchObject({ line: 'bad', firstSeen: '2025-03-04T08:00:00.000Z' })
    expect(Date.parse(again?.lastSeen ?? '')).toBeGreaterThan(someTimeMs + 1_000)
  })

  test('make room for newer ones, oldest first over all shards', async () => {
    for (let at = 1; at <= 300; at++) await layDown('x'.repeat(1_000), { shard: at % 4, id: `${at}-1` })
    const { bytes } = await letters.totals()
    const trimmed = await letters.trim(bytes / 2)
    expect(trimmed).toBe(150)
    expect((await letters.totals()).bytes).toBeLessThanOrEqual(bytes / 2)
    expect((await listAll())[0]?.id).toBe('151-1-3')
  })

  test('stay within their bytes while a shipper lays them down', async () => {
    const loki = await startLoki()
    loki.judge = () => 'line_too_long'
    for (let i = 0; i < 40; i++) await writeEntry(redis, i % 4, aLogEntry(['x'.repeat(1_000)], {}, Date.now()))
    const limits = { deadLettersBytes: 12_000 }
    const shipping = startShipping(server.client({ maxRetriesPerRequest: null }), loki.url, { limits })
    await eventually(
      () => entriesLeft(redis),
      (left) => left === 0,
    )
    await shipping.close()
    await loki.close()
    const { lines, bytes } = await letters.totals()
    expect(bytes).toBeLessThanOrEqual(12_000)
    expect(shipping.heard).toMatchObject({ dead_lettered: 40, dead_letters_trimmed: 40 - lines })
  })
})
