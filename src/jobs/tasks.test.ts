import { describe, expect, test } from 'vitest'
import { aReport } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import { totalOf } from './records.ts'

const suite = jobSuite()
const { report } = suite

const app = (id: string, jobStatus: string, memory = 10, cores = 1) => ({
  [id]: { queueMemory: memory, queueCores: cores, queueInstances: 1, jobStatus, queue: 'q' },
})

const liveMemory = async () =>
  (await suite.task()).applications.reduce((sum, each) => (each.live ? sum + each.queueMemory : sum), 0)

describe('outcomes', () => {
  test('a number that follows is applied, one seen before is a duplicate and does nothing', async () => {
    expect(await report(aReport({ seq: 1, progress: 0.1 }))).toEqual({ outcome: 'applied' })
    const before = await suite.task()
    expect(await report(aReport({ seq: 1, progress: 0.9, logs: [{ line: 'x' }] }))).toEqual({ outcome: 'duplicate' })
    expect(await suite.task()).toEqual(before)
    expect(await suite.lines()).toEqual([])
  })

  test('a late report brings lines and cumulative values, else nothing', async () => {
    await report(aReport({ seq: 2, progress: 0.2, usage: { cpuSeconds: 5, memoryBytes: 7 }, attributes: { a: '2' } }))
    const late = aReport({
      seq: 1,
      progress: 0.9,
      status: 'suspended',
      usage: { cpuSeconds: 9, memoryBytes: 1 },
      attributes: { a: '1' },
      logs: [{ line: 'late' }],
      algorithmMetrics: { epoch: 1, seenCount: 4 },
    })
    expect(await report(late)).toEqual({ outcome: 'late' })
    const task = await suite.task()
    expect(task).toMatchObject({
      progress: 0.2,
      status: 'running',
      attributes: { a: '2' },
      usage: { memoryBytes: 7 },
      metrics: {},
    })
    expect(totalOf(task.usage.cpuSeconds)).toBe(9)
    expect(totalOf(task.counters['seenCount'])).toBe(4)
    expect(await suite.lines()).toEqual(['j1|t1|INFO|late'])
    expect(await report(late)).toEqual({ outcome: 'duplicate' })
    expect(await suite.lines()).toHaveLength(1)
  })

  test('a terminal status is taken from a late report with its progress, error and resources', async () => {
    await report(aReport({ seq: 2, progress: 0.5, resourceMap: app('a1', 'RUNNING') }))
    const end = aReport({
      seq: 1,
      status: 'failed',
      progress: 0.6,
      error: { code: '7', message: 'm' },
      resourceMap: app('a1', 'FAILED'),
    })
    expect(await report(end)).toEqual({ outcome: 'late' })
    expect(await suite.task()).toMatchObject({ status: 'failed', progress: 0.6, error: { code: '7' } })
    expect((await suite.task()).applications).toMatchObject([{ jobStatus: 'FAILED', live: false }])
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,failed': 1 })
  })

  test('of several terminal reports the first to arrive is final', async () => {
    await report(aReport({ seq: 3, status: 'cancelled' }))
    expect(await report(aReport({ seq: 2, status: 'succeeded' }))).toEqual({ outcome: 'late', missing: [[1, 1]] })
    expect(await report(aReport({ seq: 4, status: 'failed', error: { code: 'x' } }))).toMatchObject({ outcome: 'closed' })
    const task = await suite.task()
    expect([task.status, task.error]).toEqual(['cancelled', undefined])
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,cancelled': 1 })
  })

  test('late goes before closed: below the terminal number its cumulative values still count', async () => {
    await report(aReport({ seq: 3, status: 'succeeded', usage: { cpuSeconds: 3 } }))
    expect(await report(aReport({ seq: 2, usage: { cpuSeconds: 8 }, logs: [{ line: 'two' }] }))).toMatchObject({
      outcome: 'late',
    })
    expect(totalOf((await suite.task()).usage.cpuSeconds)).toBe(8)
    expect(await report(aReport({ seq: 4, usage: { cpuSeconds: 99 }, logs: [{ line: 'four' }] }))).toMatchObject({
      outcome: 'closed',
    })
    expect(totalOf((await suite.task()).usage.cpuSeconds)).toBe(8)
    expect(await suite.lines()).toEqual(['j1|t1|INFO|two', 'j1|t1|INFO|four'])
  })

  test('a report without numbers is taken in the order of arrival and closed after the end', async () => {
    expect(await report(aReport({ progress: 0.3 }))).toEqual({ outcome: 'applied' })
    expect(await report(aReport({ status: 'succeeded' }))).toEqual({ outcome: 'applied' })
    expect(await report(aReport({ progress: 0.4 }))).toEqual({ outcome: 'closed' })
  })

  test('an unknown task is created by any status, a terminal one counted once', async () => {
    await report(aReport({ seq: 1, status: 'timed_out' }))
    await report(aReport({ seq: 1, status: 'timed_out' }))
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,timed_out': 1 })
    expect(await suite.totals()).not.toHaveProperty('tasks,default,sql,spark,timed_out')
  })

  test('a report of an engine already superseded is stale: its lines, its cumulative values, no more', async () => {
    await report(aReport({ seq: 4, progress: 0.4, usage: { cpuSeconds: 10 }, engine: { incarnation: '2025-01-01T00:00:00Z' } }))
    await report(aReport({ seq: 1, progress: 0.2, usage: { cpuSeconds: 1 }, engine: { incarnation: '2025-01-02T00:00:00Z' } }))
    const old = aReport({
      seq: 5,
      status: 'failed',
      usage: { cpuSeconds: 12 },
      logs: [{ line: 'old' }],
      engine: { incarnation: '2025-01-01T00:00:00Z' },
    })
    expect(await report(old)).toMatchObject({ outcome: 'stale' })
    expect(await report(old)).toMatchObject({ outcome: 'duplicate' })
    const task = await suite.task()
    expect([task.status, task.progress, totalOf(task.usage.cpuSeconds)]).toEqual(['running', 0.4, 13])
    expect(await suite.lines()).toEqual(['j1|t1|INFO|old'])
  })
})

