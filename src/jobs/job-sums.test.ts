import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { aReport } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'

const suite = jobSuite()
const { report } = suite

describe('a job of several tasks', () => {
  const statusOf = async (...statuses: string[]) => {
    for (const [i, status] of statuses.entries()) await report(aReport({ execId: `t${i}`, status, progress: 0.5 }))
    return (await suite.job())?.status
  }

  test.each([
    [['succeeded', 'running', 'failed'], 'running'],
    [['suspended', 'scheduled', 'inited'], 'suspended'],
    [['waiting_for_retry', 'scheduled'], 'waiting_for_retry'],
    [['scheduled', 'inited', 'failed'], 'scheduled'],
    [['succeeded', 'failed', 'timed_out', 'cancelled'], 'failed'],
    [['succeeded', 'timed_out', 'cancelled'], 'timed_out'],
    [['succeeded', 'cancelled'], 'cancelled'],
    [['succeeded', 'succeeded'], 'succeeded'],
  ])('of %j is %s', async (statuses, expected) => {
    expect(await statusOf(...statuses)).toBe(expected)
  })

  test('has the mean of their progress, from the first report on, and 1 when it succeeded', async () => {
    await report(aReport({ execId: 'a', progress: 0.3 }))
    expect((await suite.job())?.progress).toBe(0.3)
    await report(aReport({ execId: 'b', progress: 0.6 }))
    expect((await suite.job())?.progress).toBe(0.45)
    await report(aReport({ execId: 'b', progress: 'NaN' }))
    expect((await suite.job())?.progress).toBe(0.45)
    await report(aReport({ execId: 'a', status: 'succeeded' }))
    await report(aReport({ execId: 'b', status: 'succeeded' }))
    expect((await suite.job())?.progress).toBe(1)
  })

  test('sums of very many updates leave no rest', async () => {
    const items = Array.from({ length: 300 }, (_, i) => aReport({ execId: `t${i % 30}`, progress: ((i * 7919) % 97) / 100 }))
    await suite.store.send(...items)
    for (let i = 0; i < 30; i++) await report(aReport({ execId: `t${i}`, attempt: 2, progress: 0.1 }))
    expect(await suite.job()).toMatchObject({ taskCount: 30, progressSumE9: 3_000_000_000, progress: 0.1 })
  })

  test('is opened again by a new task, and ends once more', async () => {
    await report(aReport({ execId: 'a', status: 'succeeded' }))
    const ended = await suite.job()
    expect(ended?.endedArrivalAtMs).toBeDefined()
    await report(aReport({ execId: 'b', status: 'running' }))
    expect((await suite.job())?.endedArrivalAtMs).toBeUndefined()
    expect(Object.keys(await suite.timers()).some((timer) => timer.startsWith('expire'))).toBe(false)
    await report(aReport({ execId: 'b', status: 'failed' }))
    expect((await suite.job())?.status).toBe('failed')
    const own = (await suite.outbox()).filter((entry) => entry.isOwn)
    expect(own.map((entry) => entry.lines[0]?.[3]?.['status'])).toEqual(['succeeded', 'failed'])
    expect(await suite.totals()).not.toHaveProperty('openJobs,default')
  })

  test('of federated learning fails with its first task, for good', async () => {
    const worker = (execId: string, status: string, more: object = {}) =>
      report(aReport({ execId, status, taskType: 'federated_learning', ...more }))
    await worker('w1', 'running')
    await worker('w2', 'failed', { error: { code: 'OOM' } })
    expect(await suite.job()).toMatchObject({ status: 'failed', error: { code: 'OOM' } })
    await worker('w1', 'running', { progress: 0.5 })
    await worker('w2', 'running', { attempt: 2 })
    await worker('w1', 'succeeded')
    expect((await suite.job())?.status).toBe('failed')
    expect(await suite.totals()).toMatchObject({ 'tasks,default,federated_learning,spark,running': 1 })
    expect((await suite.outbox()).filter((entry) => entry.isOwn)).toHaveLength(1)
  })

  test('keeps what is opaque as it came last', async () => {
    await report(aReport({ metadata: { a: 1 }, lineage: [{ x: 1 }], workflowToken: { t: 1 } }))
    await report(aReport({ metadata: { b: 2 } }))
    expect(await suite.job()).toMatchObject({ metadata: { b: 2 }, lineage: [{ x: 1 }], workflowToken: { t: 1 } })
  })
})

