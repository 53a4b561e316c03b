import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../../../test/support/eventually.ts'
import { anAgent, registrySuite, shortLeases } from '../../../../test/support/hub/registry-suite.ts'
import { type RedisServer, startRedis } from '../../../../test/support/redis.ts'
import { openBell } from '../../bell.ts'
import { keepRegistered } from '../membership.ts'
import { openRedisRegistry } from './redis-registry.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

async function open() {
  const redis = server.client()
  await redis.flushall()
  return openRedisRegistry(redis, openBell(server.client()), shortLeases)
}

describe('the registry in Redis', () => {
  registrySuite(open)

  test('each change of state is told to one of those that look, once', async () => {
    const [one, other] = [await open(), await open()]
    await one.register(anAgent())
    const told: string[] = []
    await eventually(async () => {
      for (const registry of [one, other]) for (const { state } of await registry.sweep()) told.push(state)
      return told.includes('lost')
    })
    expect(told).toEqual(['suspect', 'lost'])
    expect(await other.sweep()).toEqual([])
  })

  test('a member that was taken out by an emptied store enters itself again', async () => {
    const registry = await open()
    const member = anAgent()
    const membership = keepRegistered({
      registry,
      member,
      load: () => ({ running: 1 }),
      renewEveryMs: 50,
      onTrouble: () => undefined,
    })
    await eventually(async () => (await registry.list()).length === 1)
    await server.client().flushall()
    await eventually(async () => (await registry.list())[0]?.running === 1)
    await membership.leave()
    expect(await registry.list()).toEqual([])
  })

  test('a member whose place a later start has taken leaves it alone', async () => {
    const registry = await open()
    let isReplaced = false
    const membership = keepRegistered({
      registry,
      member: anAgent(),
      load: () => ({ running: 0 }),
      renewEveryMs: 50,
      onTrouble: () => undefined,
      onReplaced: () => {
        isReplaced = true
      },
    })
    await eventually(async () => (await registry.list()).length === 1)
    const later = anAgent({ incarnation: '2027-01-01T00:00:00.000Z' })
    await registry.register(later)
    await eventually(() => isReplaced)
    await membership.leave()
    expect(await registry.list()).toMatchObject([{ incarnation: later.incarnation }])
  })
})
