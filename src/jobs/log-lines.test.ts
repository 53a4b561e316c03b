import { describe, expect, test } from 'vitest'
import { aReport } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import type { LogEntry } from './records.ts'

const suite = jobSuite()
const { report } = suite

const lines = (...texts: string[]) => texts.map((line) => ({ line }))
const timesOf = (entry: LogEntry | undefined) => (entry?.lines ?? []).map(([tsNs]) => BigInt(tsNs))
const tailOf = async (jobId = 'j1') => {
  const texts = await suite.redis.lrange(suite.keys.tail(suite.keys.shardOfJob('default', jobId), 'default', jobId), 0, -1)
  return texts.map((text) => JSON.parse(text) as LogEntry)
}

describe('the time of a line', () => {
  test('rises strictly within a report, and lines stay in their order', async () => {
    const ts = ['2025-03-04T08:00:05.000Z', '2025-03-04T08:00:05.000Z', '2025-03-04T08:00:04.000Z', '2025-03-04T08:00:06.000Z']
    await report(aReport({ seq: 1, logs: ts.map((each, i) => ({ ts: each, line: `l${i}` })) }))
    const [entry] = await suite.outbox()
    expect(entry?.lines.map((line) => line[2])).toEqual(['l0', 'l1', 'l2', 'l3'])
    const times = timesOf(entry)
    expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : 1)))
    expect(new Set(times).size).toBe(4)
    expect(times[0]).toBe(BigInt(Date.parse(ts[0] as string)) * 1_000_000n + 1_000n)
    expect(times[3]).toBe(BigInt(Date.parse(ts[3] as string)) * 1_000_000n + 1_000n)
  })

  test('differs between reports of one millisecond', async () => {
    const ts = '2025-03-04T08:00:05.000Z'
    for (let seq = 1; seq <= 5; seq++)
      await report(
        aReport({
          seq,
          logs: [
            { ts, line: 'a' },
            { ts, line: 'a' },
          ],
        }),
      )
    for (let i = 0; i < 3; i++) await report(aReport({ execId: 'unnumbered', logs: [{ ts, line: 'a' }] }))
    for (const task of ['t1', 'unnumbered']) {
      const times = (await suite.outbox()).filter((entry) => entry.task === task).flatMap(timesOf)
      expect(new Set(times).size).toBe(times.length)
    }
  })

  test('is the arrival where the engine gave none, and is fixed by the first arrival', async () => {
    const before = suite.store.clock.nowMs()
    await report(aReport({ seq: 1, logs: lines('a') }))
    suite.store.time.aheadMs = 60_000
    await report(aReport({ seq: 1, logs: lines('a') }))
    const outbox = await suite.outbox()
    expect(outbox).toHaveLength(1)
    expect(Math.abs(Number(timesOf(outbox[0])[0]) / 1e6 - before)).toBeLessThan(5_000)
  })

  test('has nineteen digits also for a thousand lines of one millisecond', async () => {
    await report(aReport({ seq: 999, logs: Array.from({ length: 1_000 }, () => ({ ts: '2025-03-04T08:00:05Z', line: 'x' })) }))
    const [entry] = await suite.outbox()
    expect(entry?.lines.every(([tsNs]) => tsNs.length === 19)).toBe(true)
    expect(new Set(timesOf(entry)).size).toBe(1_000)
  })
})

describe('the outbox', () => {
  test('holds one entry per report with what names its stream, and counts its bytes', async () => {
    await report(
      aReport({
        seq: 1,
        namespace: 'n',
        attempt: 2,
        engine: { node: 'node-1' },
        logs: [{ line: 'a', fields: { k: 'v' } }, { line: '' }],
      }),
    )
    const [entry] = await suite.outbox()
    expect(entry).toMatchObject({
      namespace: 'n',
      engineType: 'spark',
      taskType: 'sql',
      jobId: 'j1',
      task: 't1',
      attempt: 2,
      engine: 'e1:1',
      node: 'node-1',
    })
    expect(entry?.lines.map((line) => line.slice(1))).toEqual([
      ['INFO', 'a', { k: 'v' }],
      ['INFO', ''],
    ])
    const shard = suite.keys.shardOfJob('n', 'j1')
    const bytes = Number(await suite.redis.get(suite.keys.outboxBytes(shard)))
    const streamed = (await suite.redis.xrange(suite.keys.outbox(shard), '-', '+')).map(([, fields]) => fields[1] ?? '')
    expect(bytes).toBe(streamed.reduce((sum, text) => sum + Buffer.byteLength(text), 0))
  })

  test('takes nothing where no lines are shipped; the tail does', async () => {
    suite.reopen({ gate: { isShipping: false, hasRoom: () => true } })
    await report(aReport({ seq: 1, status: 'succeeded', logs: lines('a') }))
    expect(await suite.outbox()).toEqual([])
    expect(await tailOf()).toHaveLength(1)
  })

  test('when full refuses the lines alone, says how many, and takes them with a later report', async () => {
    let hasRoom = false
    suite.reopen({ gate: { isShipping: true, hasRoom: () => hasRoom } })
    const first = aReport({ seq: 1, progress: 0.2, logs: lines('a', 'b') })
    expect(await report(first)).toEqual({ outcome: 'applied', code: 'LOGS_REFUSED', logLinesRefused: 2 })
    expect(await report(first)).toEqual({ outcome: 'duplicate', code: 'LOGS_REFUSED', logLinesRefused: 2 })
    expect(await report({ engine: { instance: 'e1:1' }, logs: lines('c') })).toEqual({
      outcome: 'applied',
      code: 'LOGS_REFUSED',
      logLinesRefused: 1,
    })
    expect((await suite.task()).progress).toBe(0.2)
    expect([await suite.outbox(), await tailOf()]).toEqual([[], []])
    expect(suite.store.lines).toEqual({ accepted: 0, refused: 3 })
    hasRoom = true
    expect(await report(aReport({ seq: 2, logs: lines('a', 'b') }))).toEqual({ outcome: 'applied' })
    expect(await suite.lines()).toEqual(['j1|t1|INFO|a', 'j1|t1|INFO|b'])
    expect(suite.store.lines).toEqual({ accepted: 2, refused: 3 })
  })

  test('gets one line for each end of a job, after the lines of the ending report', async () => {
    await report(aReport({ seq: 1, status: 'running', reportedAt: '2025-03-04T08:00:00Z' }))
    const end = { seq: 2, status: 'failed', reportedAt: '2025-03-04T08:00:30Z', error: { code: 'E7', message: 'why' } }
    await report(aReport({ ...end, logs: lines('last words') }))
    await report(aReport(end))
    await report(aReport({ seq: 3, status: 'failed' }))
    const outbox = await suite.outbox()
    expect(outbox.map((entry) => entry.isOwn === true)).toEqual([false, true])
    expect(outbox[1]?.lines[0]?.slice(1)).toEqual([
      'ERROR',
      'job j1 failed after 30 s: why',
      { event: 'job_finished', status: 'failed', duration_seconds: '30', error_code: 'E7' },
    ])
  })
})