describe('a job-scoped report', () => {
  const scoped = (changes: object = {}) => aReport({ execId: 'j1', scope: 'job', ...changes })

  test('decides status and progress of the job, and is no part of the mean', async () => {
    await report(scoped({ status: 'running', progress: 0.25 }))
    await report(aReport({ execId: 'a', progress: 0.9 }))
    expect(await suite.job()).toMatchObject({ status: 'running', progress: 0.25, taskCount: 1 })
    await report(aReport({ execId: 'a', status: 'failed' }))
    expect((await suite.job())?.status).toBe('running')
    await report(scoped({ status: 'succeeded' }))
    expect(await suite.job()).toMatchObject({ status: 'succeeded', progress: 1 })
  })

  test('without progress of its own leaves the mean of the tasks', async () => {
    await report(scoped({ status: 'running' }))
    await report(aReport({ execId: 'a', progress: 0.4 }))
    expect((await suite.job())?.progress).toBe(0.4)
  })

  test('of one engine after another counts each by its own numbers, whichever began first', async () => {
    const hub = (changes: object) => scoped({ ...changes, engine: { instance: 'hub', incarnation: '2000' } })
    const dispatcher = (changes: object) => scoped({ ...changes, engine: { instance: 'dispatcher', incarnation: '1000' } })
    expect((await report(hub({ seq: 1, status: 'inited' }))).outcome).toBe('applied')
    expect(await report(dispatcher({ seq: 1, status: 'running', progress: 0.5 }))).toEqual({ outcome: 'applied' })
    expect((await report(dispatcher({ seq: 1, status: 'running', progress: 0.5 }))).outcome).toBe('duplicate')
    expect((await report(hub({ seq: 1, status: 'inited' }))).outcome).toBe('duplicate')
    expect(await report(dispatcher({ seq: 4 }))).toMatchObject({ missing: [[2, 3]] })
    expect((await report(hub({ seq: 2, status: 'cancelled' }))).outcome).toBe('applied')
    expect(await suite.job()).toMatchObject({ status: 'cancelled', progress: 0.5 })
  })

  test('is a task of the engine that reported last: in its list, in the shown tasks, and in what listeners are told', async () => {
    await report(scoped({ engine: { instance: 'hub' } }))
    await report(scoped({ engine: { instance: 'dispatcher' } }))
    expect(await suite.engineTasks('hub')).toEqual([])
    expect(await suite.engineTasks('dispatcher')).toEqual(['["default","j1","j1"]'])
    const shard = suite.keys.shardOfJob('default', 'j1')
    expect(await suite.redis.zrange(suite.keys.shown(shard), '0', '-1')).toEqual(['["default","j1","j1","dispatcher"]'])
    const told = suite.store.told.flatMap(({ events }) => events)
    expect(told).toContainEqual({ kind: 'task-gone', namespace: 'default', jobId: 'j1', task: 'j1', engine: 'hub' })
    await suite.pass(130_000)
    expect((await suite.tasks('j1', 'j1'))['']).toMatchObject({ status: 'lost', engine: { instance: 'dispatcher' } })
  })

  test('a process of the hub, told by hub, dispatcher and agents, ends as it must', async () => {
    const items = JSON.parse(
      readFileSync(new URL('../../test/fixtures/enginehub/reports-of-a-process.json', import.meta.url), 'utf8'),
    ) as Record<string, unknown>[]
    const shown: unknown[] = []
    for (const item of items) {
      expect((await report(item)).outcome).toBe('applied')
      const job = await suite.job('p-901')
      shown.push(`${job?.status} ${job?.progress}`)
    }
    expect([...new Set(shown)]).toEqual(['inited 0', 'running 0', 'running 0.25', 'running 0.5', 'running 0.75', 'succeeded 1'])
    for (const node of ['load', 'stats', 'train', 'join']) {
      expect((await suite.task('p-901', `p-901/${node}`)).status).toBe('succeeded')
    }
    expect(await suite.engine('dispatcher-2')).toMatchObject({ counts: { running: 2, limit: 4 } })
    expect(await suite.lines()).toHaveLength(1)
  })
})

