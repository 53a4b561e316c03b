import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../../../test/support/redis.ts'
import { keysFor } from '../keys.ts'
import { Change } from './change.ts'
import { Committer } from './commit.ts'
import { RedisClock } from './redis-clock.ts'

const keys = keysFor(16)
const silent = { commandSeconds: () => undefined, error: () => undefined }

let server: RedisServer
let redis: Redis
let calls: number
let committer: Committer

type Call = (...args: readonly unknown[]) => Promise<unknown>

/** The client's own command, counted. */
function counted(client: Redis): { scopeCommit: Call } {
  const commands = client as unknown as { scopeCommit: Call }
  const commit = commands.scopeCommit.bind(client)
  commands.scopeCommit = (...args) => {
    calls += 1
    return commit(...args)
  }
  return commands
}

beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(async () => {
  redis = server.client()
  await redis.flushall()
  calls = 0
  committer = new Committer(redis, keys, new RedisClock(), 100, silent)
  counted(redis)
})

function aChange(shard: number, jobId: string, expected = '', token = `${jobId}-1`): Change {
  const change = new Change(keys.job(shard, 'default', jobId), expected, token)
  change.set('job', jobId)
  change.announce(`j["default","${jobId}"]`)
  return change
}
const storedOf = (shard: number, jobId: string) => redis.hget(keys.job(shard, 'default', jobId), 'job')

describe('commits that come together', () => {
  test('share a call, and each is answered for itself', async () => {
    await committer.commit(0, [aChange(0, 'held')])
    calls = 0
    const [first, second] = await Promise.all([
      committer.commit(0, [aChange(0, 'a'), aChange(0, 'held', 'another')]),
      committer.commit(1, [aChange(1, 'b')]),
    ])
    expect(calls).toBe(1)
    expect([first.taken, second.taken]).toEqual([[true, false], [true]])
    expect(await Promise.all([storedOf(0, 'a'), storedOf(1, 'b')])).toEqual(['a', 'b'])
    expect(second.event?.before).toBe('0-0')
    expect(first.event?.before).not.toBe('0-0')
  })

  test('for one shard follow each other on its event stream', async () => {
    const [first, second] = await Promise.all([committer.commit(3, [aChange(3, 'a')]), committer.commit(3, [aChange(3, 'b')])])
    expect(calls).toBe(1)
    expect(second.event?.before).toBe(first.event?.id)
    expect(await redis.hget(keys.counters(3), 'lastEvent')).toBe(second.event?.id)
  })

  test('are spread over calls of bounded size', async () => {
    const many = (shard: number) => Array.from({ length: 20 }, (_, i) => aChange(shard, `j${i}`))
    const committed = await Promise.all([0, 1, 2].map((shard) => committer.commit(shard, many(shard))))
    expect(calls).toBe(3)
    expect(committed.flatMap(({ taken }) => taken)).toEqual(new Array(60).fill(true))
  })

  test('fail together where Redis objects to one of them, and are sent apart from then on', async () => {
    await redis.set(keys.events(1), 'no stream')
    const both = (jobId: string) =>
      Promise.allSettled([committer.commit(0, [aChange(0, 'a')]), committer.commit(1, [aChange(1, jobId)])])
    expect((await both('b')).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(calls).toBe(1)
    // Sent again it finds what was written before the fault.
    const [again, faulty] = await both('c')
    expect(calls).toBe(3)
    expect(again).toMatchObject({ status: 'fulfilled', value: { taken: [false] } })
    expect(faulty).toMatchObject({ status: 'rejected', reason: { code: 'REDIS_UNAVAILABLE' } })
  })

  test('stay apart after the word that their keys are of different slots', async () => {
    const commands = redis as unknown as { scopeCommit: Call }
    const commit = commands.scopeCommit
    commands.scopeCommit = async () => {
      throw Object.assign(new Error('CROSSSLOT Keys in request do not hash to the same slot'), { name: 'ReplyError' })
    }
    const both = () => Promise.all([committer.commit(0, [aChange(0, 'a')]), committer.commit(1, [aChange(1, 'b')])])
    await expect(both()).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' })
    commands.scopeCommit = commit
    await both()
    expect(calls).toBe(2)
  })
})