describe('the tail of a job', () => {
  test('keeps the newest entries within its bytes, and their numbers go on', async () => {
    suite.reopen({ settings: { tailBytesMax: 2_000 } })
    for (let seq = 1; seq <= 30; seq++) await report(aReport({ seq, logs: lines(`line ${seq}`.padEnd(100, '.')) }))
    const tail = await tailOf()
    const bytes = tail.reduce((sum, entry) => sum + Buffer.byteLength(JSON.stringify(entry)), 0)
    expect(bytes).toBeLessThanOrEqual(2_000)
    expect(tail.length).toBeGreaterThan(3)
    expect(tail.at(-1)?.lines[0]?.[2]).toMatch(/^line 30/)
    expect((await suite.job())?.tailNo).toBe(30)
  })

  test('keeps the newest lines of a report that is larger than all of it; the outbox has them all', async () => {
    suite.reopen({ settings: { tailBytesMax: 2_000 } })
    await report(aReport({ seq: 1, logs: Array.from({ length: 100 }, (_, i) => ({ line: `é${i}`.padEnd(60, 'é') })) }))
    const [entry] = await tailOf()
    expect(Buffer.byteLength(JSON.stringify(entry))).toBeLessThanOrEqual(2_000)
    expect(entry?.lines.at(-1)?.[2]).toMatch(/^é99/)
    expect(await suite.lines()).toHaveLength(100)
  })

  test('expires after the end; in a job that goes on afterwards it fills up again', async () => {
    suite.reopen({ settings: { tailBytesMax: 2_000, tailRetentionMs: 30 } })
    const fill = async (attempt: number, count: number) => {
      for (let seq = 1; seq <= count; seq++) await report(aReport({ attempt, seq, logs: lines('x'.padEnd(300, 'x')) }))
    }
    await fill(1, 10)
    await report(aReport({ seq: 11, status: 'failed' }))
    await expect.poll(() => tailOf()).toEqual([])
    await fill(2, 4)
    expect((await tailOf()).length).toBeGreaterThan(2)
    const key = suite.keys.tail(suite.keys.shardOfJob('default', 'j1'), 'default', 'j1')
    expect(await suite.redis.pttl(key)).toBe(-1)
  })

  test('is told to whoever follows it, also lines of an attempt long past', async () => {
    await report(aReport({ attempt: 2, seq: 1, logs: lines('now') }))
    await report(aReport({ attempt: 1, seq: 1, logs: lines('before') }))
    const numbers = suite.store.told.flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === 'job' ? [event.record.tailNo] : [])),
    )
    expect(Math.max(...numbers)).toBe(2)
    expect((await suite.job())?.tailNo).toBe(2)
  })
})

test('the history of a job is bounded and keeps every change of status', async () => {
  suite.reopen({ settings: { historySamplesMax: 20 } })
  for (let i = 0; i < 200; i++) {
    suite.store.time.aheadMs += 2_000
    await report(aReport({ progress: i / 250 }))
  }
  await report(aReport({ status: 'suspended' }))
  await report(aReport({ status: 'failed' }))
  const key = suite.keys.history(suite.keys.shardOfJob('default', 'j1'), 'default', 'j1')
  const samples = (await suite.redis.lrange(key, 0, -1)).map((text) => JSON.parse(text) as { status: string })
  expect(samples).toHaveLength(20)
  expect(samples.slice(-3).map((sample) => sample.status)).toEqual(['running', 'suspended', 'failed'])
})
