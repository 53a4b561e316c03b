import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { type FakeLoki, startLoki } from '../../test/support/loki.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import {
  bytesLeft,
  entriesLeft,
  type Shipping,
  type ShippingOptions,
  startShipping,
  writeEntry,
} from '../../test/support/shipping.ts'
import { aLogEntry } from '../../test/support/stored-state.ts'
import { keysFor } from '../jobs/keys.ts'
import { createDeadLetters } from './dead-letters.ts'

const keys = keysFor(4)
let server: RedisServer
let redis: Redis
let loki: FakeLoki
let open: Shipping[] = []

function ship(options: ShippingOptions = {}): Shipping {
  const shipping = startShipping(server.client({ maxRetriesPerRequest: null }), loki.url, options)
  open.push(shipping)
  return shipping
}

/** Lines `<name>-0`, `<name>-1`, ... over the shards, one entry each. */
async function writeLines(name: string, count: number, atMs = Date.now()): Promise<string[]> {
  const lines = Array.from({ length: count }, (_, i) => `${name}-${i}`)
  await Promise.all(lines.map((line, i) => writeEntry(redis, i % 4, aLogEntry([line], {}, atMs + i))))
  return lines
}

function stored(): string[] {
  return loki.lines.map((line) => line.line)
}

async function drained(timeoutMs = 10_000): Promise<void> {
  await eventually(
    () => entriesLeft(redis),
    (left) => left === 0,
    { what: 'the outbox to drain', timeoutMs },
  )
}

beforeAll(async () => {
  server = await startRedis()
  redis = server.client()
})

afterAll(async () => {
  await server.stop()
})

beforeEach(async () => {
  await redis.flushall()
  loki = await startLoki()
})

afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  open = []
  expect(loki.faults).toEqual([])
  await loki.close()
})

describe('a shipper', () => {
  test('brings every line to Loki and leaves nothing behind', async () => {
    const { heard } = ship()
    const lines = await writeLines('x', 100)
    await drained()
    expect(stored().toSorted()).toEqual(lines.toSorted())
    expect(await bytesLeft(redis)).toBe(0)
    await eventually(() => heard.shipped === 100 && heard.bytes === 0 && heard.ageSeconds === 0)
  })

  test('does not count lines that the aggregator made itself', async () => {
    const { heard } = ship()
    await writeEntry(redis, 0, aLogEntry(['job ended'], { isOwn: true }, Date.now()))
    await writeEntry(redis, 0, aLogEntry(['x'], {}, Date.now()))
    await drained()
    expect(stored().toSorted()).toEqual(['job ended', 'x'])
    await eventually(() => heard.shipped > 0)
    expect(heard.shipped).toBe(1)
  })

  test('ships at once what it is woken for, and then at most one batch a linger', async () => {
    const { shipper } = ship({ limits: { pollMs: 60_000, lingerMs: 400 } })
    await eventually(() => redis.exists(keys.outbox(3)))
    await writeEntry(redis, 1, aLogEntry(['first'], {}, Date.now()))
    shipper.wake(1)
    await eventually(() => stored().length === 1, undefined, { timeoutMs: 300 })
    for (let i = 0; i < 20; i++) await writeEntry(redis, 1, aLogEntry([`more-${i}`], {}, Date.now()))
    shipper.wake(1)
    await eventually(() => stored().length === 21)
    expect(loki.pushes.length).toBe(2)
  })

  test('sends pushes of at most its batch size, also of one large entry', async () => {
    await writeEntry(
      redis,
      0,
      aLogEntry(
        Array.from({ length: 200 }, (_, i) => `${i} ${'x'.repeat(1_000)}`),
        {},
        Date.now(),
      ),
    )
    ship({ limits: { batchBytes: 20_000 } })
    await drained()
    expect(stored()).toHaveLength(200)
    expect(loki.pushes.length).toBeGreaterThanOrEqual(11)
    for (const push of loki.pushes) expect(Buffer.byteLength(push.body)).toBeLessThan(21_000)
  })

  test('goes on when the store was emptied under it', async () => {
    ship()
    await writeLines('before', 4)
    await drained()
    await redis.flushall()
    await writeLines('after', 4)
    await drained()
    expect(stored()).toHaveLength(8)
  })

  test('lays down an entry that cannot be read, and goes on', async () => {
    ship()
    await writeEntry(redis, 0, '{"lines":[5]}')
    await writeEntry(redis, 0, 'no json')
    await writeEntry(redis, 0, aLogEntry(['x'], {}, Date.now()))
    await drained()
    const { deadLetters } = await createDeadLetters({ store: redis, keys }).list({ limit: 10 })
    expect(deadLetters.map((letter) => letter.line)).toEqual(['{"lines":[5]}', 'no json'])
    expect(stored()).toEqual(['x'])
  })

  test('drains a store that has reached its memory limit', async () => {
    const letters = createDeadLetters({ store: redis, keys })
    loki.judge = (line) => (line.line === 'x-3' ? 'line_too_long' : undefined)
    await writeLines('x', 40)
    await redis.config('SET', 'maxmemory', '1')
    try {
      await expect(redis.set('any', 'thing')).rejects.toThrow('OOM')
      ship()
      await drained()
      expect(stored()).toHaveLength(39)
      expect((await letters.totals()).lines).toBe(1)
      expect(await bytesLeft(redis)).toBe(0)
    } finally {
      await redis.config('SET', 'maxmemory', '0')
    }
  })
})

