import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import { bytesLeft, writeEntry } from '../../test/support/shipping.ts'
import { aLogEntry } from '../../test/support/stored-state.ts'
import { keysFor } from '../jobs/keys.ts'
import { logPressure, outboxTotals, watchOutbox } from './outbox.ts'

const keys = keysFor(4)
let server: RedisServer
let redis: Redis

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

describe('the outbox', () => {
  test('is summed up over all shards', async () => {
    expect(await outboxTotals(redis, keys)).toEqual({ bytes: 0 })
    await writeEntry(redis, 1, aLogEntry(['x']), { atMs: 5_000 })
    await writeEntry(redis, 3, aLogEntry(['y']), { atMs: 4_000 })
    expect(await outboxTotals(redis, keys)).toEqual({ bytes: await bytesLeft(redis), oldestAtMs: 4_000 })
  })

  test.each([
    [0, 'ok'],
    [69, 'ok'],
    [70, 'tight'],
    [99, 'tight'],
    [100, 'full'],
    [250, 'full'],
  ])('at %i %% of its cap is %s', (bytes, state) => {
    const pressure = logPressure(bytes, 100)
    expect(pressure.state).toBe(state)
    expect(pressure.retryAfterSeconds !== undefined).toBe(state !== 'ok')
  })

  test('is watched, with what was written since the last look', async () => {
    const watch = watchOutbox({ store: redis, keys, bytesMax: 1_000, everyMs: 50 })
    expect(watch.pressure()).toEqual({ state: 'ok' })
    watch.wrote(1_000)
    expect(watch.pressure().state).toBe('full')
    await eventually(() => watch.pressure().state === 'ok')
    await redis.set(keys.outboxBytes(2), 800)
    await eventually(() => watch.pressure().state === 'tight')
    await watch.close()
  })

  test('keeps its last totals while the store is away', async () => {
    const away = await startRedis()
    const watch = watchOutbox({ store: away.client({ maxRetriesPerRequest: 0 }), keys, bytesMax: 1_000, everyMs: 20 })
    await away.client().set(keys.outboxBytes(0), 1_000)
    await eventually(() => watch.pressure().state === 'full')
    await away.kill('SIGKILL')
    await new Promise((resolve) => setImmediate(resolve))
    expect(watch.pressure().state).toBe('full')
    await watch.close()
    await away.stop()
  })
})
