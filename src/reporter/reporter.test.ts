import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  applied,
  type ProgrammableAggregator,
  programmableAggregator,
  until,
} from '../../test/support/programmable-aggregator.ts'
import { createReporter, type Problem, type Reporter, type ReporterOptions, type ReporterSettings } from './index.ts'

let server: ProgrammableAggregator
let problems: Problem[]
const opened: Reporter[] = []

const quick: Partial<ReporterSettings> = {
  firstReportMs: 40,
  reportIntervalMs: 80,
  heartbeatMs: 0,
  retryBaseMs: 5,
  retryMaxMs: 40,
  deliveryTimeoutMs: 4_000,
  repeatFinalMs: 0,
}

function aReporter(options: Partial<ReporterOptions> = {}, settings: Partial<ReporterSettings> = {}): Reporter {
  const reporter = createReporter({
    url: server.url,
    engine: { engineType: 'spark', instance: 'node-07:38215' },
    handleExit: false,
    onProblem: (problem) => problems.push(problem),
    ...options,
    settings: { ...quick, ...settings },
  })
  opened.push(reporter)
  return reporter
}

const codes = () => problems.map((problem) => problem.code)
const reportsOf = (jobId: string) => server.reports().filter((report) => report.jobId === jobId)

beforeEach(async () => {
  server = await programmableAggregator()
  problems = []
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((reporter) => reporter.close(0)))
  await server.close()
})

describe('when reports go out', () => {
  test('the first report waits for the delay and carries the newest value of each part', async () => {
    const begunMs = performance.now()
    const task = aReporter().task({ jobId: 'j1', taskType: 'sql' })
    for (let i = 0; i <= 5_000; i++) task.update({ progress: i / 10_000, attributes: { [`k${i % 3}`]: i } })
    const first = await until(() => server.requests[0], 'a first report')
    expect(first.atMs - begunMs).toBeGreaterThanOrEqual(40)
    expect(server.requests).toHaveLength(1)
    expect(first.reports[0]).toMatchObject({ jobId: 'j1', execId: 'j1', taskType: 'sql', attempt: 1, seq: 1, progress: 0.5 })
    expect(first.reports[0]?.attributes).toEqual({ k0: '4998', k1: '4999', k2: '5000' })
  })

  test('an open task is reported every interval, numbered from 1 under one incarnation', async () => {
    aReporter().task({ jobId: 'j1' })
    await until(() => reportsOf('j1').length >= 4, 'four reports')
    expect(reportsOf('j1').map((report) => report.seq)).toEqual(reportsOf('j1').map((_, index) => index + 1))
    expect(new Set(reportsOf('j1').map((report) => report.engine.incarnation)).size).toBe(1)
  })

  test('a status that changes is reported at once, unknown and final words are not taken', async () => {
    const task = aReporter({}, { firstReportMs: 60_000, reportIntervalMs: 60_000 }).task({ jobId: 'j1', status: 'scheduled' })
    task.update({ status: 'running' })
    await until(() => reportsOf('j1')[0]?.status === 'running', 'the new status')
    task.update({ status: 'succeeded' as 'running' })
    expect(codes()).toEqual(['ARGUMENT_INVALID'])
  })

  test('each task counts its own numbers, also two attempts of one', async () => {
    const scope = aReporter()
    await scope.task({ jobId: 'j1', execId: 'e1' }).finish('failed')
    await scope.task({ jobId: 'j1', execId: 'e2' }).finish()
    await scope.task({ jobId: 'j1', execId: 'e1', attempt: 2 }).finish()
    expect(reportsOf('j1').map(({ execId, attempt, seq }) => [execId, attempt, seq])).toEqual([
      ['e1', 1, 1],
      ['e2', 1, 1],
      ['e1', 2, 1],
    ])
  })

  test('all tasks of an engine share requests of at most 100 reports', async () => {
    const scope = aReporter({}, { reportIntervalMs: 60_000 })
    for (let i = 0; i < 250; i++) scope.task({ jobId: `j${i}` })
    await until(() => server.reports().length >= 250, 'all tasks')
    // Three, where all of them fall due together; on a slow machine the first go before the last.
    expect(server.requests.length).toBeLessThanOrEqual(25)
    expect(Math.max(...server.requests.map((request) => request.reports.length))).toBe(100)
    expect(server.requests[0]?.headers['content-encoding']).toBe('gzip')
  })

  test('a request holds no more than its bytes, and a single larger report goes alone', async () => {
    const scope = aReporter({}, { reportIntervalMs: 60_000, batchBytesMax: 4_000 })
    for (let i = 0; i < 6; i++) scope.task({ jobId: `j${i}` }).update({ metadata: { text: 'x'.repeat(i === 3 ? 9_000 : 1_000) } })
    await until(() => server.reports().length >= 6, 'all tasks')
    for (const request of server.requests) expect(request.body.length <= 4_002 || request.reports.length === 1).toBe(true)
    expect(new Set(server.reports().map((report) => report.jobId)).size).toBe(6)
  })

  test('a small body is not compressed', async () => {
    aReporter({}, { gzipAboveBytes: 100_000 }).task({ jobId: 'j1' })
    const request = await until(() => server.requests[0], 'a request')
    expect(request.headers['content-encoding']).toBeUndefined()
    expect(request.headers['content-type']).toBe('application/json')
  })

  test('large opaque parts are sent when they change, and with the end', async () => {
    const task = aReporter().task({ jobId: 'j1' })
    task.update({ metadata: { a: 1 } })
    await until(() => reportsOf('j1').length >= 3, 'three reports')
    await task.finish()
    const seen = reportsOf('j1').map((report) => report['metadata'])
    expect(seen[0]).toEqual({ a: 1 })
    expect(seen.slice(1, -1).every((metadata) => metadata === undefined)).toBe(true)
    expect(seen.at(-1)).toEqual({ a: 1 })
  })
})