describe('a job of another uid under the same name', () => {
  const of = (uid: string, changes: object = {}) => aReport({ ...changes, attributes: { uid } })

  test('is a new job: the old one is closed as cancelled, and everything begins anew', async () => {
    await report(of('u1', { seq: 3, progress: 0.8, algorithmMetrics: { seenCount: 7 } }))
    await report(of('u1', { execId: 't2', seq: 1, status: 'succeeded' }))
    expect((await report(of('u2', { seq: 1, progress: 0.1, logs: [{ line: 'new' }] }))).outcome).toBe('applied')
    expect(await suite.job()).toMatchObject({ status: 'running', progress: 0.1, taskCount: 1, uid: 'u2', formerUids: ['u1'] })
    expect((await suite.task()).counters).toEqual({})
    expect(await suite.tasks('j1', 't2')).toEqual({})
    expect(await suite.totals()).toMatchObject({
      'finished,default,sql,spark,cancelled': 1,
      'finished,default,sql,spark,succeeded': 1,
      'tasks,default,sql,spark,running': 1,
      'openJobs,default': 1,
      reportsLost: 2,
    })
    const told = suite.store.told.flatMap(({ events }) => events.map((event) => event.kind))
    expect(told.filter((kind) => kind.endsWith('gone')).sort()).toEqual(['job-gone', 'task-gone', 'task-gone'])
    const ends = (await suite.outbox()).filter((entry) => entry.isOwn).map((entry) => entry.lines[0]?.[3]?.['status'])
    expect(ends).toEqual(['cancelled'])
    expect(await suite.lines()).toEqual(['j1|t1|INFO|new'])
    expect(await suite.engineTasks()).toEqual(['["default","j1","t1"]'])
  })

  test('is not replaced by what is still said of the old one', async () => {
    await report(of('u1', { seq: 1 }))
    await report(of('u2', { seq: 1, progress: 0.1 }))
    const old = of('u1', { seq: 2, status: 'failed', logs: [{ line: 'old' }] })
    expect((await report(old)).outcome).toBe('stale')
    expect(await suite.job()).toMatchObject({ status: 'running', progress: 0.1 })
    expect(await suite.lines()).toEqual(['j1|t1|INFO|old'])
  })

  test('takes the place once, reported by many at once', async () => {
    for (let i = 0; i < 5; i++) await report(of('u1', { execId: `t${i}`, seq: 1 }))
    const replicas = [suite.store, suite.replica()]
    const items = Array.from({ length: 6 }, (_, i) => of('u2', { execId: `n${i}`, seq: 1 }))
    const answers = await Promise.all(
      replicas.flatMap((replica) => [replica.send(...items.slice(0, 3)), replica.send(...items.slice(3))]),
    )
    const outcomes = answers.flat().map(({ outcome }) => outcome)
    expect(outcomes.filter((outcome) => outcome === 'applied')).toHaveLength(6)
    expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(6)
    expect(await suite.job()).toMatchObject({ uid: 'u2', taskCount: 6 })
    expect(await suite.totals()).toMatchObject({
      'finished,default,sql,spark,cancelled': 5,
      'tasks,default,sql,spark,running': 6,
      'openJobs,default': 1,
    })
  })

  test('is the same job where a report names none', async () => {
    await report(of('u1', { seq: 1 }))
    await report(aReport({ seq: 2, attributes: { other: 'x' } }))
    await report(of('u1', { seq: 3 }))
    expect(await suite.job()).toMatchObject({ uid: 'u1', taskCount: 1 })
  })
})