describe('gaps', () => {
  test('the answer names what is missing, and only what is still missing', async () => {
    expect(await report(aReport({ seq: 5 }))).toEqual({ outcome: 'applied', missing: [[1, 4]] })
    expect(await report(aReport({ seq: 3 }))).toEqual({
      outcome: 'late',
      missing: [
        [1, 2],
        [4, 4],
      ],
    })
    expect(await report(aReport({ seq: 5 }))).toEqual({
      outcome: 'duplicate',
      missing: [
        [1, 2],
        [4, 4],
      ],
    })
    for (const seq of [1, 2]) await report(aReport({ seq }))
    expect(await report(aReport({ seq: 4 }))).toEqual({ outcome: 'late' })
    expect(Object.keys(await suite.timers()).filter((timer) => timer.startsWith('gaps'))).toEqual([])
  })

  test('the newest 16 ranges are named and 64 are kept; the rest is counted as lost', async () => {
    for (let i = 1; i <= 70; i++) await report(aReport({ seq: 2 * i }))
    const { missing } = await report(aReport({ seq: 140 }))
    expect(missing).toEqual(Array.from({ length: 16 }, (_, i) => [2 * (54 + i) + 1, 2 * (54 + i) + 1]))
    expect((await suite.task()).streams[0]?.missing).toHaveLength(64)
    expect(await suite.totals()).toMatchObject({ reportsLost: 6 })
  })

  test('ranges that late reports split are bounded as well', async () => {
    await report(aReport({ seq: 300 }))
    for (let seq = 2; seq < 300; seq += 2) await report(aReport({ seq }))
    expect((await suite.task()).streams[0]?.missing.length).toBeLessThanOrEqual(64)
    const missing = ((await suite.task()).streams[0]?.missing ?? []).reduce((sum, [from, to]) => sum + to - from + 1, 0)
    expect((await suite.totals())['reportsLost']).toBe(150 - missing)
  })

  test('a gap is closed after its time, each by its own, and counted once', async () => {
    await report(aReport({ seq: 3 }))
    suite.store.time.aheadMs = 300_000
    await report(aReport({ seq: 6 }))
    await suite.pass(299_000)
    expect(await suite.totals()).not.toHaveProperty('reportsLost')
    await suite.pass(2_000)
    expect(await suite.totals()).toMatchObject({ reportsLost: 2 })
    expect(await report(aReport({ seq: 6 }))).toEqual({ outcome: 'duplicate', missing: [[4, 5]] })
    await suite.pass(300_000)
    expect(await suite.totals()).toMatchObject({ reportsLost: 4 })
    expect(await report(aReport({ seq: 1, logs: [{ line: 'x' }] }))).toEqual({ outcome: 'duplicate' })
  })

  test('gaps of a superseded attempt are counted too, also when the present one fills its own', async () => {
    await report(aReport({ seq: 3 }))
    await report(aReport({ attempt: 2, seq: 1 }))
    suite.reopen()
    await report(aReport({ attempt: 2, seq: 3 }))
    await report(aReport({ attempt: 2, seq: 2 }))
    await suite.pass(601_000)
    expect(await suite.totals()).toMatchObject({ reportsLost: 2 })
    expect(Object.keys(await suite.timers()).filter((timer) => timer.startsWith('gaps'))).toEqual([])
  })

  test('a number wildly ahead is refused and freezes nothing', async () => {
    await report(aReport({ seq: 1 }))
    expect(await report(aReport({ seq: 2_000_000, progress: 0.9 }))).toMatchObject({
      outcome: 'rejected',
      code: 'REPORT_INVALID',
      path: 'seq',
    })
    expect(await report(aReport({ seq: 2, progress: 0.2 }))).toEqual({ outcome: 'applied' })
  })
})