describe('Loki in trouble', () => {
  test('row 26: a slow Loki shows as lag that is right', async () => {
    const { heard } = ship()
    loki.always({ kind: 'hang' })
    await writeLines('x', 10, Date.now())
    const startedMs = Date.now()
    await eventually(() => heard.ageSeconds > 1, undefined, { everyMs: 5 })
    expect(heard.ageSeconds).toBeLessThan(((Date.now() - startedMs) / 1000) * 1.1 + 0.1)
    expect(heard.ageSeconds).toBeGreaterThan(((Date.now() - startedMs) / 1000) * 0.9 - 0.1)
    expect(heard.bytes).toBe(await bytesLeft(redis))
    loki.always(undefined)
    await drained()
  })

  test('row 27: after an outage everything is there, once', async () => {
    const { heard, shipper } = ship()
    await eventually(() => redis.exists(keys.outbox(3)))
    await loki.close()
    const lines = await writeLines('x', 300)
    await eventually(() => heard.codes.length > 3)
    expect(shipper.readiness()).toEqual({ ready: true, reason: expect.stringContaining('cannot be reached') })
    await loki.listen()
    await drained()
    expect(stored().toSorted()).toEqual(lines.toSorted())
    expect(shipper.readiness()).toEqual({ ready: true })
  })

  test('row 28: Retry-After is honoured', async () => {
    loki.next({ kind: 'status', status: 429, headers: { 'retry-after': '1' } })
    ship()
    await writeLines('x', 10)
    await drained()
    const [first, second] = loki.pushes
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(1_000)
  })

  test('row 29: 5xx are met with growing pauses, at most two requests a second', async () => {
    const statuses = [500, 502, 503, 504]
    loki.next(...statuses.map((status) => ({ kind: 'status', status }) as const))
    await writeLines('x', 10)
    ship({ limits: { backoffMinMs: 100, backoffMaxMs: 1_000 } })
    await drained()
    const gaps = loki.pushes.slice(1).map((push, at) => push.atMs - (loki.pushes[at]?.atMs ?? 0))
    expect(gaps).toHaveLength(4)
    for (const [at, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(50 * 2 ** at)
    expect(stored()).toHaveLength(10)
  })

  test('row 30: one bad line of 1,000 costs at most 21 pushes', async () => {
    loki.behaviour = (push) => (push.body.includes('"x-617"') ? { kind: 'status', status: 400, body: 'bad line' } : undefined)
    const lines = Array.from({ length: 1_000 }, (_, i) => `x-${i}`)
    for (let at = 0; at < 10; at++) await writeEntry(redis, 0, aLogEntry(lines.slice(at * 100, at * 100 + 100), {}, Date.now()))
    const { heard } = ship()
    await drained()
    expect(loki.pushes.length).toBeLessThanOrEqual(21)
    expect(stored().toSorted()).toEqual(lines.filter((line) => line !== 'x-617').toSorted())
    const { deadLetters } = await createDeadLetters({ store: redis, keys }).list({ limit: 10 })
    expect(deadLetters).toEqual([expect.objectContaining({ line: 'x-617', reason: 'Loki answered 400: bad line' })])
    await eventually(() => heard.shipped === 999 && heard.dead_lettered === 1)
  })

  test('row 31: good lines that Loki stored before it said 400 are no duplicates', async () => {
    loki.judge = (line) => (line.line === 'x-40' ? 'line_too_long' : undefined)
    const lines = await writeLines('x', 100)
    ship()
    await drained()
    expect(stored().toSorted()).toEqual(lines.filter((line) => line !== 'x-40').toSorted())
    expect(loki.repeats).toBeGreaterThan(0)
  })

  test('row 32: a lost reply is met with the identical push', async () => {
    loki.next({ kind: 'lose-reply' }, { kind: 'status', status: 503, stores: true })
    const lines = await writeLines('x', 50)
    ship()
    await drained()
    expect(stored().toSorted()).toEqual(lines.toSorted())
    expect(loki.repeats).toBe(100)
    const [first, ...others] = loki.pushes
    for (const push of others) expect(push.body).toBe(first?.body)
  })

  test('row 33: a Loki that never answers holds one connection', async () => {
    loki.next({ kind: 'hang' })
    ship({ deadlineMs: 300 })
    const lines = await writeLines('x', 10)
    await eventually(() => loki.pushes.length === 1)
    await writeLines('y', 10)
    await drained()
    expect(loki.pushes[1]?.atMs).toBeGreaterThanOrEqual((loki.pushes[0]?.atMs ?? 0) + 250)
    expect(stored()).toHaveLength(lines.length + 10)
  })

  test('row 34: a dripping answer and one of 100 MB are cut off', async () => {
    loki.next({ kind: 'drip', status: 500 }, { kind: 'flood', status: 503, bytes: 100 * 1024 * 1024 })
    ship({ deadlineMs: 300 })
    await writeLines('x', 10)
    await drained()
    expect(stored()).toHaveLength(10)
  })

  test.each([401, 403, 404])('row 35: %i stops it, lays nothing down, and is tried again', async (status) => {
    loki.always({ kind: 'status', status, body: 'who are you' })
    const { shipper, heard } = ship({ limits: { probeMs: 300 } })
    await writeLines('x', 10)
    await eventually(() => !shipper.readiness().ready)
    expect(shipper.readiness().reason).toContain(`${status}: who are you`)
    await eventually(() => heard.codes.length === 2)
    expect((loki.pushes[1]?.atMs ?? 0) - (loki.pushes[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(295)
    expect(await entriesLeft(redis)).toBe(10)
    expect((await createDeadLetters({ store: redis, keys }).totals()).lines).toBe(0)
    loki.always(undefined)
    await drained()
    expect(shipper.readiness()).toEqual({ ready: true })
    expect(heard.changes.map((change) => change.ready)).toEqual(expect.arrayContaining([false, true]))
  })

  test('a tenant blocked by 260 or 200 is not ready, and keeps its lines', async () => {
    loki.next({ kind: 'status', status: 260, body: 'blocked' }, { kind: 'status', status: 200 })
    const { shipper, heard } = ship()
    await writeLines('x', 10)
    await eventually(() => heard.changes.some((change) => !change.ready && change.reason?.includes('260')))
    await drained()
    expect(stored()).toHaveLength(10)
    expect(shipper.readiness().ready).toBe(true)
  })

  test('413 is halved down to the line', async () => {
    loki.behaviour = (push) => (push.body.length > 1_500 ? { kind: 'status', status: 413 } : undefined)
    await writeLines('x', 30)
    await writeEntry(redis, 0, aLogEntry(['y'.repeat(2_000)], {}, Date.now()))
    ship()
    await drained()
    expect(stored()).toHaveLength(30)
    const { deadLetters } = await createDeadLetters({ store: redis, keys }).list({ limit: 10 })
    expect(deadLetters.map((letter) => letter.reason)).toEqual(['Loki answered 413'])
  })

  test('row 36: after two hours the oldest lines go first, over all shards and shippers, and none is refused', async () => {
    const nowMs = Date.now()
    for (let i = 0; i < 480; i++) {
      const atMs = nowMs - 7_200_000 + i * 15_000
      await writeEntry(redis, i % 4, aLogEntry([`x-${i}`], {}, atMs), { atMs })
    }
    ship({ replicaId: 'a', shards: [0, 1], limits: { batchBytes: 10_000, claimIdleMs: 5_000 } })
    await eventually(() => stored().length >= 20)
    ship({ replicaId: 'b', shards: [2, 3], limits: { batchBytes: 10_000, claimIdleMs: 5_000 } })
    await drained(20_000)
    expect(stored()).toHaveLength(480)
    expect(loki.refused).toEqual([])
  })

  test('lines of engines whose clocks are off are all taken', async () => {
    const nowMs = Date.now()
    for (const days of [3, -30, 0, -1, 0.003, -0.02, 0.001]) {
      await writeEntry(redis, 0, aLogEntry([`${days}`], {}, nowMs + days * 86_400_000))
    }
    ship()
    await drained()
    expect(stored()).toHaveLength(7)
    expect(loki.refused).toEqual([])
  })
})

describe('several shippers', () => {
  test('row 37: what a killed one held is taken over when it has been idle', async () => {
    const lines = await writeLines('x', 40)
    for (const shard of [0, 1, 2, 3]) await redis.xgroup('CREATE', keys.outbox(shard), 'shipper', '0')
    for (const shard of [0, 1, 2, 3]) {
      await redis.xreadgroup('GROUP', 'shipper', 'dead', 'COUNT', 5, 'STREAMS', keys.outbox(shard), '>')
    }
    ship({ replicaId: 'b' })
    const startedMs = performance.now()
    await drained()
    expect(performance.now() - startedMs).toBeGreaterThan(150)
    expect(stored().toSorted()).toEqual(lines.toSorted())
    expect(loki.lines.filter((line) => line.line === 'x-0').length).toBe(1)
    for (const shard of [0, 1, 2, 3]) {
      expect(await redis.xpending(keys.outbox(shard), 'shipper')).toEqual([0, null, null, null])
    }
  })

  test('a line pushed and not acknowledged before the kill is pushed again in the same bytes', async () => {
    await writeLines('x', 8)
    loki.next({ kind: 'status', status: 503, stores: true })
    const first = ship({ replicaId: 'a', limits: { backoffMinMs: 10_000, backoffMaxMs: 10_000 } })
    await eventually(() => stored().length === 8)
    await first.close()
    ship({ replicaId: 'b' })
    await drained()
    expect(stored()).toHaveLength(8)
    expect(loki.repeats).toBeGreaterThanOrEqual(8)
  })

  test('share all shards and lose, double and disorder nothing', async () => {
    const shippings = ['a', 'b', 'c'].map((replicaId) => ship({ replicaId }))
    const lines: string[] = []
    for (let round = 0; round < 10; round++) lines.push(...(await writeLines(`r${round}`, 40)))
    await drained(20_000)
    expect(stored().toSorted()).toEqual(lines.toSorted())
    await eventually(() => shippings.reduce((sum, { heard }) => sum + heard.shipped, 0) === 400)
    expect(await bytesLeft(redis)).toBe(0)
  })

  test('hand a shard over without waiting', async () => {
    loki.always({ kind: 'status', status: 503 })
    const first = ship({ replicaId: 'a', limits: { claimIdleMs: 60_000, backoffMinMs: 200 } })
    const lines = await writeLines('x', 40)
    await eventually(() => loki.pushes.length > 0)
    await Promise.all([0, 1, 2, 3].map((shard) => first.shipper.stop(shard)))
    loki.always(undefined)
    ship({ replicaId: 'b', limits: { claimIdleMs: 60_000 } })
    await drained(5_000)
    expect(stored().toSorted()).toEqual(lines.toSorted())
    expect(first.heard.shipped).toBe(0)
  })
})

describe('closing', () => {
  test('finishes the push under way', async () => {
    const { shipper } = ship()
    const lines = await writeLines('x', 20)
    await eventually(() => loki.pushes.length > 0)
    await shipper.close()
    expect(await entriesLeft(redis)).toBe(lines.length - stored().length)
  })

  test('is bounded while Loki hangs, and nothing is lost', async () => {
    loki.always({ kind: 'hang' })
    const { shipper } = ship({ deadlineMs: 10_000, limits: { drainMs: 200 } })
    await writeLines('x', 20)
    await eventually(() => loki.pushes.length > 0)
    const startedMs = performance.now()
    await shipper.close()
    expect(performance.now() - startedMs).toBeLessThan(2_000)
    expect(await entriesLeft(redis)).toBe(20)
  })
})
