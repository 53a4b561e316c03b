import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import { Lease } from '../bus/lease.ts'
import { keysFor } from '../jobs/keys.ts'
import type { Batch } from './batch.ts'
import { messageIdText } from './message-id.ts'
import { readRegistration } from './registration.ts'
import { RuntimeStore } from './runtime-store.ts'

const keys = keysFor(4)
const name = { namespace: 'default', id: 'run' }
const spec = readRegistration({ runtimeId: 'run', url: 'http://127.0.0.1:1' }, [])
let server: RedisServer
let redis: Redis
let store: RuntimeStore
beforeAll(async () => {
  server = await startRedis()
  redis = server.client()
  store = new RuntimeStore(redis, keys)
})
afterAll(() => server.stop())
beforeEach(() => redis.flushall())

const register = () => store.register(spec, Date.now(), 100)
const bornOf = async () => (await store.load(name))?.born ?? ''
const totalsOf = () => redis.hgetall(keys.counters(store.shardOf(name)))

async function aLease(holder: string): Promise<Lease> {
  const lease = new Lease(redis, ...store.leaseKeys(name), { name: holder, start: `${holder}-1` }, 60_000)
  expect(await lease.take()).toBe(true)
  return lease
}

function aBatch(token: string, from: number, to: number): Batch {
  const idOf = (number: number) => (number === 0 ? null : messageIdText({ epoch: '1764300000000', number }))
  return {
    ...{ token, epoch: '1764300000000', steps: [], counts: new Map(), resets: new Map(), refused: [], opaque: [], results: [] },
    ...{ statuses: new Map(), program: undefined },
    moves: [{ topic: 'logs', from: idOf(from), to: idOf(to), latest: idOf(to), generation: 0 }],
  }
}
const one = (field: string) => new Map([[field, 1]])

describe('a commit', () => {
  test('that comes again after a lost answer counts neither the batch nor the polls twice', async () => {
    await register()
    const title = { fence: (await aLease('a')).fence, born: await bornOf() }
    const polls = { token: 'p1', totals: one('polls') }
    for (let i = 0; i < 2; i++) expect(await store.commit(name, title, aBatch('b1', 0, 5), {}, one('messages'), polls)).toBe('ok')
    for (let i = 0; i < 2; i++) expect(await store.commit(name, title, undefined, {}, new Map(), polls)).toBe('ok')
    expect(await totalsOf()).toMatchObject({ messages: '1', polls: '1' })
    const more = { token: 'p2', totals: one('polls') }
    for (let i = 0; i < 2; i++) expect(await store.commit(name, title, undefined, {}, new Map(), more)).toBe('ok')
    expect(await store.commit(name, title, aBatch('b2', 5, 6), {}, one('messages'), more)).toBe('ok')
    expect(await totalsOf()).toMatchObject({ messages: '2', polls: '2' })
  })

  test('does not move an offset that somebody else has moved', async () => {
    await register()
    const title = { fence: (await aLease('a')).fence, born: await bornOf() }
    await store.commit(name, title, aBatch('b1', 0, 5), {}, new Map())
    expect(await store.commit(name, title, aBatch('b2', 0, 3), {}, one('messages'))).toBe('conflict')
    expect((await totalsOf())['messages']).toBeUndefined()
  })
})

test('of each topic that means nothing to us the newest are kept, however loud another is', async () => {
  await register()
  const title = { fence: (await aLease('a')).fence, born: await bornOf() }
  const message = (topic: string, number: number) => ({ topic, messageId: `${number}`, text: `${topic} ${number}` })
  for (let commit = 0; commit < 3; commit++) {
    const loud = Array.from({ length: 90 }, (_, i) => message(`loud:${i % 2}`, commit * 90 + i))
    const opaque = [...loud, ...(commit === 0 ? [message('quiet', 1), message('quiet', 2)] : [])]
    await store.commit(name, title, { ...aBatch(`b${commit}`, commit, commit + 1), opaque }, {}, new Map())
  }
  const shown = await store.opaqueMessages(name)
  const numbersOf = (kind: string) =>
    shown.filter(({ topic }) => topic.startsWith(kind)).map(({ messageId }) => Number(messageId))
  expect(numbersOf('loud')).toEqual(Array.from({ length: 100 }, (_, i) => 269 - i))
  expect(numbersOf('quiet')).toEqual([2, 1])
  const tooMany = Array.from({ length: 250 }, (_, i) => message('loud', 1_000 + i))
  await store.commit(name, title, { ...aBatch('much', 3, 4), opaque: tooMany }, {}, new Map())
  expect((await store.opaqueMessages(name)).slice(0, 100).map(({ messageId }) => Number(messageId))).toEqual(
    Array.from({ length: 100 }, (_, i) => 1_249 - i),
  )
})

describe('a runtime that is deleted and entered again', () => {
  test('never looks as it did before', async () => {
    await register()
    const before = [await store.revisionOf(name), await bornOf()]
    await store.remove(name)
    await register()
    const after = [await store.revisionOf(name), await bornOf()]
    expect(after[0]).not.toBe(before[0])
    expect(after[1]).not.toBe(before[1])
    await register()
    expect(await store.revisionOf(name)).not.toBe(after[0])
    expect(await bornOf()).toBe(after[1])
  })

  test('leaves no lease and no fencing number behind', async () => {
    await register()
    await aLease('a')
    await store.commit(name, { fence: 1, born: await bornOf() }, aBatch('b', 0, 1), {}, new Map())
    await store.remove(name)
    expect((await redis.keys('*')).filter((key) => key.includes('default/run'))).toEqual([])
  })

  test('takes nothing from an owner that stood still meanwhile, whatever fencing number it comes with', async () => {
    await register()
    const old = await aLease('paused')
    const born = await bornOf()
    await store.remove(name)
    await register()
    const present = await aLease('present')
    expect(present.fence).toBe(old.fence)
    expect(await store.commit(name, { fence: old.fence, born }, aBatch('b', 0, 9), {}, one('messages'))).toBe('gone')
    expect(await store.finish(name, { fence: old.fence, born }, 1, 1, 'over')).toBe(false)
    expect(await old.take()).toBe(false)
    expect(await store.commit(name, { fence: present.fence, born: await bornOf() }, aBatch('c', 0, 1), {}, new Map())).toBe('ok')
    expect((await store.load(name))?.topics.get('logs')?.committed).toBe('1764300000000-0000000001')
  })
})