describe('attempts', () => {
  test('a higher attempt starts over, the old one is kept for the history', async () => {
    await report(aReport({ seq: 1, progress: 0.8, status: 'failed', error: { code: 'E' } }))
    await report(aReport({ attempt: 2, seq: 1, progress: 0.1 }))
    expect(await suite.task()).toMatchObject({ attempt: 2, progress: 0.1, status: 'running' })
    expect(await suite.job()).toMatchObject({ status: 'running', progress: 0.1, taskCount: 1 })
    expect((await suite.job())?.error).toBeUndefined()
    expect(await suite.older()).toMatchObject([{ attempt: 1, status: 'failed', progress: 0.8, isSuperseded: true }])
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,failed': 1, 'tasks,default,sql,spark,running': 1 })
  })

  test('a report of an old attempt is stale and changes that attempt alone', async () => {
    await report(aReport({ attempt: 2, seq: 1, progress: 0.1 }))
    const old = aReport({ attempt: 1, seq: 1, progress: 0.7, status: 'failed', logs: [{ line: 'old' }] })
    expect(await report(old)).toEqual({ outcome: 'stale' })
    expect(await report(old)).toEqual({ outcome: 'duplicate' })
    expect(await suite.task()).toMatchObject({ attempt: 2, progress: 0.1, status: 'running' })
    expect(await suite.older()).toMatchObject([{ attempt: 1, status: 'failed' }])
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,failed': 1, 'tasks,default,sql,spark,running': 1 })
    expect(await suite.lines()).toEqual(['j1|t1|INFO|old'])
  })

  test('a report of an old attempt leaves the task with its engine', async () => {
    await report(aReport({ attempt: 2, seq: 1 }))
    await report(aReport({ attempt: 1, seq: 1, status: 'failed' }))
    await report(aReport({ attempt: 1, seq: 1, status: 'failed' }))
    expect(await suite.engineTasks()).toEqual(['["default","j1","t1"]'])
  })

  test('a task that moves to another engine with its attempt leaves the old engine', async () => {
    await report(aReport({ seq: 1 }))
    await report(aReport({ attempt: 2, seq: 1, engine: { instance: 'e2:2' } }))
    expect(await suite.engineTasks('e1:1')).toEqual([])
    expect(await suite.engineTasks('e2:2')).toEqual(['["default","j1","t1"]'])
    expect(await suite.totals()).toMatchObject({ 'tasks,default,sql,spark,running': 1 })
  })

  test('an open attempt that is superseded is neither finished nor lost', async () => {
    await report(aReport({ seq: 1 }))
    await report(aReport({ attempt: 2, seq: 1, status: 'succeeded' }))
    expect(await suite.totals()).toMatchObject({ 'finished,default,sql,spark,succeeded': 1 })
    expect(Object.keys(await suite.totals()).filter((field) => /^(tasks|lost|openJobs)/.test(field))).toEqual([])
  })

  test('counters of the same task on the same engine go on over attempts, whichever report comes when', async () => {
    const first = aReport({ seq: 1, usage: { cpuSeconds: 10 }, algorithmMetrics: { seenCount: 100 } })
    const more = aReport({ seq: 2, usage: { cpuSeconds: 15 }, algorithmMetrics: { seenCount: 120 } })
    const second = aReport({ attempt: 2, seq: 1, usage: { cpuSeconds: 1 }, algorithmMetrics: { seenCount: 3 } })
    for (const order of [
      [first, more, second],
      [first, second, more],
      [second, more, first],
      [second, first, more],
    ]) {
      await suite.redis.flushall()
      suite.reopen()
      for (const item of order) await report(item)
      const task = await suite.task()
      expect((totalOf(task.usage.cpuSeconds) ?? 0) + (task.cpuSecondsCarried ?? 0)).toBe(16)
      expect(totalOf(task.counters['seenCount'])).toBe(123)
    }
  })

  test('at most 20 old attempts are kept', async () => {
    for (let attempt = 1; attempt <= 25; attempt++) await report(aReport({ attempt, seq: 1 }))
    expect((await suite.older()).map((each) => each.attempt)).toEqual(Array.from({ length: 20 }, (_, i) => 24 - i))
  })
})

