import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { submitted, type TestHub, testHub } from '../../../test/support/hub/hub-stores.ts'
import { type RedisServer, startRedis } from '../../../test/support/redis.ts'
import { hubKeys } from '../keys.ts'

let server: RedisServer
let hub: TestHub
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.client().flushall()
  hub = testHub(server.client())
})

type Damage = (redis: ReturnType<RedisServer['client']>, key: string) => Promise<unknown>

const field =
  (name: string, value: string): Damage =>
  (redis, key) =>
    redis.hset(hubKeys.process(key), name, value)

async function replaced(redis: ReturnType<RedisServer['client']>, name: string): Promise<void> {
  await redis.del(name)
  await redis.set(name, 'x')
}

const damages: Readonly<Record<string, Damage>> = {
  'is gone': (redis, key) => redis.del(hubKeys.process(key)),
  'is no hash': (redis, key) => replaced(redis, hubKeys.process(key)),
  'has nodes that are no hash': (redis, key) => replaced(redis, hubKeys.nodes(key)),
  'has outputs that are no hash': (redis, key) => replaced(redis, hubKeys.outputs(key)),
  'has a check log that is no list': (redis, key) => replaced(redis, hubKeys.checks(key)),
  'has no algorithms': (redis, key) => redis.hdel(hubKeys.process(key), 'algorithms'),
  'has algorithms cut short': field('algorithms', '["io.'),
  'has an algorithm that is no name': field('algorithms', '[{"a":1}]'),
  'has no attempt': (redis, key) => redis.hdel(hubKeys.process(key), 'attempt'),
  'has an attempt that is no number': field('attempt', 'many'),
  'has no time': (redis, key) => redis.hdel(hubKeys.process(key), 'createdAt'),
  'has a flow cut short': field('flow', '{"nodes":['),
  'has a flow without nodes': field('flow', '{}'),
  'has a flow with a node that is none': field('flow', '{"nodes":[5]}'),
  'has no data that can be read': field('data', '{'),
  'has a node cut short': (redis, key) => redis.hset(hubKeys.nodes(key), '1', '{"sta'),
  'has a node that is no object': (redis, key) => redis.hset(hubKeys.nodes(key), '1', '5'),
}

describe.each(Object.entries(damages))('a process whose record %s', (_name, damage) => {
  test('waits in nobody’s way, and ends with what is wrong', async () => {
    const broken = await submitted(hub)
    const whole = await submitted(hub)
    await damage(server.client(), broken)
    expect((await hub.queries.queue(10)).entries.map(({ key }) => key)).toEqual([broken, whole])
    expect((await hub.store.claim('d-1', ['io.csv'], ''))?.key).toBe(whole)
    expect(await hub.store.claim('d-1', ['io.csv'], '')).toBeUndefined()
    await expectSetAside(broken)
  })

  test('is taken over by nobody once its lease is out, and ends with what is wrong', async () => {
    const past = testHub(server.client(), { leaseMs: -1 })
    const broken = await submitted(hub)
    expect((await past.store.claim('d-1', ['io.csv'], ''))?.key).toBe(broken)
    const whole = await submitted(hub)
    await damage(server.client(), broken)
    expect((await hub.store.claim('d-2', ['io.csv'], ''))?.key).toBe(whole)
    expect(await hub.store.claim('d-2', ['io.csv'], '')).toBeUndefined()
    await expectSetAside(broken)
  })

  test('is swept as others are, once nobody takes it over and once its retention is over', async () => {
    const past = testHub(server.client(), { retentionMs: -1 })
    const keys = [await submitted(hub), await submitted(hub)]
    for (const _ of keys) await hub.store.claim('d-1', ['io.csv'], '')
    for (const key of keys) await server.client().zadd(hubKeys.leases, 0, key)
    await damage(server.client(), keys[0] ?? '')
    expect((await hub.store.sweep(10)).lost).toBe(2)
    expect((await hub.queries.takeEnds(10)).map(({ view }) => view.key).sort()).toEqual(keys.sort())
    await damage(server.client(), keys[0] ?? '')
    expect((await past.store.sweep(10)).removed).toBe(2)
    expect(await server.client().keys(`${hubKeys.process('')}*`)).toEqual([])
  })
})

test('one that nobody can serve and whose denies cannot be kept is ended too', async () => {
  const broken = await submitted(hub, 'nobody.has')
  const whole = await submitted(hub)
  await replaced(server.client(), hubKeys.checks(broken))
  expect((await hub.store.claim('d-1', ['io.csv'], ''))?.key).toBe(whole)
  await expectSetAside(broken)
})

async function expectSetAside(key: string): Promise<void> {
  const { entries } = await hub.queries.queue(10)
  expect(entries).toEqual([])
  expect(await hub.queries.process(key)).toMatchObject({ status: 'FINISHED', outcome: 'FAILED' })
  const [end] = await hub.queries.takeEnds(10)
  expect(end?.view.key).toBe(key)
  expect(end?.errors[0]?.code).toBe('RECORD_UNREADABLE')
  expect((await hub.queries.result(key))?.errors).toEqual(end?.errors)
  expect((await hub.queries.counters()).get('finished:failed')).toBe(1)
}
