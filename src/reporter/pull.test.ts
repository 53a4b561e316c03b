import { createServer, type IncomingMessage, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { httpClient } from '../../test/support/http.ts'
import { type ProgrammableAggregator, programmableAggregator } from '../../test/support/programmable-aggregator.ts'
import {
  createReporter,
  type Problem,
  type PullOptions,
  type Reporter,
  type ReporterOptions,
  type ReporterSettings,
  registerRuntime,
  reportProcessEnd,
} from './index.ts'

type Fetched = { topic: string; messageId: string; message: Record<string, unknown> }

let problems: Problem[]
const opened: Reporter[] = []
beforeEach(() => {
  problems = []
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((reporter) => reporter.close(0)))
})

const quick: Partial<ReporterSettings> = { firstReportMs: 10, reportIntervalMs: 30, heartbeatMs: 0, deliveryTimeoutMs: 4_000 }

function aReporter(options: Partial<ReporterOptions> = {}, runtime: PullOptions = {}): Reporter {
  const reporter = createReporter({
    mode: 'pull',
    engine: { engineType: 'etl', instance: 'run-7f3c' },
    handleExit: false,
    measureUsage: false,
    onProblem: (problem) => problems.push(problem),
    runtime,
    ...options,
    settings: { ...quick, ...options.settings },
  })
  opened.push(reporter)
  return reporter
}

function partitionsOf(text: string): string[] {
  const [name = '', count] = text.split(':')
  return count === undefined ? [name] : Array.from({ length: Number(count) }, (_, index) => `${name}:${index}`)
}

/** A monitor as the protocol has it, in a few lines. */
async function monitorOf(reporter: Reporter, token?: string) {
  const url = (await reporter.runtime?.listening) ?? ''
  const http = httpClient(url, token === undefined ? {} : { token })
  const offsets = new Map<string, string | null>(
    (reporter.runtime?.topics ?? []).flatMap(partitionsOf).map((name) => [name, null]),
  )
  const seen: Fetched[] = []
  const fetch = async () => {
    const topics = Object.fromEntries([...offsets].map(([topic, messageId]) => [topic, { messageId, limit: 1000 }]))
    const answer = await http.post('/v1/runtime/messages', { protocol: 1, topics })
    const body = answer.json<{ topics: Record<string, { messages: Omit<Fetched, 'topic'>[] }> }>()
    const news = Object.entries(body.topics).flatMap(([topic, { messages }]) => messages.map((each) => ({ ...each, topic })))
    for (const { topic, messageId } of news) offsets.set(topic, messageId)
    seen.push(...news)
    return news
  }
  return { http, seen, fetch, of: (topic: string) => seen.filter((each) => each.topic === topic).map(({ message }) => message) }
}