describe('the engine', () => {
  test('counts its tasks and says when it is busy', async () => {
    const scope = aReporter({ taskLimit: 4 })
    const waiting = scope.task({ jobId: 'w', status: 'scheduled' })
    await scope.task({ jobId: 'a' }).finish()
    await scope.task({ jobId: 'b' }).fail(new TypeError('no'))
    const task = scope.task({ jobId: 'c' })
    await scope.flush()
    expect(server.reports().at(-1)?.engineTaskCounts).toEqual({ running: 1, pending: 1, succeeded: 1, failed: 1, limit: 4 })
    expect(server.reports().at(-1)?.engine.status).toBe('Busy')
    await task.cancel()
    await waiting.cancel()
    expect(server.reports().at(-1)?.engineTaskCounts).toEqual({ running: 0, pending: 0, succeeded: 1, failed: 1, limit: 4 })
    expect(server.reports().at(-1)?.engine['stateSeconds']).toMatchObject({ idle: expect.any(Number), busy: expect.any(Number) })
  })

  test('asks for its limit at each report where it is a function, and leaves out what is no limit', async () => {
    let limit = 2
    const scope = aReporter({ taskLimit: () => limit })
    await scope.task({ jobId: 'a' }).finish()
    limit = Number.NaN
    await scope.task({ jobId: 'b' }).finish()
    expect(server.reports().map((report) => report.engineTaskCounts['limit'])).toEqual([2, undefined])
    expect(codes()).toEqual(['ARGUMENT_INVALID'])
  })

  test('says that it is there while it has nothing else to say', async () => {
    const scope = aReporter({ namespace: 'team-a', engine: { engineType: 'python' } }, { heartbeatMs: 30 })
    await until(() => server.reports().length >= 3, 'three heartbeats')
    expect(server.reports()[0]).toMatchObject({ namespace: 'team-a', engine: { instance: scope.instance, status: 'Idle' } })
    expect(server.reports()[0]).not.toHaveProperty('execId')
    expect(scope.instance).toContain(`:${process.pid}`)
  })

  test('measures CPU and memory of its process for its tasks, and what the engine says goes first', async () => {
    const scope = aReporter()
    await scope.task({ jobId: 'a' }).finish()
    await scope.task({ jobId: 'b' }).finish('succeeded', { usage: { memoryBytes: 7, cpuSeconds: Number.NaN } })
    await scope.task({ jobId: 'c', measureUsage: false }).finish()
    expect(reportsOf('a')[0]?.usage?.['memoryBytes']).toBeGreaterThan(1e6)
    expect(reportsOf('a')[0]?.usage?.['cpuSeconds']).toBeGreaterThanOrEqual(0)
    expect(reportsOf('b')[0]?.usage).toMatchObject({ memoryBytes: 7, cpuSeconds: expect.any(Number) })
    expect(reportsOf('c')[0]?.usage).toBeUndefined()
  })

  test('two reporters of one process never share a name', () => {
    const engine = { engineType: 'python' }
    const [a, b] = [aReporter({ engine }), aReporter({ engine })]
    expect(a.instance).not.toBe(b.instance)
    expect(a.incarnation < b.incarnation).toBe(true)
  })

  test('says that it leaves when it is closed', async () => {
    const scope = aReporter()
    await scope.task({ jobId: 'a' }).finish()
    expect(await scope.close()).toBe(true)
    expect(server.reports().at(-1)?.engine.status).toBe('ShuttingDown')
    expect(scope.task({ jobId: 'late' }).update({ progress: 1 })).toBeUndefined()
    expect(codes()).toEqual(['CLOSED'])
  })
})

