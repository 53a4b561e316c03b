import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type LostAnswer, losingFirstNewEntries } from '../../test/support/lost-answer.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import { bytesLeft, writeEntry } from '../../test/support/shipping.ts'
import { keysFor } from '../jobs/keys.ts'
import { claimScript, shipperGroup } from './outbox-scripts.ts'
import { type OutboxEntry, OutboxShard } from './outbox-shard.ts'

const keys = keysFor(4)
const claimIdleMs = 300
let server: RedisServer
let redis: Redis

/** A shard whose reads bring two of the entries of {@link write}. */
function aShard(store: Redis = redis, consumer = 'a'): OutboxShard {
  return new OutboxShard(store, keys, 0, consumer, { claimIdleMs, readBytes: 4 })
}

/** Entries of two bytes. */
async function write(...texts: readonly string[]): Promise<void> {
  for (const text of texts) await writeEntry(redis, 0, text)
}

async function takeAll(shard: OutboxShard): Promise<OutboxEntry[]> {
  const taken: OutboxEntry[] = []
  for (;;) {
    await shard.fill()
    const head = shard.head()
    if (head === undefined) return taken
    shard.take()
    taken.push(head)
  }
}

async function takeOne(shard: OutboxShard): Promise<OutboxEntry> {
  await shard.fill()
  const head = shard.head()
  if (head === undefined) throw new Error('nothing to take')
  shard.take()
  return head
}

function textsOf(entries: readonly OutboxEntry[]): string[] {
  return entries.map((entry) => entry.text)
}

async function settle(shard: OutboxShard, entries: readonly OutboxEntry[], token: string = randomUUID()): Promise<number> {
  return (await settled(shard, entries, token)).length
}

const settled = (shard: OutboxShard, entries: readonly OutboxEntry[], token: string) =>
  shard.settle(
    entries.map((entry) => ({ entry, refused: [] })),
    token,
  )

beforeAll(async () => {
  server = await startRedis()
  redis = server.client()
})

afterAll(async () => {
  await server.stop()
})

beforeEach(async () => {
  await redis.flushall()
})

describe('a shard whose read was done and not answered', () => {
  test('hands out first what that read took, when the client says that it failed', async () => {
    await write('x0', 'x1', 'x2', 'x3')
    const shard = aShard(losingFirstNewEntries(redis, 'rejected'))
    await expect(shard.fill()).rejects.toThrow('Connection is closed')
    expect(textsOf(await takeAll(shard))).toEqual(['x0', 'x1', 'x2', 'x3'])
  })

  test.each([1, 2])(
    'hands out at its next look what that read took, when the client repeats it (%i on their way)',
    async (count) => {
      await write('x0', 'x1', 'x2', 'x3', 'x4', 'x5')
      const shard = aShard(losingFirstNewEntries(redis, 'repeated'))
      const onTheirWay: OutboxEntry[] = []
      while (onTheirWay.length < count) onTheirWay.push(await takeOne(shard))
      expect(textsOf(onTheirWay)).toEqual(['x2', 'x3'].slice(0, count))
      await shard.look()
      const others = await takeAll(shard)
      expect(textsOf(others)).toEqual(['x0', 'x1', ...['x2', 'x3'].slice(count), 'x4', 'x5'])
      expect(await settle(shard, [...onTheirWay, ...others])).toBe(6)
      expect(await bytesLeft(redis)).toBe(0)
    },
  )

  test.each<LostAnswer>(['rejected', 'repeated'])('hands nothing out twice (%s)', async (lost) => {
    await write('x0', 'x1', 'x2', 'x3', 'x4', 'x5')
    const shard = aShard(losingFirstNewEntries(redis, lost))
    await shard.fill().catch(() => {})
    const taken = await takeAll(shard)
    for (let looks = 0; looks < 3; looks++) {
      await shard.look()
      taken.push(...(await takeAll(shard)))
    }
    expect(textsOf(taken).toSorted()).toEqual(['x0', 'x1', 'x2', 'x3', 'x4', 'x5'])
  })
})

describe('a shard', () => {
  test('keeps what it read ahead while it is looked at', async () => {
    await write('x0', 'x1', 'x2')
    const shard = aShard()
    const taken = [await takeOne(shard)]
    await shard.look()
    taken.push(...(await takeAll(shard)))
    await shard.look()
    expect(textsOf(taken.concat(await takeAll(shard)))).toEqual(['x0', 'x1', 'x2'])
  })

  test('settles again what was not answered, and reads on', async () => {
    await write('x0', 'x1')
    const shard = aShard()
    const taken = await takeAll(shard)
    await settle(shard, taken.slice(0, 1))
    expect(await settle(shard, taken)).toBe(1)
    await write('x2')
    await shard.look()
    expect(textsOf(await takeAll(shard))).toEqual(['x2'])
  })

  test('answers a call that comes again as it did the first time, whatever others have ended meanwhile', async () => {
    await write('x0', 'x1', 'x2')
    const shard = aShard()
    const taken = await takeAll(shard)
    await settle(aShard(redis, 'b'), taken.slice(0, 1))
    const first = await settled(shard, taken.slice(0, 2), 'one')
    expect(textsOf(first)).toEqual(['x1'])
    expect(await settle(aShard(redis, 'b'), taken)).toBe(1)
    expect(await settled(shard, taken.slice(0, 2), 'one')).toEqual(first)
    expect(await settle(shard, taken.slice(0, 2), 'on')).toBe(0)
    expect(await bytesLeft(redis)).toBe(0)
  })

  test('keeps nothing in hand that was settled, though it was passed over', async () => {
    await writeEntry(redis, 0, 'x0', { atMs: 5_000 })
    const shard = aShard()
    const [first] = await takeAll(shard)
    await redis.flushall()
    expect(await settle(shard, first === undefined ? [] : [first])).toBe(0)
    await writeEntry(redis, 0, 'x1', { atMs: 5_000 })
    await shard.look()
    const [second] = await takeAll(shard)
    expect(second).toMatchObject({ id: first?.id, text: 'x1' })
  })

  test('reads what it took over though the answer to that was lost', async () => {
    const shard = aShard()
    expect(await takeAll(shard)).toEqual([])
    await write('x0', 'x1', 'x2')
    await takeOne(aShard(redis, 'gone'))
    await redis.eval(claimScript.lua, 1, keys.outbox(0), shipperGroup, 'a', 0)
    await shard.look()
    expect(textsOf(await takeAll(shard))).toEqual(['x0', 'x1', 'x2'])
  })

  test('gives up with the shard what it has in hand: the next one has all of it', async () => {
    await write('x0', 'x1', 'x2', 'x3')
    const first = aShard()
    await takeOne(first)
    await first.release()
    expect(textsOf(await takeAll(aShard()))).toEqual(['x0', 'x1', 'x2', 'x3'])
    expect(textsOf(await takeAll(aShard(redis, 'b')))).toEqual([])
  })
})