describe('reports that are fetched', () => {
  test('are those that would be sent: only who says them and when differs', async () => {
    const server = await programmableAggregator()
    const script = async (reporter: Reporter) => {
      const task = reporter.task({ jobId: 'run-7f3c', execId: 'clean-1', taskType: 'sql' })
      task.update({ status: 'suspended' })
      task.update({ progress: 0.4, attributes: { queue: 'root' }, workflowToken: { rows: '5' } })
      task.log('WARN', '12 rows rejected', { step: 'clean' })
      await task.finish('succeeded')
    }
    try {
      const pushing = createReporter({
        url: server.url,
        engine: { engineType: 'etl', instance: 'run-7f3c' },
        measureUsage: false,
        handleExit: false,
      })
      await script(pushing)
      await pushing.close()
      const fetched = aReporter()
      const monitor = await monitorOf(fetched)
      const done = script(fetched)
      await eventually(
        async () => (await monitor.fetch()) && monitor.of('task.running').some(({ status }) => status === 'succeeded'),
      )
      await monitor.fetch()
      await done
      const asSaid = (report: Record<string, unknown>) =>
        JSON.parse(JSON.stringify(report), (key, value: unknown) =>
          ['reportedAt', 'ts', 'incarnation', 'stateSeconds', 'seq'].includes(key) ? key : value,
        )
      const pushed = server.reports().filter(({ execId }) => execId !== undefined)
      expect(asSaid(monitor.of('task.running').at(-1) ?? {})).toEqual(asSaid(pushed.at(-1) ?? {}))
      expect(monitor.of('task.running').map(({ seq }) => seq)).toEqual(monitor.of('task.running').map((_, index) => index + 1))
    } finally {
      await server.close()
    }
  })

  test('name the run as their engine and the epoch as its incarnation', async () => {
    const reporter = aReporter({ engine: { engineType: 'etl' } }, { runtimeId: 'run-1' })
    const monitor = await monitorOf(reporter)
    reporter.task({ execId: 'clean-1', jobId: 'run-1' })
    await eventually(async () => (await monitor.fetch()).length > 0)
    expect(monitor.of('task.running')[0]?.['engine']).toMatchObject({
      instance: 'run-1',
      engineType: 'etl',
      incarnation: reporter.runtime?.epoch,
    })
    expect([reporter.instance, reporter.incarnation]).toEqual(['run-1', reporter.runtime?.epoch])
  })

  test('an end counts as delivered once a monitor asks past it, not when it is fetched', async () => {
    const reporter = aReporter()
    const monitor = await monitorOf(reporter)
    let isDelivered = false
    const delivery = reporter.task({ jobId: 'j1' }).finish()
    void delivery.then(() => {
      isDelivered = true
    })
    await eventually(async () => (await monitor.fetch()).length > 0)
    expect(isDelivered).toBe(false)
    await monitor.fetch()
    expect(await delivery).toEqual({ delivered: true, outcome: 'applied' })
    expect(reporter.stats()).toMatchObject({ sent: 1, tasks: 0 })
  })

  test('an end that had to make room is told of as dropped, and counted with its lines', async () => {
    const reporter = aReporter({}, { settings: { topicMessagesMax: 2 } })
    const deliveries = ['j1', 'j2', 'j3'].map((jobId) => {
      const task = reporter.task({ jobId })
      task.log('INFO', 'one')
      return task.finish()
    })
    expect(await deliveries[0]).toEqual({ delivered: false, reason: 'dropped' })
    expect(reporter.stats()).toMatchObject({ dropped: 1, logLinesDropped: 1, tasks: 2 })
    expect(problems.map(({ code }) => code).sort()).toEqual(['MESSAGES_LOST', 'QUEUE_FULL'])
  })

  test('an end that is larger than a message may be is published without its parts', async () => {
    const reporter = aReporter({}, { settings: { messageBytesMax: 5_000 } })
    const monitor = await monitorOf(reporter)
    const task = reporter.task({ jobId: 'j1' })
    task.update({ metadata: { text: 'x'.repeat(10_000) } })
    const delivery = task.finish('failed', { error: { code: 'E1' } })
    await eventually(async () => (await monitor.fetch()).length > 0)
    await monitor.fetch()
    expect((await delivery).delivered).toBe(true)
    expect(monitor.of('task.running').at(-1)).toMatchObject({ status: 'failed', error: { code: 'E1' } })
  })

  test('a flush waits for the monitor, and gives up in time without one', async () => {
    const reporter = aReporter()
    reporter.task({ jobId: 'j1' }).update({ progress: 0.5 })
    expect(await reporter.flush(50)).toBe(false)
    const monitor = await monitorOf(reporter)
    const flushed = reporter.flush(5_000)
    await eventually(
      async () => (await monitor.fetch()) && reporter.runtime?.stats().taken === reporter.runtime?.stats().published,
    )
    expect(await flushed).toBe(true)
  })

  test('an engine with nothing else to say publishes heartbeats', async () => {
    const reporter = aReporter({ settings: { heartbeatMs: 20 } })
    const monitor = await monitorOf(reporter)
    await eventually(async () => (await monitor.fetch()) && monitor.of('heartbeat').length >= 2)
    expect(monitor.of('heartbeat')[0]).toMatchObject({ engine: { instance: 'run-7f3c' }, engineTaskCounts: { running: 0 } })
    expect(monitor.of('heartbeat')[0]).not.toHaveProperty('execId')
  })

  test('all reports of one task lie in one partition', async () => {
    const reporter = aReporter({}, { topics: ['task.running:3'] })
    const monitor = await monitorOf(reporter)
    for (let n = 0; n < 12; n++) reporter.task({ jobId: 'run-7f3c', execId: `e${n}` })
    await eventually(async () => (await monitor.fetch()) && monitor.seen.length >= 36)
    const places = new Map<unknown, Set<string>>()
    for (const { topic, message } of monitor.seen)
      places.set(message['execId'], (places.get(message['execId']) ?? new Set()).add(topic))
    expect([...places.values()].map(({ size }) => size)).toEqual(Array.from({ length: 12 }, () => 1))
    expect(new Set([...places.values()].flatMap((parts) => [...parts])).size).toBeGreaterThan(1)
  })

  test('without a monitor memory stays bounded and nothing throws', async () => {
    const reporter = aReporter({}, { settings: { keptBytesMax: 300_000 } })
    for (let n = 0; n < 500; n++) {
      const task = reporter.task({ jobId: `j${n}` })
      task.log('INFO', 'x'.repeat(5_000))
      void task.finish()
    }
    await eventually(() => reporter.runtime?.stats().published === 500)
    expect(reporter.runtime?.stats().keptBytes).toBeLessThanOrEqual(300_000)
    expect(reporter.stats().dropped).toBe(reporter.runtime?.stats().lost)
  })
})