describe('a task that is released', () => {
  test('is said once more, with its lines, and never again', async () => {
    const scope = aReporter({}, { heartbeatMs: 30 })
    const task = scope.task({ jobId: 'a' })
    task.update({ status: 'waiting_for_retry' })
    task.log('WARN', 'put back')
    task.release()
    task.update({ progress: 0.5 })
    expect(await task.finish()).toEqual({ delivered: false, reason: 'released' })
    await until(() => server.reports().at(-1)?.execId === undefined && reportsOf('a').length > 0, 'only heartbeats')
    const [last] = reportsOf('a')
    expect(reportsOf('a')).toHaveLength(1)
    expect(last).toMatchObject({ status: 'waiting_for_retry', logs: [{ line: 'put back' }] })
    expect(server.reports().at(-1)?.engineTaskCounts).toEqual({ running: 0, pending: 0, succeeded: 0, failed: 0 })
    expect(scope.stats().tasks).toBe(0)
    expect(codes()).toEqual(['TASK_ENDED'])
  })

  test('goes on with its numbers when it comes back', async () => {
    const scope = aReporter()
    scope.task({ jobId: 'a' }).release()
    scope.task({ jobId: 'a' }).release()
    await until(() => scope.stats().tasks === 0, 'the task to be gone')
    await scope.task({ jobId: 'a' }).finish()
    const seqs = reportsOf('a').map((report) => report.seq)
    expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    expect(reportsOf('a').at(-1)).toMatchObject({ status: 'succeeded', engineTaskCounts: { running: 0, succeeded: 1 } })
    expect(codes()).toEqual([])
  })

  test('leaves no trace where nothing was new of it', async () => {
    const scope = aReporter({}, { reportIntervalMs: 60_000 })
    const task = scope.task({ jobId: 'a' })
    await scope.flush()
    task.release()
    expect(scope.stats().tasks).toBe(0)
    expect(reportsOf('a')).toHaveLength(1)
  })
})

