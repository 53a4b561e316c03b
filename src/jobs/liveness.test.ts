import { describe, expect, test } from 'vitest'
import { aReport } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import type { ScopeEvent } from './records.ts'

const suite = jobSuite()
const { report, pass } = suite

const heartbeat = (engine: object = {}) => ({ engine: { instance: 'e1:1', engineType: 'spark', incarnation: 'a', ...engine } })
const stateOf = async () => (await suite.engine())?.state
const statusOf = async (execId?: string) => (await suite.task('j1', execId)).status
const toldKinds = () => suite.store.told.flatMap(({ events }) => events.map(({ kind }: ScopeEvent) => kind))

describe('an engine that falls silent', () => {
  test('is suspect after 15 s and lost after 60 s, its open tasks with it', async () => {
    await report(aReport())
    await pass(14_500)
    expect(await stateOf()).toBe('live')
    await pass(1_000)
    expect(await stateOf()).toBe('suspect')
    expect(await suite.totals()).toMatchObject({ 'engines,spark,suspect': 1 })
    await pass(44_000)
    expect([await stateOf(), await statusOf()]).toEqual(['suspect', 'running'])
    await pass(1_000)
    expect([await stateOf(), await statusOf()]).toEqual(['lost', 'lost'])
    expect(await suite.task()).toMatchObject({ statusBeforeLost: 'running', error: { code: 'ENGINE_LOST' } })
    expect((await suite.job())?.status).toBe('lost')
    const totals = await suite.totals()
    expect(totals).toMatchObject({ 'engines,spark,lost': 1, 'lost,default,sql,spark': 1 })
    expect(Object.keys(totals).filter((field) => /^(tasks|openJobs)/.test(field))).toEqual([])
  })

  test('has its tasks counted as lost once, swept by several replicas at once', async () => {
    for (let i = 0; i < 40; i++) await report(aReport({ jobId: `j${i}` }))
    const replicas = [suite.store, suite.replica(), suite.replica()]
    suite.store.time.aheadMs = 61_000
    await Promise.all(replicas.map((replica) => replica.sweepAll()))
    expect(await suite.totals()).toMatchObject({ 'lost,default,sql,spark': 40 })
    expect((await suite.outbox()).filter((entry) => entry.isOwn)).toHaveLength(40)
  })

  test('keeps tasks that have ended, and a real error', async () => {
    await report(aReport({ execId: 'a', status: 'succeeded' }))
    await report(aReport({ execId: 'b', status: 'failed', error: { code: 'real' } }))
    await report(aReport({ execId: 'c', error: { code: 'warned' } }))
    await pass(61_000)
    expect([await statusOf('a'), await statusOf('b'), await statusOf('c')]).toEqual(['succeeded', 'failed', 'lost'])
    expect((await suite.task('j1', 'c')).error).toEqual({ code: 'warned' })
  })

  test('vanishes from the totals after its linger, and from the store after retention', async () => {
    await report(heartbeat())
    await pass(3_601_000)
    expect(await suite.totals()).toEqual({})
    expect((await suite.engine())?.isGone).toBe(true)
    expect(toldKinds().at(-1)).toBe('engine-gone')
    await pass(7 * 86_400_000)
    expect(await suite.engine()).toBeUndefined()
    expect(await suite.timers()).toEqual({})
  })
})

describe('an engine that speaks again', () => {
  test('is live by a heartbeat alone, and its tasks go on where they were', async () => {
    await report(aReport({ status: 'suspended', progress: 0.4 }))
    await pass(61_000)
    expect(await statusOf()).toBe('lost')
    await report(heartbeat())
    expect(await stateOf()).toBe('live')
    await pass(0)
    expect(await suite.task()).toMatchObject({ status: 'suspended', progress: 0.4 })
    expect((await suite.task()).error).toBeUndefined()
    expect(await suite.job()).toMatchObject({ status: 'suspended' })
    expect((await suite.job())?.error).toBeUndefined()
    expect(await suite.totals()).toMatchObject({
      'tasks,default,sql,spark,suspended': 1,
      'openJobs,default': 1,
      'engines,spark,live': 1,
    })
  })

  test.each(['late', 'duplicate', 'stale'])('is live also by a %s report', async (outcome) => {
    await report(aReport({ attempt: 2, seq: 3 }))
    await pass(61_000)
    const item = { late: { attempt: 2, seq: 1 }, duplicate: { attempt: 2, seq: 3 }, stale: { attempt: 1, seq: 1 } }[outcome]
    expect((await report(aReport(item))).outcome).toBe(outcome)
    expect(await stateOf()).toBe('live')
    await pass(0)
    expect(await statusOf()).toBe('running')
  })

  test('with a real end replaces lost, and the end is told', async () => {
    await report(aReport({ seq: 1 }))
    await pass(61_000)
    await report(aReport({ seq: 2, status: 'succeeded' }))
    expect(await suite.task()).toMatchObject({ status: 'succeeded', progress: 1 })
    expect((await suite.task()).error).toBeUndefined()
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,succeeded': 1, 'lost,default,sql,spark': 1 })
    const ends = (await suite.outbox()).filter((entry) => entry.isOwn).map((entry) => entry.lines[0]?.[3]?.['status'])
    expect(ends).toEqual(['lost', 'succeeded'])
    expect(await suite.engineTasks()).toEqual([])
  })

  test('falls silent once more: the same task is lost once more', async () => {
    await report(aReport())
    await pass(61_000)
    await report(aReport())
    await pass(61_000)
    expect(await statusOf()).toBe('lost')
    expect(await suite.totals()).toMatchObject({ 'lost,default,sql,spark': 2 })
  })

  test('while its tasks are given up keeps them', async () => {
    await report(aReport())
    await pass(30_000)
    suite.store.time.aheadMs += 31_000
    const other = suite.replica()
    await Promise.all([suite.store.sweepAll(), other.send(heartbeat())])
    await pass(0)
    expect([await stateOf(), await statusOf()]).toEqual(['live', 'running'])
  })
})

