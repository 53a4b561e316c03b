/** The shipper on stores that move, restart or go away. */
import { Cluster } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { type FakeLoki, startLoki } from '../../test/support/loki.ts'
import { type LostAnswer, losingAnswersOf, losingFirstNewEntries } from '../../test/support/lost-answer.ts'
import { startRedis } from '../../test/support/redis.ts'
import { startRedisCluster } from '../../test/support/redis-cluster.ts'
import { bytesLeft, entriesLeft, startShipping, writeEntry } from '../../test/support/shipping.ts'
import { aLogEntry } from '../../test/support/stored-state.ts'
import { keysFor } from '../jobs/keys.ts'
import { createDeadLetters } from './dead-letters.ts'
import { outboxTotals } from './outbox.ts'
import { settleScript } from './outbox-scripts.ts'

let loki: FakeLoki

beforeEach(async () => {
  loki = await startLoki()
})

afterEach(async () => {
  await loki.close()
})

function stored(): string[] {
  return loki.lines.map((line) => line.line).toSorted()
}

test('a Cluster spreads the shards, and all of them are shipped', async () => {
  const cluster = await startRedisCluster()
  const store = new Cluster([...cluster.startupNodes])
  try {
    loki.judge = (line) => (line.line === 'x-7' ? 'line_too_long' : undefined)
    const lines = Array.from({ length: 64 }, (_, i) => `x-${i}`)
    await Promise.all(lines.map((line, i) => writeEntry(store, i % 16, aLogEntry([line], {}, Date.now()), { shardCount: 16 })))
    const nodesInUse = await Promise.all(cluster.nodes.map(async (node) => (await node.client().dbsize()) > 0))
    expect(nodesInUse).toEqual([true, true, true])
    const shipping = startShipping(store, loki.url, { shardCount: 16 })
    await eventually(
      () => entriesLeft(store, 16),
      (left) => left === 0,
    )
    await shipping.close()
    expect(stored()).toEqual(lines.filter((line) => line !== 'x-7').toSorted())
    expect(await outboxTotals(store, keysFor(16))).toEqual({ bytes: 0 })
    const letters = createDeadLetters({ store, keys: keysFor(16) })
    expect(await letters.replay({ ids: 'all' })).toBe(1)
    expect(await letters.totals()).toEqual({ lines: 0, bytes: 0 })
    expect(await entriesLeft(store, 16)).toBe(1)
  } finally {
    store.disconnect()
    await cluster.stop()
  }
})

test('a Redis that is killed again and again costs no line and no duplicate', async () => {
  const server = await startRedis({ appendOnly: true })
  try {
    const store = server.client({ maxRetriesPerRequest: null, retryStrategy: () => 50 })
    const shipping = startShipping(store, loki.url)
    const lines: string[] = []
    for (let round = 0; round < 4; round++) {
      const writer = server.client({ retryStrategy: () => 50 })
      for (let i = 0; i < 40; i++) {
        const line = `${round}-${i}`
        await writeEntry(writer, i % 4, aLogEntry([line], {}, Date.now()))
        lines.push(line)
      }
      await server.restart()
    }
    await eventually(
      () => entriesLeft(server.client()),
      (left) => left === 0,
      { timeoutMs: 20_000 },
    )
    await shipping.close()
    expect(stored()).toEqual(lines.toSorted())
    expect(await bytesLeft(server.client())).toBe(0)
  } finally {
    await server.stop()
  }
})

test.each<LostAnswer>(['rejected', 'repeated'])(
  'a read whose answer is lost (%s) costs no line, no order, no restart',
  async (lost) => {
    const server = await startRedis()
    try {
      const store = server.client()
      const lines = Array.from({ length: 40 }, (_, i) => `x-${i}`)
      for (const line of lines) await writeEntry(store, 0, aLogEntry([line], {}, Date.now()))
      const shipping = startShipping(losingFirstNewEntries(store, lost), loki.url)
      await eventually(
        () => entriesLeft(store),
        (left) => left === 0,
      )
      await shipping.close()
      expect(loki.lines.map((line) => line.line)).toEqual(lines)
      expect(loki.repeats).toBe(0)
      expect(await bytesLeft(store)).toBe(0)
    } finally {
      await server.stop()
    }
  },
)

test.each<[LostAnswer, number]>([
  ['rejected', 1],
  ['rejected', 3],
  ['repeated', 1],
])('lines whose end was written by a call whose answer is lost (%s, %i times) are counted as any others', async (lost, times) => {
  const server = await startRedis()
  try {
    const store = server.client()
    loki.judge = (line) => (line.line === 'x-7' ? 'line_too_long' : undefined)
    // More than one call ends.
    const count = 1_200
    for (let i = 0; i < count; i++) await writeEntry(store, i % 2, aLogEntry([`x-${i}`], {}, Date.now()))
    const shipping = startShipping(losingAnswersOf(settleScript, store, lost, times), loki.url)
    await eventually(
      () => shipping.heard.shipped + shipping.heard.dead_lettered,
      (counted) => counted >= count,
    )
    await shipping.close()
    expect(shipping.heard).toMatchObject({ shipped: count - 1, dead_lettered: 1 })
    expect(await entriesLeft(store)).toBe(0)
    expect(await bytesLeft(store)).toBe(0)
  } finally {
    await server.stop()
  }
})

test('while the store is away the shipper is ready and says what it waits for', async () => {
  const server = await startRedis()
  try {
    const store = server.client({ maxRetriesPerRequest: 0, commandTimeout: 200, retryStrategy: () => 50 })
    const { shipper, client } = startShipping(store, loki.url)
    await eventually(() => server.client().exists(keysFor(4).outbox(3)))
    await server.kill('SIGKILL')
    await eventually(() => shipper.readiness().reason?.startsWith('Log lines wait for the store'))
    expect(shipper.readiness().ready).toBe(true)
    await server.restart()
    await eventually(() => shipper.readiness().reason === undefined)
    const startedMs = performance.now()
    await server.kill('SIGKILL')
    await shipper.close()
    expect(performance.now() - startedMs).toBeLessThan(2_500)
    await client.close()
  } finally {
    await server.stop()
  }
})

test('an idle shipper asks the store once a poll and shard, and Loki nothing', async () => {
  const server = await startRedis()
  try {
    const admin = server.client()
    const shipping = startShipping(server.client(), loki.url, { limits: { pollMs: 100 }, shardCount: 16 })
    await eventually(async () => (await admin.exists(keysFor(16).outbox(15))) === 1)
    const commands = async () =>
      Number(/calls=(\d+)/.exec((await admin.info('commandstats')).split('cmdstat_eval:')[1] ?? '')?.[1])
    const before = await commands()
    const startedMs = performance.now()
    await eventually(() => performance.now() - startedMs > 1_000)
    const polls = (performance.now() - startedMs) / 100
    expect((await commands()) - before).toBeLessThanOrEqual((polls + 1) * 16 + 16)
    expect(loki.requests).toEqual([])
    await shipping.close()
  } finally {
    await server.stop()
  }
})