const facts = { application: 'etl', version: '1.0', type: 'Workflow', program: 'daily' }

describe('a run of a program', () => {
  test('that is fetched says in the topics what monitors read there', async () => {
    const reporter = aReporter()
    const monitor = await monitorOf(reporter)
    const run = reporter.program(facts)
    run.move('STARTING', { userOverrides: '{}' })
    run.move('RUNNING')
    run.metadata({ tags: ['nightly'] })
    run.lineage([{ entity: 'dataset:default.purchases', access: 'READ' }])
    run.workflowToken({ clean: { rowsRead: '20000' } })
    run.log('WARN', '12 rows rejected', { step: 'clean' })
    const ended = run.fail(Object.assign(new Error('disk full'), { code: 'java.io.IOException' }))
    await monitor.fetch()
    await monitor.fetch()
    expect(await ended).toEqual({ delivered: true, outcome: 'fetched' })
    const programRunId = JSON.stringify({ namespace: 'default', ...facts, run: 'run-7f3c' })
    const status = (programStatus: string, more: object) => ({
      notificationType: 'PROGRAM_STATUS',
      properties: { programRunId, programStatus, ...more },
    })
    const time = expect.stringMatching(/^1\d{12}$/)
    expect(monitor.of('program.status')).toEqual([
      status('PENDING', {}),
      status('STARTING', { userOverrides: '{}' }),
      status('RUNNING', { 'logical.start.time': time }),
      status('FAILED', { endTime: time, programError: expect.any(String) }),
    ])
    const error = (monitor.of('program.status')[3] as { properties: { programError: string } }).properties.programError
    expect(JSON.parse(error)).toEqual({
      className: 'java.io.IOException',
      message: 'disk full',
      stackTrace: expect.stringContaining('Error: disk full'),
      cause: null,
    })
    expect(monitor.of('metadata')).toEqual([{ programRunId, metadata: { tags: ['nightly'] } }])
    expect(monitor.of('lineage')).toEqual([{ programRunId, lineage: [{ entity: 'dataset:default.purchases', access: 'READ' }] }])
    expect(monitor.of('workflow.token')).toEqual([{ programRunId, workflowToken: { clean: { rowsRead: '20000' } } }])
    expect(monitor.of('logs')).toEqual([
      { ts: expect.any(String), level: 'WARN', line: '12 rows rejected', fields: { step: 'clean' } },
    ])
  })

  test('that is pushed says the same as reports of its job', async () => {
    const server = await programmableAggregator()
    try {
      const reporter = aReporter({ mode: 'push', url: server.url, engine: { engineType: 'etl' } })
      const run = reporter.program({ ...facts, run: 'run-7f3c' })
      run.move('RUNNING')
      run.metadata({ tags: ['nightly'] })
      run.metadata({ owner: 'etl-team' })
      run.lineage([{ entity: 'a', access: 'READ' }])
      run.lineage([
        { entity: 'a', access: 'READ' },
        { entity: 'b', access: 'WRITE' },
      ])
      run.workflowToken({ extract: { rows: '5' } })
      run.workflowToken({ clean: { rows: '4' } })
      await run.task({ execId: 'clean-1', taskType: 'sql' }).finish()
      expect((await run.finish()).delivered).toBe(true)
      expect(server.reports().find(({ execId }) => execId === 'clean-1')).toMatchObject({ jobId: 'run-7f3c' })
      expect(server.reports().at(-1)).toMatchObject({
        jobId: 'run-7f3c',
        execId: 'run-7f3c',
        scope: 'job',
        taskType: 'workflow',
        status: 'succeeded',
        attributes: { application: 'etl', version: '1.0', programType: 'Workflow', program: 'daily' },
        metadata: { tags: ['nightly'], owner: 'etl-team' },
        lineage: [
          { entity: 'a', access: 'READ' },
          { entity: 'b', access: 'WRITE' },
        ],
        workflowToken: { extract: { rows: '5' }, clean: { rows: '4' } },
      })
    } finally {
      await server.close()
    }
  })

  test('says nothing after its end, and what does not fit is left out', async () => {
    const run = aReporter().program(facts)
    run.move('FLYING' as 'RUNNING')
    run.lineage('all' as unknown as [])
    const first = run.cancel()
    run.move('RUNNING')
    expect(run.finish()).toBe(first)
    expect(problems.map(({ code }) => code)).toEqual(['ARGUMENT_INVALID', 'RUN_ENDED'])
    expect(opened[0]?.stats().problems).toEqual({ ARGUMENT_INVALID: 2, RUN_ENDED: 2 })
  })

  test('stays to be fetched from until a monitor asks for the shutdown', async () => {
    const reporter = aReporter()
    const monitor = await monitorOf(reporter)
    void reporter.program(facts).finish()
    let hasClosed = false
    const closed = reporter.close(20_000).then((hasArrived) => {
      hasClosed = true
      return hasArrived
    })
    await eventually(async () => (await monitor.fetch()).length === 0 && monitor.of('program.status').length === 2)
    expect(hasClosed).toBe(false)
    expect((await monitor.http.post('/v1/runtime/shutdown')).status).toBe(202)
    expect(await closed).toBe(true)
    await expect(monitor.fetch()).rejects.toThrow()
  })

  test('that nobody fetches is closed after the grace, and that is said', async () => {
    const reporter = aReporter({}, { settings: { endGraceMs: 60 } })
    void reporter.program(facts).finish()
    expect(await reporter.close()).toBe(false)
  })
})