describe('an engine that begins anew', () => {
  test('loses the tasks that it does not take up in time', async () => {
    await report(aReport({ execId: 'kept', seq: 1, engine: { incarnation: '1000' } }))
    await report(aReport({ execId: 'left', seq: 1, engine: { incarnation: '1000' } }))
    await pass(5_000)
    await report(aReport({ execId: 'kept', seq: 1, engine: { incarnation: '2000' } }))
    const beats = async (seconds: number) => {
      for (let i = 0; i < seconds; i += 10) {
        await pass(10_000)
        await report(heartbeat({ incarnation: '2000' }))
      }
    }
    await beats(50)
    expect(await statusOf('left')).toBe('running')
    await beats(20)
    expect([await statusOf('kept'), await statusOf('left')]).toEqual(['running', 'lost'])
    expect((await suite.task('j1', 'left')).error).toMatchObject({ code: 'ENGINE_RESTARTED' })
    await report(aReport({ execId: 'left', seq: 1, engine: { incarnation: '2000' } }))
    expect(await suite.task('j1', 'left')).toMatchObject({ status: 'running' })
    expect((await suite.task('j1', 'left')).error).toBeUndefined()
  })
})

describe('where only half of a report was written', () => {
  const forgetEngine = async () => {
    const shard = suite.keys.shardOfEngine('e1:1')
    await suite.redis.del(suite.keys.engine(shard, 'e1:1'), suite.keys.engineTasks(shard, 'e1:1'))
    await suite.redis.zrem(suite.keys.engines(shard), 'e1:1')
    await suite.redis.zrem(suite.keys.due(shard), '["engine","e1:1"]')
    suite.reopen()
  }

  test('a task whose engine was never heard of is lost in the end', async () => {
    await report(aReport())
    await forgetEngine()
    await pass(121_000)
    await pass(61_000)
    expect([await stateOf(), await statusOf()]).toEqual(['lost', 'lost'])
  })

  test('a task that a lost engine does not know of is lost in the end', async () => {
    await report(aReport({ execId: 'known' }))
    await pass(61_000)
    const member = '["default","j1","new"]'
    await report(aReport({ execId: 'new' }))
    const shard = suite.keys.shardOfEngine('e1:1')
    const lost = { ...(await suite.engine()), state: 'lost', lastReportAtMs: Date.now() }
    await suite.redis.hset(suite.keys.engine(shard, 'e1:1'), 'engine', JSON.stringify(lost), 'v', 'as of before')
    await suite.redis.srem(suite.keys.engineTasks(shard, 'e1:1'), member)
    await suite.redis.zrem(suite.keys.due(shard), '["engine-tasks","e1:1"]')
    suite.reopen()
    await pass(121_000)
    expect(await statusOf('new')).toBe('lost')
    expect(Object.keys(await suite.timers()).some((timer) => timer.startsWith('engine-tasks'))).toBe(false)
  })

  test('a task that its lost engine reported last is given up by its own last report', async () => {
    await report(aReport())
    const before = await suite.engine()
    suite.store.time.aheadMs = 20_000
    await report(aReport())
    const shard = suite.keys.shardOfEngine('e1:1')
    await suite.redis.hset(suite.keys.engine(shard, 'e1:1'), 'engine', JSON.stringify(before), 'v', 'as of before')
    await suite.redis.zadd(suite.keys.due(shard), (before?.lastReportAtMs ?? 0) + 15_000, '["engine","e1:1"]')
    suite.reopen()
    await pass(41_000)
    expect([await stateOf(), await statusOf()]).toEqual(['lost', 'running'])
    await pass(20_000)
    expect(await statusOf()).toBe('lost')
    expect(Object.keys(await suite.timers()).some((timer) => timer.startsWith('engine-tasks'))).toBe(false)
  })
})

test('an engine of very many tasks loses all of them, and takes all of them up', async () => {
  const items = Array.from({ length: 8_500 }, (_, i) => aReport({ jobId: `j${i % 100}`, execId: `t${i}` }))
  for (let at = 0; at < items.length; at += 1_000) await suite.store.send(...items.slice(at, at + 1_000))
  expect(await suite.engineTasks()).toHaveLength(8_500)
  await pass(61_000)
  expect(await suite.totals()).toMatchObject({ 'lost,default,sql,spark': 8_500 })
  await report(heartbeat())
  await pass(0)
  expect(await suite.totals()).toMatchObject({ 'tasks,default,sql,spark,running': 8_500 })
}, 120_000)

test('a task that the old start of a lost engine speaks of again is lost again when that falls silent, too', async () => {
  await report(aReport({ seq: 1, engine: { incarnation: '1000' } }))
  await pass(61_000)
  await report(heartbeat({ incarnation: '3000' }))
  await pass(61_000)
  expect([await stateOf(), await statusOf()]).toEqual(['lost', 'lost'])
  await report(aReport({ seq: 2, engine: { incarnation: '1000' } }))
  await pass(0)
  expect([await stateOf(), await statusOf()]).toEqual(['lost', 'running'])
  await pass(61_000)
  expect(await statusOf()).toBe('lost')
})