describe('the end of a task', () => {
  test('finish resolves when the end has arrived, with the lines and the last news', async () => {
    const task = aReporter().task({ jobId: 'j1' })
    task.log('info' as 'INFO', 'read 10 rows', { rows: 10 })
    task.log('ERROR', '')
    expect(await task.finish('succeeded', { progress: 1, attributes: { rows: 10 } })).toEqual({
      delivered: true,
      outcome: 'applied',
    })
    expect(reportsOf('j1')).toHaveLength(1)
    expect(reportsOf('j1')[0]).toMatchObject({ status: 'succeeded', progress: 1, attributes: { rows: '10' }, seq: 1 })
    expect(reportsOf('j1')[0]?.logs).toMatchObject([
      { level: 'INFO', line: 'read 10 rows', fields: { rows: '10' } },
      { level: 'ERROR', line: '' },
    ])
  })

  test('a failure carries code and message of what was thrown', async () => {
    const scope = aReporter()
    await scope.task({ jobId: 'a' }).fail(Object.assign(new Error('no such table'), { code: '40001' }))
    await scope.task({ jobId: 'b' }).fail('just text')
    await scope.task({ jobId: 'c' }).finish('timed_out', { error: { code: 'SLOW' } })
    expect(server.reports().map(({ status, error }) => ({ status, error }))).toEqual([
      { status: 'failed', error: { code: '40001', message: 'no such table' } },
      { status: 'failed', error: { message: 'just text' } },
      { status: 'timed_out', error: { code: 'SLOW' } },
    ])
  })

  test('the final report is sent once more, byte for byte', async () => {
    const task = aReporter({}, { repeatFinalMs: 50 }).task({ jobId: 'j1' })
    await task.finish()
    await until(() => server.requests.length >= 2, 'the repetition')
    expect(server.requests[1]?.body).toBe(server.requests[0]?.body)
  })

  test('finish keeps trying and tells when the time is over, and the end still arrives later', async () => {
    server.answer = (_, index) => (index < 6 ? { status: 503 } : undefined)
    const task = aReporter({}, { deliveryTimeoutMs: 1 }).task({ jobId: 'j1' })
    expect(await task.finish()).toEqual({ delivered: false, reason: 'timeout' })
    await until(() => server.requests.length >= 7, 'the end')
    expect(new Set(server.requests.map((request) => request.body)).size).toBe(1)
  })

  test('only the first end counts, and news after it is not taken', async () => {
    const task = aReporter().task({ jobId: 'j1' })
    await Promise.all([task.finish(), task.fail('late')])
    task.update({ progress: 0.1 })
    expect(reportsOf('j1').map((report) => report.status)).toEqual(['succeeded'])
    expect(codes()).toEqual(['TASK_ENDED'])
  })

  test('lines logged after the end are still sent', async () => {
    const task = aReporter().task({ jobId: 'j1' })
    await task.finish()
    task.log('INFO', 'after')
    await until(() => reportsOf('j1')[1]?.logs?.[0]?.line === 'after', 'the late line')
    expect(reportsOf('j1')[1]).toMatchObject({ seq: 2, status: 'succeeded' })
  })

  test('a last report that is rejected is sent once more without the parts that may be at fault', async () => {
    server.answer = ({ reports }) =>
      reports.some((report) => report['metadata'] !== undefined)
        ? {
            status: 400,
            ...applied(0, [{ index: 0, outcome: 'rejected', code: 'REPORT_INVALID', message: 'no' }], { rejected: 1 }),
          }
        : undefined
    const task = aReporter().task({ jobId: 'j1' })
    expect(await task.finish('succeeded', { metadata: { bad: true } })).toMatchObject({ delivered: true })
    expect(codes()).toEqual(['REPORT_INVALID'])
  })
})

