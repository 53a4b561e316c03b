import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import {
  engineOf,
  engineTasksOf,
  jobRecordOf,
  linesOf,
  olderOf,
  openTestStore,
  outboxOf,
  type TestStore,
  type TestStoreOptions,
  taskOf,
  tasksOf,
  timersOf,
  totalsOf,
} from './job-stores.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from './redis.ts'

/** One Redis for all tests of a file, emptied before each, and a store on it. */
export function jobSuite(redisOptions: RedisServerOptions = {}) {
  let server: RedisServer
  let redis: Redis
  let store: TestStore
  beforeAll(async () => {
    server = await startRedis(redisOptions)
    redis = server.client()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    await redis.flushall()
    store = openTestStore(redis)
  })
  return {
    get server() {
      return server
    },
    get redis() {
      return redis
    },
    get store() {
      return store
    },
    get keys() {
      return store.keys
    },
    /** Another replica on the same Redis, with nothing in its caches and the same clock. */
    replica: (options: TestStoreOptions = {}) => openTestStore(redis, { time: store.time, ...options }),
    /** From now on `store` is one with these options. */
    reopen: (options: TestStoreOptions = {}) => {
      store = openTestStore(redis, { time: store.time, ...options })
      return store
    },
    /** Sends one report. */
    report: async (item: Record<string, unknown>) => {
      const [result] = await store.send(item)
      if (result === undefined) throw new Error('no result')
      return result
    },
    /** Lets time pass, a millisecond at least, and does what has come due meanwhile. */
    pass: async (ms: number) => {
      store.time.aheadMs += Math.max(ms, 1)
      await store.sweepAll()
    },
    task: (jobId?: string, execId?: string) => taskOf(redis, store.keys, jobId, execId),
    tasks: (jobId = 'j1', execId = 't1') => tasksOf(redis, store.keys, jobId, execId),
    older: (jobId?: string, execId?: string) => olderOf(redis, store.keys, jobId, execId),
    job: (jobId = 'j1', namespace?: string) => jobRecordOf(redis, store.keys, jobId, namespace),
    engine: (instance?: string) => engineOf(redis, store.keys, instance),
    engineTasks: (instance?: string) => engineTasksOf(redis, store.keys, instance),
    totals: () => totalsOf(redis, store.keys),
    lines: () => linesOf(redis, store.keys),
    outbox: () => outboxOf(redis, store.keys),
    timers: () => timersOf(redis, store.keys),
  }
}
