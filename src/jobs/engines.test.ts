import { describe, expect, test } from 'vitest'
import { aReport } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import { totalOf } from './records.ts'

const suite = jobSuite()
const { report } = suite

type Counts = { running?: number; pending?: number; succeeded?: number; failed?: number; limit?: number }

const heartbeat = (changes: Record<string, unknown> = {}) =>
  aReport({ jobId: undefined, execId: undefined, status: undefined, taskType: undefined, ...changes })

const counted = (engineTaskCounts: Counts, changes: Record<string, unknown> = {}) => aReport({ engineTaskCounts, ...changes })

const finished = async (instance?: string) => {
  const engine = await suite.engine(instance)
  return [totalOf(engine?.finished.succeeded), totalOf(engine?.finished.failed)]
}

describe('counts', () => {
  test('come from the newest arrival, once for a batch', async () => {
    await suite.store.send(
      counted({ running: 3, pending: 2 }, { execId: 'a' }),
      counted({ running: 3, pending: 1 }, { execId: 'b' }),
    )
    expect((await suite.engine())?.counts).toEqual({ running: 3, pending: 1 })
    await report(counted({ limit: 8 }, { execId: 'b' }))
    expect((await suite.engine())?.counts).toEqual({ running: 3, pending: 1, limit: 8 })
  })

  test('are taken from closed reports, not from late, stale or repeated ones', async () => {
    await report(counted({ running: 5 }, { attempt: 2, seq: 3 }))
    await report(counted({ running: 1 }, { attempt: 2, seq: 2 }))
    await report(counted({ running: 2 }, { attempt: 1, seq: 1 }))
    await report(counted({ running: 3 }, { attempt: 2, seq: 2 }))
    expect((await suite.engine())?.counts.running).toBe(5)
    await report(counted({ running: 4 }, { attempt: 2, seq: 4, status: 'succeeded' }))
    await report(counted({ running: 0 }, { attempt: 2, seq: 5 }))
    expect((await suite.engine())?.counts.running).toBe(0)
  })

  test('of a late heartbeat are not taken', async () => {
    expect((await report(heartbeat({ seq: 2, engineTaskCounts: { running: 2 } }))).missing).toEqual([[1, 1]])
    expect((await report(heartbeat({ seq: 1, engineTaskCounts: { running: 9 } }))).outcome).toBe('late')
    expect((await report(heartbeat({ seq: 2, engineTaskCounts: { running: 7 } }))).outcome).toBe('duplicate')
    expect((await suite.engine())?.counts.running).toBe(2)
  })

  test('a repeat in a batch does not lend its order to another engine', async () => {
    await report(counted({ running: 1 }, { execId: 'b', seq: 1, engine: { instance: 'e2:2' } }))
    await report(heartbeat({ engineTaskCounts: { running: 5 }, engine: { instance: 'e2:2' } }))
    await suite.store.send(
      counted({ running: 1 }, { execId: 'a', seq: 1 }),
      counted({ running: 1 }, { execId: 'b', seq: 1, engine: { instance: 'e2:2' } }),
    )
    expect((await suite.engine('e2:2'))?.counts.running).toBe(5)
  })

  test('of the newest report come with its repeat where the first commit to the engine was lost', async () => {
    const newest = counted({ running: 3, succeeded: 7 }, { seq: 1 })
    await report(newest)
    await suite.redis.del(suite.keys.engine(suite.keys.shardOfEngine('e1:1'), 'e1:1'))
    await suite.redis.del(suite.keys.engineTasks(suite.keys.shardOfEngine('e1:1'), 'e1:1'))
    suite.reopen()
    expect((await report(newest)).outcome).toBe('duplicate')
    expect((await suite.engine())?.counts.running).toBe(3)
    expect(await finished()).toEqual([7, undefined])
    expect(await suite.engineTasks()).toEqual(['["default","j1","t1"]'])
  })

  test('of finished tasks are kept as the maximum, whatever comes late', async () => {
    await report(counted({ succeeded: 10, failed: 2 }, { seq: 2 }))
    await report(counted({ succeeded: 8, failed: 3 }, { seq: 1 }))
    expect(await finished()).toEqual([10, 3])
  })

  test('of finished tasks survive a restart: no dip, no double count, and the old start still counts up', async () => {
    await report(counted({ succeeded: 10 }, { seq: 1, engine: { incarnation: '1000' } }))
    await report(heartbeat({ engineTaskCounts: { succeeded: 1, running: 0 }, engine: { incarnation: '2000' } }))
    expect(await finished()).toEqual([11, undefined])
    expect((await suite.engine())?.restarts).toBe(1)
    await report(counted({ succeeded: 12, running: 9 }, { seq: 2, engine: { incarnation: '1000' } }))
    expect(await finished()).toEqual([13, undefined])
    expect(await suite.engine()).toMatchObject({ restarts: 1, incarnation: '2000', counts: { running: 0 } })
  })

  test('without an incarnation a fall is a restart, but not in a late report or a repeat', async () => {
    const plain = { engine: { incarnation: undefined } }
    await report(counted({ succeeded: 10 }, { seq: 2, ...plain }))
    await report(counted({ succeeded: 6 }, { seq: 1, ...plain }))
    await report(counted({ succeeded: 6 }, { seq: 1, ...plain }))
    expect(await finished()).toEqual([10, undefined])
    expect((await suite.engine())?.restarts).toBe(0)
    await report(counted({ succeeded: 1 }, { seq: 3, ...plain }))
    expect(await finished()).toEqual([11, undefined])
    expect((await suite.engine())?.restarts).toBe(1)
  })

  test('before and after an engine names its incarnation are those of one start', async () => {
    const seconds = (idle: number) => ({ stateSeconds: { idle } })
    await report(heartbeat({ engineTaskCounts: { succeeded: 4 }, engine: { incarnation: undefined, ...seconds(100) } }))
    await report(heartbeat({ engineTaskCounts: { succeeded: 5 }, engine: { incarnation: '1000', ...seconds(110) } }))
    expect(await finished()).toEqual([5, undefined])
    expect(totalOf((await suite.engine())?.stateSeconds.idle)).toBe(110)
    expect((await suite.engine())?.restarts).toBe(0)
  })

  test('of two live engines with one name are those of the newer start', async () => {
    const of = (incarnation: string, running: number) => heartbeat({ engineTaskCounts: { running }, engine: { incarnation } })
    await report(of('2000', 1))
    expect((await report(of('1000', 9))).outcome).toBe('stale')
    await report(of('2000', 2))
    expect((await report(of('1000', 9))).outcome).toBe('stale')
    expect(await suite.engine()).toMatchObject({ incarnation: '2000', restarts: 0, counts: { running: 2 } })
  })
})