describe('incarnations', () => {
  test('a newer one takes an open task up: numbers anew, progress does not fall, counters carry on', async () => {
    await report(aReport({ seq: 7, progress: 0.5, usage: { cpuSeconds: 10 }, engine: { incarnation: '1000' } }))
    expect(await report(aReport({ seq: 1, progress: 0.1, usage: { cpuSeconds: 2 }, engine: { incarnation: '2000' } }))).toEqual({
      outcome: 'applied',
    })
    const task = await suite.task()
    expect([task.progress, totalOf(task.usage.cpuSeconds), task.incarnation]).toEqual([0.5, 12, '2000'])
  })

  test('words without an order: the one seen later is newer, one that was replaced stays old', async () => {
    await report(aReport({ seq: 1, engine: { incarnation: 'x' } }))
    expect((await report(aReport({ seq: 1, engine: { incarnation: 'a' } }))).outcome).toBe('applied')
    expect((await report(aReport({ seq: 2, engine: { incarnation: 'x' } }))).outcome).toBe('stale')
  })

  test('without a name it is the newest known', async () => {
    await report(aReport({ seq: 1, usage: { cpuSeconds: 5 }, engine: { incarnation: undefined } }))
    await report(aReport({ seq: 2, usage: { cpuSeconds: 6 }, engine: { incarnation: '1000' } }))
    expect((await report(aReport({ seq: 3, usage: { cpuSeconds: 7 }, engine: { incarnation: undefined } }))).outcome).toBe(
      'applied',
    )
    expect(totalOf((await suite.task()).usage.cpuSeconds)).toBe(7)
    expect((await suite.task()).streams).toHaveLength(1)
  })

  test('without any incarnation a fall of a cumulative value is a restart, but not in a late report', async () => {
    const of = (seq: number, cpuSeconds: number) => aReport({ seq, usage: { cpuSeconds }, engine: { incarnation: undefined } })
    await report(of(1, 10))
    await report(of(3, 20))
    await report(of(2, 15))
    expect(totalOf((await suite.task()).usage.cpuSeconds)).toBe(20)
    await report(of(4, 2))
    expect(totalOf((await suite.task()).usage.cpuSeconds)).toBe(22)
  })

  test('an id made from the engine is a new run at the next start of the engine, the old one is kept', async () => {
    const of = (incarnation: string, more: object) => aReport({ jobId: undefined, execId: '1', ...more, engine: { incarnation } })
    await report(of('1000', { seq: 5, progress: 0.9 }))
    await report(of('2000', { seq: 1, progress: 0.1 }))
    expect(await suite.task('e1:1/1', '1')).toMatchObject({ progress: 0.1, incarnation: '2000', attempt: 1 })
    const [old] = await suite.older('e1:1/1', '1')
    expect(old).toMatchObject({ status: 'lost', error: { code: 'ENGINE_RESTARTED' }, incarnation: '1000' })
    expect(await suite.totals()).toMatchObject({ 'lost,default,sql,spark': 1, 'tasks,default,sql,spark,running': 1 })
    expect((await report(of('1000', { seq: 6, status: 'succeeded' }))).outcome).toBe('stale')
    expect(await suite.totals()).toMatchObject({
      'finished,default,sql,spark,succeeded': 1,
      'tasks,default,sql,spark,running': 1,
    })
  })

  test('a new run begins at its first attempt, however many the old one had', async () => {
    const of = (incarnation: string, more: object) => aReport({ jobId: undefined, execId: '1', ...more, engine: { incarnation } })
    await report(of('1000', { attempt: 3, seq: 1, status: 'failed' }))
    expect((await report(of('2000', { attempt: 1, seq: 1, progress: 0.2 }))).outcome).toBe('applied')
    expect(await suite.job('e1:1/1')).toMatchObject({ status: 'running', progress: 0.2 })
  })

  test('equal execIds on two engines, and in two jobs, are tasks of their own', async () => {
    await report(aReport({ execId: '1', progress: 0.2 }))
    await report(aReport({ execId: '1', progress: 0.4, engine: { instance: 'e2:2' } }))
    await report(aReport({ jobId: 'j2', execId: '1', progress: 0.6 }))
    expect(Object.keys(await suite.tasks('j1', '1')).sort()).toEqual(['e1:1', 'e2:2'])
    expect(await suite.job('j1')).toMatchObject({ taskCount: 2, progress: 0.3 })
    expect(await suite.job('j2')).toMatchObject({ taskCount: 1, progress: 0.6 })
  })
})

