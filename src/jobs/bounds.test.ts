import { describe, expect, test } from 'vitest'
import { aReport } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'

const suite = jobSuite()
const { report, pass } = suite

/** What Redis holds beside the streams of events, which are trimmed by length. */
const memoryBytes = async () => {
  const shards = Array.from({ length: suite.keys.shardCount }, (_, shard) => suite.keys.events(shard))
  const streams = await Promise.all(shards.map((key) => suite.redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0')))
  const used = Number(/used_memory:(\d+)/.exec(await suite.redis.info('memory'))?.[1])
  return used - streams.reduce((sum: number, bytes) => sum + Number(bytes ?? 0), 0)
}

describe('retention', () => {
  test('takes a job away with all that belongs to it, and says so', async () => {
    suite.reopen({ settings: { retentionMs: 600_000 } })
    await report(aReport({ seq: 3, status: 'succeeded', logs: [{ line: 'x' }] }))
    await report(aReport({ execId: 't2', status: 'failed' }))
    await pass(599_000)
    expect(await suite.job()).toBeDefined()
    await pass(2_000)
    expect(await suite.job()).toBeUndefined()
    const kinds = suite.store.told.flatMap(({ events }) => events.map((event) => event.kind))
    expect(kinds.filter((kind) => kind.endsWith('gone')).sort()).toEqual(['job-gone', 'task-gone', 'task-gone'])
    expect((await suite.redis.keys('*')).filter((key) => /:(job|tail|history|jobs|open|shown)/.test(key))).toEqual([])
  })

  test('takes a job with very many tasks away whole', async () => {
    suite.reopen({ settings: { retentionMs: 600_000 } })
    for (let at = 0; at < 9_000; at += 1_000) {
      await suite.store.send(...Array.from({ length: 1_000 }, (_, i) => aReport({ execId: `t${at + i}`, status: 'succeeded' })))
    }
    await pass(601_000)
    expect(await suite.job()).toBeUndefined()
    expect((await suite.redis.keys('*')).filter((key) => /:(job|jobs|open|shown)/.test(key))).toEqual([])
    expect(suite.store.told.flatMap(({ events }) => events).filter((event) => event.kind === 'task-gone')).toHaveLength(9_000)
  }, 60_000)

  test('waits for tasks that go on in a job that has ended, then takes them out of the totals', async () => {
    suite.reopen({ settings: { retentionMs: 600_000, lostAfterMs: 10_000_000 } })
    await report(aReport({ execId: 'a' }))
    await report(aReport({ execId: 'j1', scope: 'job', status: 'succeeded' }))
    await pass(500_000)
    await report(aReport({ execId: 'a' }))
    await pass(300_000)
    expect(await suite.job()).toBeDefined()
    await pass(301_000)
    expect(await suite.job()).toBeUndefined()
    expect(Object.keys(await suite.totals()).filter((field) => field.startsWith('tasks'))).toEqual([])
  })

  test('spares a job that was opened again', async () => {
    suite.reopen({ settings: { retentionMs: 600_000 } })
    await report(aReport({ status: 'succeeded' }))
    await pass(500_000)
    await report(aReport({ attempt: 2 }))
    for (let i = 0; i < 10; i++) {
      await pass(50_000)
      await report(aReport({ attempt: 2 }))
    }
    expect((await suite.job())?.status).toBe('running')
  })

  test('does not swallow a report that meets it', async () => {
    suite.reopen({ settings: { retentionMs: 600_000 } })
    for (let round = 0; round < 20; round++) {
      await report(aReport({ seq: 1, status: 'succeeded' }))
      suite.store.time.aheadMs += 601_000
      const [, result] = await Promise.all([
        suite.store.sweepAll(),
        report(aReport({ attempt: 2, seq: 1, logs: [{ line: `round ${round}` }] })),
      ])
      expect(['applied', 'stale']).toContain(result.outcome)
      expect((await suite.job())?.status).toBe('running')
      expect(await suite.lines()).toContain(`j1|t1|INFO|round ${round}`)
      await suite.redis.flushall()
      suite.reopen({ settings: { retentionMs: 600_000 } })
    }
  })

  test('brings keys and memory back after 10,000 jobs', async () => {
    const settings = { retentionMs: 60_000, engineLingerMs: 60_000, lostAfterMs: 30_000, suspectAfterMs: 10_000 }
    suite.reopen({ settings, gate: { isShipping: false, hasRoom: () => true } })
    const round = async (from: number, to: number) => {
      for (let at = from; at < to; at += 500) {
        const ids = Array.from({ length: 500 }, (_, i) => at + i)
        const engine = (id: number) => ({ instance: `e${id % 50}:1` })
        const end = { seq: 2, status: 'succeeded', logs: [{ line: 'x' }] }
        await suite.store.send(...ids.map((id) => aReport({ ...end, jobId: `j${id}`, engine: engine(id) })))
      }
      suite.store.told.length = 0
      for (let i = 0; i < 4; i++) await pass(601_000)
    }
    await round(0, 1_000)
    const [keysBefore, bytesBefore] = [await suite.redis.dbsize(), await memoryBytes()]
    await round(1_000, 11_000)
    expect(await suite.redis.dbsize()).toBe(keysBefore)
    expect((await memoryBytes()) - bytesBefore).toBeLessThan(1_000_000)
    expect(await suite.timers()).toEqual({})
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,succeeded': 11_000, reportsLost: 11_000 })
  }, 120_000)
})

describe('the limit of open jobs', () => {
  test('refuses new jobs of that namespace alone, and takes them when there is room', async () => {
    suite.reopen({ settings: { openJobsMax: 16 } })
    const results = await suite.store.send(...Array.from({ length: 200 }, (_, i) => aReport({ jobId: `j${i}` })))
    const applied = results.filter(({ outcome }) => outcome === 'applied').length
    expect(applied).toBeLessThan(200)
    for (let i = 200; i < 300; i++) await report(aReport({ jobId: `j${i}` }))
    const open = (await suite.totals())['openJobs,default'] ?? 0
    expect(await report(aReport({ jobId: 'one-more-of-16-shards' }))).toMatchObject({
      outcome: 'rejected',
      code: 'OPEN_JOBS_LIMIT',
    })
    expect((await report(aReport({ jobId: 'j0', namespace: 'other' }))).outcome).toBe('applied')
    const known = results.findIndex(({ outcome }) => outcome === 'applied')
    expect((await report(aReport({ jobId: `j${known}`, progress: 0.5 }))).outcome).toBe('applied')
    expect(open).toBeGreaterThanOrEqual(16)
    await pass(61_000)
    expect((await report(aReport({ jobId: 'one-more-of-16-shards' }))).outcome).toBe('applied')
  })
})

describe('values of labels', () => {
  test('beyond their number are counted as other, the same on two replicas', async () => {
    const settings = { labelValuesMax: { namespace: 3, task_type: 2, engine_type: 2 } }
    suite.reopen({ settings })
    const replicas = [suite.store, suite.replica({ settings })]
    const types = ['a', 'b', 'c', 'd']
    await Promise.all(
      types.flatMap((taskType) => replicas.map((replica, i) => replica.send(aReport({ jobId: `${taskType}${i}`, taskType })))),
    )
    for (const replica of replicas) for (const taskType of types) await replica.send(aReport({ jobId: `${taskType}x`, taskType }))
    const kept = await suite.redis.smembers(suite.keys.labelValues('task_type'))
    expect(kept).toHaveLength(2)
    for (const taskType of types) {
      for (const suffix of ['0', '1', 'x']) {
        const { labels } = await suite.task(`${taskType}${suffix}`)
        expect(labels.taskType).toBe(kept.includes(taskType) ? taskType : 'other')
      }
      expect((await suite.job(`${taskType}x`))?.taskType).toBe(taskType)
    }
  })
})

test('a job takes no more tasks than its limit, and goes on with those it has', async () => {
  suite.reopen({ settings: { tasksMax: 3 } })
  const results = await suite.store.send(...Array.from({ length: 5 }, (_, i) => aReport({ execId: `t${i}`, seq: 1 })))
  expect(results.map(({ outcome, code }) => code ?? outcome)).toEqual([
    'applied',
    'applied',
    'applied',
    'JOB_TASKS_LIMIT',
    'JOB_TASKS_LIMIT',
  ])
  expect((await report(aReport({ execId: 't1', seq: 2, status: 'succeeded' }))).outcome).toBe('applied')
  expect((await report(aReport({ execId: 't1', attempt: 2, seq: 1 }))).outcome).toBe('applied')
  expect((await suite.job())?.taskCount).toBe(3)
})