describe('a heartbeat', () => {
  test('touches no job, and its lines go to the tail of the engine and to the outbox', async () => {
    expect(await report(heartbeat({ logs: [{ line: 'idle' }, { line: 'still' }] }))).toEqual({ outcome: 'applied' })
    const tail = await suite.redis.lrange(suite.keys.engineTail(suite.keys.shardOfEngine('e1:1'), 'e1:1'), 0, -1)
    expect(tail.map((text) => (JSON.parse(text) as { lines: string[][] }).lines.map((line) => line[2]))).toEqual([
      ['idle', 'still'],
    ])
    expect(await suite.lines()).toEqual(['||INFO|idle', '||INFO|still'])
    expect((await suite.redis.keys('*:job:*')).length).toBe(0)
  })

  test('that was numbered counts its lines once, and what never came as lost', async () => {
    const numbered = heartbeat({ seq: 3, logs: [{ line: 'x' }] })
    await report(numbered)
    await report(numbered)
    expect(await suite.lines()).toHaveLength(1)
    await suite.pass(601_000)
    await report(heartbeat({ seq: 4 }))
    expect(await suite.totals()).toMatchObject({ reportsLost: 2 })
  })

  test('brings facts, attributes and seconds in each state', async () => {
    await report(
      heartbeat({ attributes: { a: '1' }, engine: { node: 'n1', status: 'Idle', stateSeconds: { idle: 3, busy: 4 } } }),
    )
    await report(heartbeat({ engine: { status: 'Busy', stateSeconds: { idle: 5 } } }))
    const engine = await suite.engine()
    expect(engine).toMatchObject({ facts: { node: 'n1', status: 'Busy' }, attributes: { a: '1' } })
    expect([totalOf(engine?.stateSeconds.idle), totalOf(engine?.stateSeconds.busy)]).toEqual([5, 4])
  })
})