describe('status without numbers', () => {
  test.each([
    ['running', 'scheduled', 'running'],
    ['suspended', 'inited', 'suspended'],
    ['waiting_for_retry', 'inited', 'inited'],
    ['running', 'waiting_for_retry', 'waiting_for_retry'],
    ['scheduled', 'running', 'running'],
  ])('after %s, %s leaves it %s', async (first, second, expected) => {
    await report(aReport({ status: first }))
    await report(aReport({ status: second }))
    expect((await suite.task()).status).toBe(expected)
  })

  test('with numbers the newest word counts, also a step back', async () => {
    await report(aReport({ seq: 1, status: 'running' }))
    await report(aReport({ seq: 2, status: 'scheduled' }))
    expect((await suite.task()).status).toBe('scheduled')
  })

  test('the first report without a status is running with progress, else inited', async () => {
    await report(aReport({ execId: 'a', status: undefined, progress: 0.1 }))
    await report(aReport({ execId: 'b', status: undefined, progress: 'unusable' }))
    expect([(await suite.task('j1', 'a')).status, (await suite.task('j1', 'b')).status]).toEqual(['running', 'inited'])
  })
})

describe('progress', () => {
  test.each([
    ['never falls', [{ progress: 0.6 }, { progress: 0.2 }], 0.6],
    ['is not reset by a bare 0', [{ progress: 0.6 }, { progress: 0 }], 0.6],
    ['is at most 0.99 while not ended', [{ progress: 1 }], 0.99],
    ['is 1 when it succeeded', [{ progress: 0.2 }, { status: 'succeeded' }], 1],
    ['keeps the last real value when it failed', [{ progress: 0.4 }, { status: 'failed', progress: 1 }], 0.4],
    ['takes a real value that comes with the failure', [{ progress: 0.4 }, { status: 'failed', progress: 0.7 }], 0.7],
    ['keeps 0.99 when it was cancelled there', [{ progress: 1 }, { status: 'cancelled' }], 0.99],
    ['is the share of finished sub-tasks where it is not given', [{ progressInfo: [stage(10, 4), stage(30, 6)] }], 0.25],
    ['is kept when there are no sub-tasks', [{ progress: 0.3 }, { progressInfo: [stage(0, 0)] }], 0.3],
    ['goes before the sub-tasks', [{ progress: 0.3, progressInfo: [stage(10, 9)] }], 0.3],
    ['drops what is no number from 0 to 1', [{ progress: 0.3 }, { progress: 1.5 }, { progress: -1 }, { progress: 'x' }], 0.3],
  ])('%s', async (_what, items, expected) => {
    for (const item of items) await report(aReport(item))
    expect((await suite.task()).progress).toBe(expected)
  })
})

