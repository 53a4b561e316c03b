import { rm } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { aReport, openTestStore, totalsOf } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import { startRedis } from '../../test/support/redis.ts'
import { startTcpProxy } from '../../test/support/tcp-proxy.ts'
import { connectRedis } from '../serve/redis-clients.ts'

const suite = jobSuite()
const { report } = suite
const unavailable = { code: 'REDIS_UNAVAILABLE' }

const lines = (...texts: string[]) => texts.map((line) => ({ line }))

/** A connection as the service has it: no queue, no sending again, 1 s for a command. */
const ingestConnection = async (port = suite.server.port) => {
  const client = connectRedis({ kind: 'single', host: '127.0.0.1', port, tls: false, db: 0 }, 'ingest', () => undefined) as Redis
  await eventually(() => client.status === 'ready')
  return client
}

describe('an answer that is lost', () => {
  test('leaves it unknown what became of the report; the repeat finds the truth, on any replica', async () => {
    const proxy = await startTcpProxy(suite.server)
    const client = await ingestConnection(proxy.port)
    const store = openTestStore(client)
    await store.send(aReport({ seq: 1 }))
    proxy.stall('reply')
    const sent = aReport({ seq: 2, progress: 0.4, status: 'succeeded', logs: lines('x') })
    await expect(store.send(sent)).rejects.toMatchObject(unavailable)
    proxy.resume()
    const [again] = await suite.store.send(sent)
    expect(again?.outcome).toBe('duplicate')
    const [once] = await eventually(() => store.send(sent))
    expect(once?.outcome).toBe('duplicate')
    expect(await suite.lines()).toEqual(['j1|t1|INFO|x'])
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,succeeded': 1 })
    client.disconnect()
    await proxy.stop()
  })

  test('with many reports under way in one shard fails them all, and each of them has its effect once', async () => {
    const proxy = await startTcpProxy(suite.server)
    const client = await ingestConnection(proxy.port)
    const store = openTestStore(client)
    const items = Array.from({ length: 300 }, (_, i) =>
      aReport({ jobId: `j${i % 7}`, execId: `t${i}`, seq: 1, logs: lines(`l${i}`) }),
    )
    await store.send(aReport({ jobId: 'warm', seq: 1 }))
    // No answer comes back before the cut, however fast the store is.
    proxy.stall('reply')
    const sending = Promise.allSettled(items.map((item) => store.send(item)))
    const before = proxy.bytes('request')
    await eventually(() => proxy.bytes('request') > before + 5_000)
    proxy.cut()
    proxy.resume()
    const failed = (await sending).filter((each) => each.status === 'rejected')
    expect(failed.length).toBeGreaterThan(0)
    await eventually(() => client.status === 'ready')
    for (const item of items) await store.send(item)
    expect(await suite.lines()).toHaveLength(300)
    expect(await suite.totals()).toMatchObject({ 'tasks,default,sql,spark,running': 301 })
    client.disconnect()
    await proxy.stop()
  })
})

describe('a Redis that takes no writes', () => {
  test('because its memory is full: refused whole before the first write, and taken when there is room', async () => {
    await report(aReport({ seq: 1 }))
    const snapshot = async () =>
      JSON.stringify([await suite.job(), await suite.task(), await suite.totals(), await suite.outbox()])
    const before = await snapshot()
    await suite.redis.config('SET', 'maxmemory', '1mb')
    const next = aReport({ seq: 2, progress: 0.5, status: 'succeeded', logs: lines('x') })
    await expect(report(next)).rejects.toMatchObject(unavailable)
    await expect(report(aReport({ jobId: 'new', seq: 1 }))).rejects.toMatchObject(unavailable)
    expect(await snapshot()).toBe(before)
    await suite.redis.config('SET', 'maxmemory', '0')
    expect((await report(next)).outcome).toBe('applied')
    expect(await suite.lines()).toHaveLength(1)
  })

  test('because it cannot save: refused whole', async () => {
    const server = await startRedis()
    const client = server.client()
    const store = openTestStore(client)
    await store.send(aReport({ seq: 1 }))
    await client.config('SET', 'save', '3600 1')
    await client.config('SET', 'stop-writes-on-bgsave-error', 'yes')
    await rm(server.folder, { recursive: true })
    await client.call('BGSAVE')
    await eventually(async () => (await client.info('persistence')).includes('rdb_last_bgsave_status:err'))
    await expect(store.send(aReport({ seq: 2 }))).rejects.toMatchObject(unavailable)
    await client.config('SET', 'stop-writes-on-bgsave-error', 'no')
    expect((await store.send(aReport({ seq: 2 })))[0]?.outcome).toBe('applied')
    await server.stop()
  })

  test('because it is a replica: refused whole, taken once it is master again', async () => {
    await report(aReport({ seq: 1 }))
    await suite.redis.replicaof('127.0.0.1', '1')
    await expect(report(aReport({ seq: 2 }))).rejects.toMatchObject(unavailable)
    await suite.redis.replicaof('NO', 'ONE')
    expect((await report(aReport({ seq: 2 }))).outcome).toBe('applied')
  })
})

