import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import { openBell } from './bell.ts'
import { hubKeys } from './keys.ts'

const { members, processes } = hubKeys.bells

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

async function listenersOf(channel: string): Promise<number> {
  const [, count] = (await server.client().pubsub('NUMSUB', channel)) as [string, number]
  return count
}

test('only what somebody listens to is sent, also to whom listens before the store answers', async () => {
  const bells = [openBell(server.client()), openBell(server.client())]
  const heard: string[] = []
  for (const bell of bells) bell.hear('members', (word) => heard.push(`member ${word}`))
  const unhear = bells[0]?.hear('processes', (word) => heard.push(`process ${word}`))
  await eventually(async () => (await listenersOf(members)) === 2 && (await listenersOf(processes)) === 1)
  await server.client().publish(processes, 'queue')
  await server.client().publish(members, 'member')
  await eventually(() => Promise.resolve(heard.length === 3))
  expect(heard.toSorted()).toEqual(['member member', 'member member', 'process queue'])
  unhear?.()
  await server.client().publish(processes, 'queue')
  await server.client().publish(members, 'member')
  await eventually(() => Promise.resolve(heard.length === 5))
  expect(heard.filter((word) => word === 'process queue')).toHaveLength(1)
  for (const bell of bells) bell.close()
})
