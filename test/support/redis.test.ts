import { existsSync } from 'node:fs'
import { Cluster, Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { startRedis } from './redis.ts'
import { startRedisCluster } from './redis-cluster.ts'
import { startRedisSentinel } from './redis-sentinel.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

describe('a Redis of a test', () => {
  test('answers on its url and its socket, and leaves no folder behind', async () => {
    const server = await startRedis({ hasUnixSocket: true, maxMemoryBytes: 8_000_000 })
    await server.client().set('a', '1')
    expect(await server.client({ path: String(server.socketPath) }).get('a')).toBe('1')
    expect(await server.client().config('GET', 'maxmemory')).toEqual(['maxmemory', '8000000'])
    await server.stop()
    expect(existsSync(server.folder)).toBe(false)
  })

  test('with an append-only file keeps what it answered for over a SIGKILL, without one it forgets', async () => {
    const durable = await startRedis({ appendOnly: true })
    const forgetful = await startRedis()
    ends.push(durable.stop, forgetful.stop)
    for (const server of [durable, forgetful]) {
      await server.client().set('a', '1')
      await server.restart()
    }
    expect(await durable.client().get('a')).toBe('1')
    expect(await forgetful.client().get('a')).toBeNull()
  })
})

describe('a Redis Cluster of a test', () => {
  test('takes keys of all slots', async () => {
    const cluster = await startRedisCluster()
    ends.push(cluster.stop)
    const client = new Cluster([...cluster.startupNodes])
    const keys = Array.from({ length: 32 }, (_, i) => `{es:${i}}:job`)
    for (const key of keys) await client.set(key, key)
    for (const key of keys) expect(await client.get(key)).toBe(key)
    const sizes = await Promise.all(cluster.nodes.map((node) => node.client().dbsize()))
    expect(sizes.every((size) => size > 0)).toBe(true)
    client.disconnect()
  })
})

describe('a Redis behind a Sentinel of a test', () => {
  test('is found by name, and again after a failover', async () => {
    const sentinel = await startRedisSentinel()
    ends.push(sentinel.stop)
    const client = new Redis({ sentinels: [...sentinel.sentinels], name: sentinel.masterName })
    client.on('error', () => undefined)
    await client.set('a', '1')
    expect(await sentinel.masterPort()).toBe(sentinel.master.port)
    await sentinel.failover()
    expect(await sentinel.masterPort()).toBe(sentinel.replica.port)
    client.disconnect()
  })
})