describe('what happens to a Redis in use', () => {
  test('forgetting its scripts goes unnoticed', async () => {
    await report(aReport({ seq: 1 }))
    await suite.redis.script('FLUSH')
    expect((await report(aReport({ seq: 2 }))).outcome).toBe('applied')
  })

  test('an emptied store under a warm cache: reports are applied, and their senders told what is missing', async () => {
    for (let seq = 1; seq <= 5; seq++) await report(aReport({ seq, progress: seq / 10 }))
    await suite.redis.flushall()
    expect(await report(aReport({ seq: 6, progress: 0.6 }))).toEqual({ outcome: 'applied', missing: [[1, 5]] })
    expect(await suite.task()).toMatchObject({ progress: 0.6, status: 'running' })
    expect(await suite.totals()).toEqual({
      'engines,spark,live': 1,
      'openJobs,default': 1,
      'tasks,default,sql,spark,running': 1,
    })
    expect(await suite.engineTasks()).toHaveLength(1)
    for (let seq = 1; seq <= 5; seq++) expect((await report(aReport({ seq }))).outcome).toBe('late')
  })

  test('a store rolled back under a warm cache: what it has forgotten is asked for again', async () => {
    await report(aReport({ seq: 1, progress: 0.1 }))
    const dump: [string, Buffer][] = []
    for (const key of await suite.redis.keys('*')) dump.push([key, (await suite.redis.dumpBuffer(key)) as Buffer])
    for (let seq = 2; seq <= 4; seq++) await report(aReport({ seq, progress: seq / 10, logs: lines(`l${seq}`) }))
    await suite.redis.flushall()
    for (const [key, value] of dump) await suite.redis.restore(key, 0, value)
    expect(await report(aReport({ seq: 5, status: 'succeeded' }))).toEqual({ outcome: 'applied', missing: [[2, 4]] })
    for (let seq = 2; seq <= 4; seq++) await report(aReport({ seq, logs: lines(`l${seq}`) }))
    expect(await suite.lines()).toHaveLength(3)
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,succeeded': 1 })
    expect((await suite.totals())['tasks,default,sql,spark,running']).toBeUndefined()
  })

  test('connections killed again and again: every report has its effect once', async () => {
    const client = await ingestConnection()
    const store = openTestStore(client)
    let isOver = false
    const killing = (async () => {
      while (!isOver) {
        await suite.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await new Promise((resolve) => setTimeout(resolve, 15))
      }
    })()
    const send = async (item: Record<string, unknown>) =>
      eventually(() => store.send(item), undefined, { what: 'the report to be taken', timeoutMs: 20_000, everyMs: 5 })
    for (let i = 1; i <= 60; i++) {
      await send(aReport({ jobId: `j${i % 3}`, seq: Math.ceil(i / 3), progress: i / 100, logs: lines(`l${i}`) }))
    }
    isOver = true
    await killing
    expect(await suite.lines()).toHaveLength(60)
    expect(await suite.totals()).toMatchObject({
      'openJobs,default': 3,
      'tasks,default,sql,spark,running': 3,
      'queueCount,sql,spark': 3,
    })
    expect((await suite.task('j0')).streams[0]).toMatchObject({ newest: 20, missing: [] })
    client.disconnect()
  })

  test('a kill and a restart from its append-only file: what was answered is there', async () => {
    const server = await startRedis({ appendOnly: true })
    const client = await ingestConnection(server.port)
    const store = openTestStore(client)
    for (let seq = 1; seq <= 5; seq++) {
      const item = aReport({ seq, logs: lines(`l${seq}`), ...(seq === 5 ? { status: 'failed' } : {}) })
      await store.send(item)
      await server.restart()
      const [again] = await eventually(() => store.send(item), undefined, { timeoutMs: 20_000 })
      expect(again?.outcome).toBe('duplicate')
    }
    expect(await totalsOf(server.client(), store.keys)).toMatchObject({ 'finished,default,sql,spark,failed': 1 })
    client.disconnect()
    await server.stop()
  })
})