function stage(totalTasks: number, succeedTasks: number) {
  return { id: `s${totalTasks}`, totalTasks, runningTasks: 0, failedTasks: 0, succeedTasks }
}

describe('what absence and emptiness mean', () => {
  test('absent and null keep what is known, {} and [] mean none now', async () => {
    const full = {
      progressInfo: [stage(10, 4)],
      resourceMap: app('a1', 'RUNNING'),
      attributes: { q: 'x' },
      algorithmMetrics: { epoch: 2 },
      error: { code: 'e', message: 'm' },
    }
    await report(aReport(full))
    await report(aReport({ progressInfo: null, resourceMap: null, attributes: null, algorithmMetrics: null, error: null }))
    expect(await suite.task()).toMatchObject({ attributes: { q: 'x' }, metrics: { epoch: 2 }, error: { code: 'e' } })
    expect((await suite.task()).progressInfo).toHaveLength(1)
    expect(await liveMemory()).toBe(10)
    await report(aReport({ progressInfo: [], resourceMap: {}, attributes: {}, algorithmMetrics: {} }))
    expect(await suite.task()).toMatchObject({ attributes: {}, metrics: {}, progressInfo: [] })
    expect(await liveMemory()).toBe(0)
  })
})

describe('resources', () => {
  test('one that is missing from the map leaves the sums and stays in the detail; one that returns replaces its entry', async () => {
    await report(aReport({ resourceMap: { ...app('a1', 'RUNNING', 10), ...app('a2', 'ACCEPTED', 5) } }))
    expect(await liveMemory()).toBe(15)
    await report(aReport({ resourceMap: app('a2', 'RUNNING', 6) }))
    expect(await liveMemory()).toBe(6)
    expect((await suite.task()).applications).toMatchObject([
      { applicationId: 'a1', live: false },
      { applicationId: 'a2', live: true },
    ])
    await report(aReport({ resourceMap: { ...app('a1', 'RUNNING', 1), ...app('a2', 'SUCCEEDED', 6) } }))
    expect(await liveMemory()).toBe(1)
  })

  test('are all gone at the end, and kept to the byte until then', async () => {
    await report(aReport({ resourceMap: app('a1', 'RUNNING', 68_719_476_736) }))
    expect(await liveMemory()).toBe(68_719_476_736)
    await report(aReport({ status: 'succeeded' }))
    expect(await liveMemory()).toBe(0)
    expect((await suite.task()).applications).toMatchObject([{ queueMemory: 68_719_476_736, live: false }])
  })

  test('an application that only an overtaken report named is in the detail, not in the sums', async () => {
    await report(aReport({ seq: 2, resourceMap: app('a2', 'RUNNING', 5) }))
    await report(aReport({ seq: 1, resourceMap: app('a1', 'RUNNING', 9) }))
    expect(await liveMemory()).toBe(5)
    expect((await suite.task()).applications.map((each) => each.applicationId)).toEqual(['a1', 'a2'])
  })
})