describe('registration', () => {
  let server: Server
  let seen: { path: string; authorization: string | undefined; body: Record<string, unknown> }[]
  let statuses: number[]
  let url: string
  beforeEach(async () => {
    seen = []
    statuses = []
    server = createServer(async (request: IncomingMessage, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      seen.push({
        path: request.url ?? '',
        authorization: request.headers.authorization,
        body: JSON.parse(String(Buffer.concat(chunks))) as Record<string, unknown>,
      })
      const status = statuses.shift() ?? 201
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(status < 300 ? '{}' : '{"error":{"code":"REFUSED","message":"no"}}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    url = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
  })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  test('a run tells the aggregator where it is, with a token of its own that monitors then need', async () => {
    const reporter = aReporter(
      { url, token: 'reporting', namespace: 'etl' },
      { topics: ['task.running:2'], pollMode: 'per-topic' },
    )
    await eventually(() => seen.length === 1)
    const { token, ...body } = seen[0]?.body ?? {}
    expect(seen[0]).toMatchObject({ path: '/api/v1/runtimes', authorization: 'Bearer reporting' })
    expect(body).toEqual({
      runtimeId: 'run-7f3c',
      namespace: 'etl',
      url: await reporter.runtime?.listening,
      mode: 'per-topic',
      topics: ['heartbeat', 'metadata', 'lineage', 'workflow.token', 'task.running:2', 'logs', 'program.status'],
      engineType: 'etl',
    })
    expect(token).toMatch(/^[0-9a-f]{64}$/)
    const http = httpClient((await reporter.runtime?.listening) ?? '')
    expect((await http.get('/v1/runtime/topics/logs/messages')).status).toBe(401)
    expect((await http.get('/v1/runtime/topics/logs/messages', { authorization: `Bearer ${String(token)}` })).status).toBe(200)
  })

  test('is tried again while the aggregator is away, and given up when it says no', async () => {
    statuses = [503, 429, 201]
    const target = { url: `${url}/api/v1/reports` }
    expect(await registerRuntime(target, { runtimeId: 'run-1', url: 'http://127.0.0.1:1' })).toEqual({ taken: true })
    expect(seen.map(({ path }) => path)).toEqual(Array.from({ length: 3 }, () => '/api/v1/runtimes'))
    statuses = [409]
    aReporter({ url })
    await eventually(() => problems.length > 0)
    expect(problems[0]).toMatchObject({ code: 'NOT_REGISTERED', message: expect.stringContaining('REFUSED no') })
    expect(seen).toHaveLength(4)
  })

  test('is left to the launcher where the run is told so', async () => {
    const reporter = aReporter({ url }, { register: false })
    await reporter.runtime?.listening
    expect(await reportProcessEnd({ url }, 'run/7', { exitCode: 137, message: 'killed' })).toEqual({ taken: true })
    expect(seen).toEqual([
      {
        path: '/api/v1/runtimes/run%2F7/process',
        authorization: undefined,
        body: { alive: false, exitCode: 137, message: 'killed' },
      },
    ])
  })

  test('a notice never rejects: it says why it was not taken', async () => {
    expect(await registerRuntime({ url: 'nowhere' }, { runtimeId: 'r', url: 'x' })).toMatchObject({
      taken: false,
      code: 'URL_INVALID',
    })
    expect(await reportProcessEnd({ url: 'http://127.0.0.1:9', timeoutMs: 50 }, 'r')).toMatchObject({
      taken: false,
      code: 'UNREACHABLE',
    })
    expect(await reportProcessEnd({ url, signal: AbortSignal.abort() }, 'r')).toEqual({ taken: false, code: 'ABORTED' })
  })
})

test('a setting switches between both: the same calls work either way', async () => {
  const server: ProgrammableAggregator = await programmableAggregator()
  try {
    for (const mode of ['push', 'pull'] as const) {
      const reporter = aReporter({ mode, url: server.url }, { register: false })
      const run = reporter.program({ ...facts, run: 'run-7f3c' })
      run.move('RUNNING')
      const task = run.task({ execId: 'clean-1', taskType: 'sql' })
      task.log('INFO', 'begun')
      const ends = Promise.all([task.finish(), run.finish()])
      if (mode === 'pull') {
        const monitor = await monitorOf(reporter)
        await eventually(async () => (await monitor.fetch()) && reporter.runtime?.stats().taken === 4)
      }
      expect((await ends).map(({ delivered }) => delivered)).toEqual([true, true])
    }
    expect(problems).toEqual([])
  } finally {
    await server.close()
  }
})