describe('trouble on the way', () => {
  test('a lost answer brings the same bytes again', async () => {
    server.answer = (_, index) => (index < 2 ? 'cut' : undefined)
    const scope = aReporter()
    const task = scope.task({ jobId: 'j1' })
    task.log('INFO', 'once')
    expect(await task.finish()).toMatchObject({ delivered: true })
    expect(server.requests).toHaveLength(3)
    expect(new Set(server.requests.map((request) => request.body)).size).toBe(1)
    expect(scope.stats()).toMatchObject({ sent: 1, retried: 2, requests: 3, isReachable: true })
    expect(codes()).toEqual(['UNREACHABLE'])
  })

  test.each([408, 429, 500, 502, 503, 504])('%i is tried again after Retry-After', async (status) => {
    server.answer = (_, index) => (index === 0 ? { status, headers: { 'retry-after': '1' } } : undefined)
    const task = aReporter({}, { retryMaxMs: 200 }).task({ jobId: 'j1' })
    await task.finish()
    const [first, second] = server.requests
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(190)
    expect(codes()).toEqual([`HTTP_${status}`])
  })

  test.each([401, 403, 404])('%i is told of and tried again slowly', async (status) => {
    server.answer = (_, index) => (index < 2 ? { status, body: { error: { code: 'TOKEN_INVALID', message: 'no' } } } : undefined)
    const task = aReporter({}, { retryMaxMs: 100 }).task({ jobId: 'j1' })
    expect(await task.finish()).toMatchObject({ delivered: true })
    expect((server.requests[1]?.atMs ?? 0) - (server.requests[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(45)
    expect(codes()).toEqual(['TOKEN_INVALID'])
  })

  test('a 2xx that is no answer of an aggregator is not taken as one', async () => {
    server.answer = (_, index) => (index === 0 ? { body: '<html>welcome</html>' } : undefined)
    expect(await aReporter().task({ jobId: 'j1' }).finish()).toMatchObject({ delivered: true })
    expect(codes()).toEqual(['ANSWER_UNREADABLE'])
  })

  test('a rejected report is dropped, counted and told of once, and the others stand', async () => {
    server.answer = ({ reports }) => {
      const results = reports.flatMap(({ jobId }, index) =>
        jobId === 'bad' ? [{ index, outcome: 'rejected', code: 'REPORT_INVALID', path: 'taskType', message: 'unknown' }] : [],
      )
      return applied(reports.length - results.length, results)
    }
    const scope = aReporter()
    const ends = [scope.task({ jobId: 'bad' }).finish(), scope.task({ jobId: 'good' }).finish()]
    expect(await Promise.all(ends)).toEqual([
      { delivered: false, outcome: 'rejected', reason: 'rejected' },
      { delivered: true, outcome: 'applied' },
    ])
    expect(scope.stats()).toMatchObject({ rejected: 2, tasks: 0, problems: { REPORT_INVALID: 2 } })
    expect(codes()).toEqual(['REPORT_INVALID'])
  })

  test('a part that the aggregator cannot read is left out from then on, and its lines are kept', async () => {
    server.answer = ({ reports }) =>
      reports[0]?.['lineage'] === undefined
        ? undefined
        : applied(0, [{ index: 0, outcome: 'rejected', code: 'REPORT_INVALID', path: 'lineage[0].x', message: 'no' }])
    const task = aReporter().task({ jobId: 'j1' })
    task.update({ lineage: [{ x: 1 }] })
    task.log('INFO', 'kept')
    await until(
      () => reportsOf('j1').find((report) => report['lineage'] === undefined && report.logs?.[0]?.line === 'kept'),
      'the next report',
    )
  })

  test('a report that may come later is kept and sent again as it is', async () => {
    server.answer = (_, index) =>
      index === 0
        ? { status: 429, ...applied(0, [{ index: 0, outcome: 'rejected', code: 'OPEN_JOBS_LIMIT', message: 'too many' }]) }
        : undefined
    expect(await aReporter().task({ jobId: 'j1' }).finish()).toMatchObject({ delivered: true })
    expect(server.requests[1]?.body).toBe(server.requests[0]?.body)
  })

  test('a body that is refused as a whole is halved until the report at fault is alone', async () => {
    server.answer = ({ reports }) => (reports.some((report) => report.jobId === 'j3') ? { status: 413 } : undefined)
    const scope = aReporter()
    const ends = Array.from({ length: 8 }, (_, index) => scope.task({ jobId: `j${index}` }).finish())
    const delivered = (await Promise.all(ends)).map((delivery) => delivery.delivered)
    expect(delivered).toEqual([true, true, true, false, true, true, true, true])
  })

  test('an aggregator that takes no compressed bodies gets plain ones', async () => {
    server.answer = ({ headers }) => (headers['content-encoding'] === undefined ? undefined : { status: 415 })
    const scope = aReporter({}, { gzipAboveBytes: 0 })
    expect(await scope.task({ jobId: 'j1' }).finish()).toMatchObject({ delivered: true })
    await scope.task({ jobId: 'j2' }).finish()
    expect(server.requests).toHaveLength(3)
  })

  test('missing ranges are filled from what was sent, byte for byte, once', async () => {
    const scope = aReporter({}, { reportIntervalMs: 30 })
    const task = scope.task({ jobId: 'j1' })
    await until(() => reportsOf('j1').length >= 3, 'three reports')
    server.answer = ({ reports }) => {
      const index = reports.findIndex((report) => (report.seq ?? 0) > 3)
      return index < 0
        ? undefined
        : applied(reports.length, [
            {
              index,
              outcome: 'applied',
              missing: [
                [1, 2],
                [900, 901],
              ],
            },
          ])
    }
    await until(() => reportsOf('j1').filter((report) => (report.seq ?? 0) <= 2).length >= 4, 'both again')
    server.answer = () => undefined
    await task.finish()
    const twice = reportsOf('j1').filter((report) => report.seq === 1)
    expect(JSON.stringify(twice[1])).toBe(JSON.stringify(twice[0]))
    expect(scope.stats().sentAgain).toBeGreaterThanOrEqual(2)
    expect(scope.stats().sentAgain).toBeLessThanOrEqual(6)
  })

  test('a stale reporter is told that another engine has its name', async () => {
    server.answer = ({ reports }) => applied(0, [{ index: 0, outcome: 'stale' }], { stale: reports.length })
    await aReporter().task({ jobId: 'j1' }).finish()
    expect(codes()).toEqual(['STALE'])
  })
})

describe('log lines', () => {
  test('refused lines go with the next report, with the time they had', async () => {
    server.answer = ({ reports }, index) =>
      index === 0
        ? applied(
            reports.length,
            [{ index: 0, outcome: 'applied', code: 'LOGS_REFUSED', logLinesRefused: 2, retryAfterSeconds: 0.05 }],
            {
              logs: { state: 'full', retryAfterSeconds: 0.05 },
            },
          )
        : undefined
    const scope = aReporter()
    const task = scope.task({ jobId: 'j1' })
    task.log('INFO', 'one')
    task.log('INFO', 'two')
    await until(() => reportsOf('j1').length >= 1, 'the first report')
    task.log('INFO', 'three')
    const second = await until(
      () =>
        reportsOf('j1')
          .slice(1)
          .find((report) => report.logs !== undefined),
      'the lines again',
    )
    expect(second.logs?.map((entry) => entry.line)).toEqual(['one', 'two', 'three'])
    expect(second.logs?.[0]?.ts).toBe(reportsOf('j1')[0]?.logs?.[0]?.ts)
    expect(scope.stats()).toMatchObject({ logLinesRefused: 2, logLinesDropped: 0 })
  })

  test('lines refused with the end follow it', async () => {
    server.answer = ({ reports }, index) =>
      index === 0
        ? applied(reports.length, [{ index: 0, outcome: 'applied', code: 'LOGS_REFUSED', logLinesRefused: 1 }])
        : undefined
    const scope = aReporter()
    const task = scope.task({ jobId: 'j1' })
    task.log('INFO', 'last words')
    expect(await task.finish()).toMatchObject({ delivered: true })
    expect(await scope.close()).toBe(true)
    expect(reportsOf('j1').map(({ seq, status, logs }) => [seq, status, logs?.[0]?.line])).toEqual([
      [1, 'succeeded', 'last words'],
      [2, 'succeeded', 'last words'],
    ])
  })

  test('while the aggregator is tight, lines go with fewer reports', async () => {
    server.answer = ({ reports }) => applied(reports.length, [], { logs: { state: 'tight', retryAfterSeconds: 0.5 } })
    const task = aReporter({}, { reportIntervalMs: 30 }).task({ jobId: 'j1' })
    const ticker = setInterval(() => task.log('INFO', 'tick'), 5)
    await until(() => reportsOf('j1').length >= 8, 'eight reports')
    clearInterval(ticker)
    expect(reportsOf('j1').filter((report) => report.logs !== undefined).length).toBeLessThanOrEqual(4)
  })

  test('a ring that fills is sent before the next interval', async () => {
    const task = aReporter({}, { firstReportMs: 60_000, reportIntervalMs: 60_000, logLinesMax: 100 }).task({ jobId: 'j1' })
    for (let i = 0; i < 50; i++) task.log('INFO', `line ${i}`)
    await until(() => reportsOf('j1')[0]?.logs?.length === 50, 'fifty lines')
  })

  test('the oldest lines go when the aggregator is away, and their number is the first thing said', async () => {
    const { port } = server
    await server.close()
    const scope = aReporter({}, { logLinesMax: 10 })
    const task = scope.task({ jobId: 'j1' })
    for (let i = 0; i < 25; i++) task.log('INFO', `line ${i}`)
    expect(scope.stats()).toMatchObject({ logLinesDropped: 15, queuedLogLines: 10 })
    server = await programmableAggregator(port)
    await task.finish()
    const lines = reportsOf('j1').flatMap((report) => report.logs ?? [])
    expect(lines[0]).toMatchObject({ level: 'WARN', line: '15 lines dropped', fields: { dropped: '15' } })
    expect(lines.slice(1).map((entry) => entry.line)).toEqual(Array.from({ length: 10 }, (_, index) => `line ${index + 15}`))
  })

  test('what does not fit into one report goes before the end', async () => {
    const task = aReporter({}, { logLinesMax: 5_000 }).task({ jobId: 'j1' })
    for (let i = 0; i < 2_500; i++) task.log('INFO', `line ${i}`)
    await task.finish()
    const lines = reportsOf('j1').flatMap((report) => report.logs ?? [])
    expect(lines.map((entry) => entry.line)).toEqual(Array.from({ length: 2_500 }, (_, index) => `line ${index}`))
    expect(reportsOf('j1').every((report) => (report.logs?.length ?? 0) <= 1_000)).toBe(true)
    expect(reportsOf('j1').map((report) => report.status)).toEqual([
      ...reportsOf('j1')
        .slice(1)
        .map(() => 'running'),
      'succeeded',
    ])
  })

  test('a line of more than 64 KiB is cut in whole characters, with a mark', async () => {
    const task = aReporter().task({ jobId: 'j1' })
    task.log('INFO', '€'.repeat(40_000))
    await task.finish()
    const line = reportsOf('j1')[0]?.logs?.[0]?.line ?? ''
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(65_536)
    expect(line).toMatch(/^€+…\[cut\]$/)
  })
})

describe('the engine is never harmed', () => {
  test('nothing throws while the aggregator is away, and memory is bounded', async () => {
    await server.close()
    const settings = { allLogBytesMax: 200_000, outboxBytesMax: 100_000, tasksMax: 500, deliveryTimeoutMs: 50, logLinesMax: 100 }
    const scope = aReporter({}, settings)
    const tasks = Array.from({ length: 600 }, (_, index) => scope.task({ jobId: `j${index}` }))
    for (let round = 0; round < 50; round++) {
      for (const task of tasks) {
        task.update({ progress: round / 50, metadata: { round } })
        task.log('INFO', 'x'.repeat(100))
      }
    }
    const ends = await Promise.all(tasks.map((task) => task.finish()))
    expect(ends.every((end) => !end.delivered)).toBe(true)
    const stats = scope.stats()
    expect(stats.queuedBytes).toBeLessThanOrEqual(100_000)
    expect(stats.dropped).toBeGreaterThan(0)
    expect(stats.logLinesDropped).toBeGreaterThan(0)
    await until(() => codes().includes('UNREACHABLE'), 'a refused connection')
    expect(codes().toSorted()).toEqual(['QUEUE_FULL', 'TOO_MANY_TASKS', 'UNREACHABLE'])
    server = await programmableAggregator()
  })

  test('a hundred thousand updates are a report or two, the last with what was said last', async () => {
    const task = aReporter().task({ jobId: 'j1' })
    for (let i = 0; i < 100_000; i++) task.update({ progress: 0.5, algorithmMetrics: { loss: i } })
    await task.finish()
    const losses = reportsOf('j1').map((report) => (report['algorithmMetrics'] as { loss?: number } | undefined)?.loss)
    expect(losses.length).toBeLessThanOrEqual(2)
    expect(losses.at(-1)).toBe(99_999)
  })

  test('arguments that do not fit are told of and left out', async () => {
    const scope = aReporter({ taskLimit: 1.5, namespace: 'not ok' }, { reportIntervalMs: -1 })
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    scope.task({} as never).update({ progress: 1 })
    scope.task(undefined as never).log('INFO', 'nowhere')
    scope.task({ jobId: 'bad id' })
    const task = scope.task({ jobId: 'j1' })
    task.update(null as never)
    task.update({ progress: 42, metadata: cyclic, lineage: 'text' as never, usage: { cpuSeconds: 1n as never } })
    task.log(7 as never, { odd: true } as never, 'odd' as never)
    expect(await task.finish('done' as never)).toEqual({ delivered: false, reason: 'invalid' })
    expect(await task.finish()).toMatchObject({ delivered: true })
    expect(reportsOf('j1')[0]).not.toHaveProperty('progress')
    expect(reportsOf('j1')[0]).not.toHaveProperty('metadata')
    expect(new Set(codes())).toEqual(new Set(['ARGUMENT_INVALID', 'INTERNAL', 'PART_UNREADABLE']))
  })

  test.each([undefined, '', 'nowhere', 'ftp://x', 'http://'])(
    'with the url %o it reports nothing and says so once',
    async (url) => {
      const scope = aReporter({ url: url as string })
      const task = scope.task({ jobId: 'j1' })
      task.update({ progress: 0.5 })
      task.log('INFO', 'x')
      expect(await task.fail(new Error('x'))).toEqual({ delivered: false, reason: 'disabled' })
      expect(await scope.close()).toBe(false)
      expect(codes()).toEqual(['URL_INVALID'])
    },
  )

  test('a hook that throws is not heard', async () => {
    const scope = aReporter({
      onProblem: () => {
        throw new Error('hook')
      },
    })
    scope.task({ jobId: 'bad id' })
    expect(await scope.task({ jobId: 'j1' }).finish()).toMatchObject({ delivered: true })
    expect(scope.stats().problems).toMatchObject({ HOOK_THREW: 1 })
  })

  test('close flushes what was not said yet', async () => {
    const scope = aReporter({}, { firstReportMs: 60_000 })
    const task = scope.task({ jobId: 'j1' })
    task.update({ progress: 0.25 })
    task.log('INFO', 'unsent')
    expect(await scope.close()).toBe(true)
    expect(reportsOf('j1')[0]).toMatchObject({ progress: 0.25, logs: [{ line: 'unsent' }] })
  })

  test('close gives up in time', async () => {
    await server.close()
    const scope = aReporter()
    const end = scope.task({ jobId: 'j1' }).finish()
    expect(await scope.close(30)).toBe(false)
    expect(await end).toEqual({ delivered: false, reason: 'closed' })
    server = await programmableAggregator()
  })

  test('the token goes as a bearer', async () => {
    await aReporter({ token: 'secret', url: `${server.url}/prefix/` })
      .task({ jobId: 'j1' })
      .finish()
    expect(server.requests[0]?.headers['authorization']).toBe('Bearer secret')
  })
})