describe('errors', () => {
  test('success forgets them', async () => {
    await report(aReport({ error: { code: 'warn' } }))
    await report(aReport({ status: 'succeeded' }))
    expect((await suite.task()).error).toBeUndefined()
    expect((await suite.job())?.error).toBeUndefined()
  })

  test('the job shows the error of the task that failed', async () => {
    await report(aReport({ execId: 'a', status: 'failed', error: { code: 'A' } }))
    await report(aReport({ execId: 'b', status: 'running' }))
    expect((await suite.job())?.error).toEqual({ code: 'A' })
    await report(aReport({ execId: 'b', status: 'succeeded' }))
    expect(await suite.job()).toMatchObject({ status: 'failed', error: { code: 'A' } })
  })
})

describe('times', () => {
  const at = (second: number) => new Date(Date.UTC(2025, 2, 4, 8, 0, second)).toISOString()
  const items = [
    aReport({ seq: 1, status: 'inited', reportedAt: at(0) }),
    aReport({ seq: 2, status: 'scheduled', reportedAt: at(1) }),
    aReport({ seq: 3, status: 'running', reportedAt: at(5) }),
    aReport({ seq: 4, status: 'running', reportedAt: at(9) }),
    aReport({ seq: 5, status: 'succeeded', reportedAt: at(35) }),
  ]

  test.each([[[0, 1, 2, 3, 4]], [[4, 3, 2, 1, 0]], [[3, 0, 4, 2, 1]], [[2, 4, 0, 1, 3]]])(
    'the histograms see waiting and run time once and alike in the order %j',
    async (order) => {
      for (const i of order) await report(items[i] as Record<string, unknown>)
      expect(await suite.totals()).toMatchObject({
        'queueCount,sql,spark': 1,
        'queueSumMs,sql,spark': 5_000,
        'queueBucket,sql,spark,1': 1,
        'durationCount,sql,spark,succeeded': 1,
        'durationSumMs,sql,spark,succeeded': 30_000,
        'durationBucket,sql,spark,succeeded,2': 1,
      })
      const { submittedAtMs, scheduledAtMs, startedAtMs, endedAtMs } = await suite.task()
      expect([submittedAtMs, scheduledAtMs, startedAtMs, endedAtMs]).toEqual(
        [0, 1, 5, 35].map((second) => Date.parse(at(second))),
      )
    },
  )

  test('while a report is missing that could move the start nothing is observed, after its gap is closed it is', async () => {
    await report(items[2] as Record<string, unknown>)
    await report(items[4] as Record<string, unknown>)
    expect(await suite.totals()).not.toHaveProperty('durationCount,sql,spark,succeeded')
    await suite.pass(601_000)
    expect(await suite.totals()).toMatchObject({ 'durationCount,sql,spark,succeeded': 1, reportsLost: 3 })
  })

  test('an engine clock that runs backwards does not show: arrival measures the duration', async () => {
    await report(aReport({ seq: 1, status: 'running', reportedAt: at(30) }))
    suite.store.time.aheadMs = 7_000
    await report(aReport({ seq: 2, status: 'succeeded', reportedAt: at(10) }))
    const sum = (await suite.totals())['durationSumMs,sql,spark,succeeded'] ?? 0
    expect(sum).toBeGreaterThanOrEqual(7_000)
    expect(sum).toBeLessThan(9_000)
  })
})
