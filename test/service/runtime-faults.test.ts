import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilItOwnsAll } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { type FakeRuntime, startFakeRuntime } from '../support/fake-runtime.ts'
import { samplesOf, sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { aLine, aStatus, aTaskMessage } from '../support/runtime-messages.ts'
import { monitorRequirement as holds } from '../support/runtime-requirements.ts'

const grace = 2_000
let redis: RedisServer
let aggregator: Aggregator
const runtimes: FakeRuntime[] = []
beforeAll(async () => {
  redis = await startRedis({ appendOnly: true })
  aggregator = await startAggregator({
    redisUrl: redis.url,
    settings: {
      ...{ RUNTIME_INTERVAL: '100ms', RUNTIME_GRACE: `${grace}ms`, RUNTIME_FAILURES: '3', RUNTIME_TIMEOUT: '700ms' },
      ...{ LINGER: '500ms', RUNTIME_TOPICS: 'custom', SUSPECT_AFTER: '2s', LOST_AFTER: '8s' },
    },
  })
  await untilItOwnsAll(aggregator)
})
afterAll(async () => {
  await aggregator?.stop()
  await Promise.all(runtimes.map((runtime) => runtime.close()))
  await redis?.stop()
})

type Task = { execId: string; status: string; progress: number }
type Job = { status: string; error: { code: string; message: string } | null; tasks: Task[] } & Record<string, unknown>
type Detail = { state: string; topics: Record<string, { offset: string | null; behind: number }> } & Record<string, unknown>
const detailOf = async (id: string) => (await aggregator.http.get(`/api/v1/runtimes/${id}`)).json<Detail>()
const jobOf = async (id: string) => {
  const answer = await aggregator.http.get(`/api/v1/namespaces/default/jobs/${id}`)
  return answer.status === 200 ? answer.json<Job>() : undefined
}
const until = <T>(what: string, read: () => Promise<T>, isDone: (value: T) => boolean) =>
  eventually(read, isDone, { what, timeoutMs: 20_000 })
const untilJob = (id: string, what: string, isDone: (job: Job) => boolean) =>
  until(
    `${id}: ${what}`,
    () => jobOf(id),
    (job) => job !== undefined && isDone(job),
  )
const untilState = (id: string, state: string) =>
  until(
    `${id} to be ${state}`,
    () => detailOf(id),
    (found) => found.state === state,
  )
const messages = async (topic: string, outcome: string) =>
  sampleValue(await aggregator.metrics(), 'enginescope_runtime_messages_total', { topic, outcome }) ?? 0
const refusedOf = async (id: string) =>
  (await aggregator.http.get(`/api/v1/runtimes/${id}/refused`)).json<{ messages: { messageId: string; reason: string }[] }>()
    .messages

/** A runtime that is registered and running. */
async function aRuntime(id: string, more: Readonly<Record<string, unknown>> = {}): Promise<FakeRuntime> {
  const runtime = await startFakeRuntime(id)
  runtimes.push(runtime)
  runtime.publish(...aStatus(id, 'RUNNING'))
  const answer = await aggregator.http.post('/api/v1/runtimes', { runtimeId: id, url: runtime.url, ...more })
  expect(answer.status, answer.text).toBe(201)
  await untilJob(id, 'to run', (job) => job.status === 'running')
  return runtime
}

const linesOf = async (id: string) =>
  (await aggregator.http.get(`/api/v1/namespaces/default/jobs/${id}/logs?order=asc&limit=1000`))
    .json<{ lines: { line: string }[] }>()
    .lines.map(({ line }) => line)

describe('polling', () => {
  holds('CM-02', async () => {
    const runtime = await aRuntime('asks')
    expect(runtime.asked[0]).toEqual(
      Object.fromEntries(
        ['heartbeat', 'metadata', 'lineage', 'workflow.token', 'task.running', 'logs', 'program.status', 'custom'].map(
          (topic) => {
            const limit = { heartbeat: 10, 'task.running': 500, logs: 1_000 }[topic] ?? 100
            return [topic, { messageId: null, limit }]
          },
        ),
      ),
    )
    const last = runtime.publish(...aLine('one'))
    await until(
      'the next request',
      async () => runtime.asked.at(-1),
      (asked) => asked?.['logs']?.messageId === last,
    )
  })

  holds('CM-01', async () => {
    const runtime = await aRuntime('removed')
    expect((await aggregator.http.delete('/api/v1/runtimes/removed')).status).toBe(204)
    expect((await aggregator.http.get('/api/v1/runtimes/removed')).status).toBe(404)
    await until(
      'silence',
      async () => {
        const before = runtime.asked.length
        await new Promise((resolve) => setTimeout(resolve, 400))
        return runtime.asked.length - before
      },
      (more) => more === 0,
    )
    expect((await jobOf('removed'))?.status).toBe('running')
  })

  holds('CM-07', async () => {
    const runtime = await aRuntime('full')
    for (let i = 1; i <= 2_500; i++) runtime.publish(...aLine(`line ${i}`))
    await until(
      'all lines',
      () => detailOf('full'),
      (found) => found.topics['logs']?.offset?.endsWith('0000002500') === true,
    )
    const asked = () => runtime.asked.map((topics) => Number(topics['logs']?.messageId?.slice(14) ?? 0))
    await until(
      'the request after it',
      async () => asked(),
      (numbers) => numbers.includes(2_500),
    )
    expect(asked()).toEqual(expect.arrayContaining([1_000, 2_000, 2_500]))
  })

  holds('CM-08', async () => {
    await aRuntime('idle')
    const before = await jobOf('idle')
    await until(
      'an engine that lives',
      async () => {
        const engine = await aggregator.http.get('/api/v1/engines/idle')
        return engine.json<{ state: string }>().state
      },
      (state) => state === 'live',
    )
    expect(await jobOf('idle')).toMatchObject({ status: 'running', tasks: before?.tasks.map(({ execId }) => ({ execId })) })
    expect(sampleValue(await aggregator.metrics(), 'enginescope_runtime_up', { runtime: 'idle' })).toBe(1)
  })

  holds('CM-19', async () => {
    const slow = await aRuntime('slow')
    const quick = await aRuntime('quick')
    slow.misbehave = () => undefined // never answers
    const before = quick.asked.length
    await until(
      'the quick one to be asked on',
      async () => quick.asked.length,
      (count) => count > before + 5,
    )
    await untilState('slow', 'UNREACHABLE')
  })

  holds('CM-20', async () => {
    const runtime = await aRuntime('lagging')
    runtime.misbehave = (response, honest) => {
      const answer = JSON.parse(honest) as { topics: Record<string, { latest: string; messages: unknown[] }> }
      const logs = answer.topics['logs']
      if (logs !== undefined) Object.assign(logs, { latest: `${runtime.epoch}-0000000042`, messages: [] })
      response.end(JSON.stringify(answer))
    }
    const labels = { runtime: 'lagging', namespace: 'default' }
    await until(
      'messages behind',
      async () => {
        return sampleValue(await aggregator.metrics(), 'enginescope_runtime_messages_behind', { ...labels, topic: 'logs' })
      },
      (behind) => behind === 42,
    )
    expect(sampleValue(await aggregator.metrics(), 'enginescope_runtime_poll_lag_seconds', labels)).toBeLessThan(5)
  })
})

describe('a runtime that cannot be trusted', () => {
  holds('CM-09', async () => {
    const runtime = await aRuntime('forgetful')
    runtime.misbehave = (response, honest) => {
      const answer = JSON.parse(honest) as { topics: Record<string, unknown> }
      delete answer.topics['custom']
      response.end(JSON.stringify(answer))
    }
    const before = await messages('other', 'unknown_topic')
    await until(
      'the count',
      () => messages('other', 'unknown_topic'),
      (count) => count > before,
    )
    runtime.publish(...aLine('still heard'))
    await until(
      'the line',
      () => linesOf('forgetful'),
      (lines) => lines.includes('still heard'),
    )
  })

  holds('CM-10', async () => {
    const runtime = await aRuntime('cut')
    let isCut = true
    runtime.misbehave = (response, honest) => {
      const at = honest.indexOf('line 3')
      if (at < 0 || !isCut) return void response.end(honest)
      isCut = false
      response.writeHead(200, { 'content-length': String(honest.length) })
      response.write(honest.slice(0, at), () => setTimeout(() => response.destroy(), 50))
    }
    for (let i = 1; i <= 5; i++) runtime.publish(...aLine(`line ${i}`))
    await until(
      'all lines',
      () => linesOf('cut'),
      (lines) => lines.length >= 5,
    )
    expect(await linesOf('cut')).toEqual([1, 2, 3, 4, 5].map((i) => `line ${i}`))
    await until(
      'the count',
      async () => sampleValue(await aggregator.metrics(), 'enginescope_runtime_polls_total', { outcome: 'partial' }) ?? 0,
      (count) => count > 0,
    )
  })

  test('is believed up to its first lie; what cannot be read is passed over and kept', async () => {
    const runtime = await aRuntime('poisonous')
    runtime.publish('logs', { no: 'line' })
    runtime.publish('task.running', 'not a report')
    runtime.publish('task.running', {
      execId: 'deep',
      status: 'Running',
      attributes: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`),
    })
    runtime.publish(...aLine('good'))
    await until(
      'the good line',
      () => linesOf('poisonous'),
      (lines) => lines.includes('good'),
    )
    expect((await refusedOf('poisonous')).map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['it has no line', 'it is no report', 'it is nested too deeply']),
    )
    runtime.misbehave = (response, honest) => {
      const answer = JSON.parse(honest) as { topics: Record<string, { messages: unknown[] }> }
      const message = { ts: Date.now(), level: 'INFO', line: 'a lie' }
      answer.topics['logs']?.messages.push({ messageId: `${runtime.epoch}-0000000001`, message })
      response.end(JSON.stringify(answer))
    }
    await until(
      'the refusal',
      () => refusedOf('poisonous'),
      (refused) => refused.some(({ reason }) => reason.includes('does not rise')),
    )
    expect(await linesOf('poisonous')).toEqual(['good'])
  })

  test.each([
    ['another runtime', { runtimeId: 'someone-else' }],
    ['a lower epoch', { epoch: '1000000000000' }],
    ['no epoch', { epoch: 17 }],
  ])('that answers as %s is not believed at all', async (what, lie) => {
    const id = `liar-${what.replaceAll(' ', '-')}`
    const runtime = await aRuntime(id)
    runtime.publish(...aLine('not seen'))
    runtime.misbehave = (response, honest) => response.end(JSON.stringify({ ...JSON.parse(honest), ...lie }))
    runtime.publish(...aLine('not seen either'))
    await untilState(id, 'UNREACHABLE')
    runtime.misbehave = undefined
    await untilState(id, 'ACTIVE')
    await until(
      'both lines',
      () => linesOf(id),
      (lines) => lines.length === 2,
    )
  })

  test('loses what its log no longer has, and that is counted', async () => {
    const runtime = await aRuntime('trimmed')
    const before = await messages('logs', 'lost')
    runtime.misbehave = (response) => response.writeHead(503).end()
    for (let i = 1; i <= 10; i++) runtime.publish(...aLine(`line ${i}`))
    runtime.trim('logs', 6)
    runtime.misbehave = undefined
    await until(
      'the rest',
      () => linesOf('trimmed'),
      (lines) => lines.includes('line 10'),
    )
    await until(
      'the loss',
      () => messages('logs', 'lost'),
      (lost) => lost >= before + 1,
    )
  })

  test('that lost its log is read anew, under the same epoch or a higher one', async () => {
    const runtime = await aRuntime('reborn')
    for (let i = 1; i <= 3; i++) runtime.publish(...aLine(`before ${i}`))
    await until(
      'the lines',
      () => linesOf('reborn'),
      (lines) => lines.length === 3,
    )
    runtime.reset(runtime.epoch)
    runtime.publish(...aLine('same epoch'))
    await until(
      'the new line',
      () => linesOf('reborn'),
      (lines) => lines.includes('same epoch'),
    )
    runtime.reset(String(Number(runtime.epoch) + 1))
    runtime.publish(...aLine('higher epoch'))
    await until(
      'the newest line',
      () => linesOf('reborn'),
      (lines) => lines.includes('higher epoch'),
    )
    expect((await linesOf('reborn')).length).toBe(5)
    await until(
      'both resets to be counted',
      async () => samplesOf(await aggregator.metrics(), 'enginescope_runtime_resets_total', {}).map(({ value }) => value),
      (resets) => resets.length === 2 && resets.every((value) => value > 0),
    )
  })

  holds('CM-22', async () => {
    const runtime = await aRuntime('owner', { token: 'a-token-of-its-own' })
    expect(runtime.tokens.every((token) => token === 'Bearer a-token-of-its-own')).toBe(true)
    expect(JSON.stringify(await detailOf('owner'))).not.toContain('a-token-of-its-own')
    await aRuntime('neighbour')
    runtime.publish(...aTaskMessage('mine', { jobId: 'a-job-of-owner' }))
    runtime.publish(...aTaskMessage('theirs', { jobId: 'neighbour' }))
    runtime.publish(...aTaskMessage('elsewhere', { namespace: 'other' }))
    await until(
      'both refusals',
      () => refusedOf('owner'),
      (refused) => refused.length === 2,
    )
    expect((await jobOf('a-job-of-owner'))?.tasks).toMatchObject([{ execId: 'mine' }])
    expect((await jobOf('neighbour'))?.tasks).toHaveLength(1)
    await until(
      'the count',
      () => messages('task.running', 'foreign'),
      (count) => count >= 2,
    )
    for (const url of ['http://169.254.169.254/', 'http://8.8.8.8/', 'http://[::ffff:169.254.169.254]/', 'ftp://127.0.0.1/']) {
      const refused = await aggregator.http.post('/api/v1/runtimes', { runtimeId: 'x', url })
      expect(refused.status, url).toBe(400)
    }
    for (const topics of [['audit'], ['logs', 'audit:2']]) {
      const refused = await aggregator.http.post('/api/v1/runtimes', { runtimeId: 'x', url: runtime.url, topics })
      expect([refused.status, refused.text.includes('TOPIC_FORBIDDEN')]).toEqual([403, true])
    }
  })
})

describe('the end of a run', () => {
  holds('CM-11', async () => {
    const runtime = await aRuntime('steps')
    runtime.publish(...aStatus('steps', 'STARTING'))
    runtime.publish(...aStatus('steps', 'SUSPENDED'))
    await untilJob('steps', 'to be suspended', (job) => job.status === 'suspended')
    runtime.publish(...aStatus('steps', 'REJECTED'))
    runtime.publish(...aStatus('steps', 'RESUMING'))
    await untilJob('steps', 'to run again', (job) => job.status === 'running')
    expect((await refusedOf('steps')).map(({ reason }) => reason)).toEqual([
      'REJECTED cannot follow SUSPENDED',
      'STARTING cannot follow RUNNING',
    ])
    const programError = JSON.stringify({ className: 'java.io.IOException', message: 'disk full' })
    runtime.publish(...aStatus('steps', 'FAILED', { endTime: String(Date.now()), programError }))
    await untilState('steps', 'ENDED')
    expect(await jobOf('steps')).toMatchObject({
      status: 'failed',
      error: { code: 'java.io.IOException', message: 'disk full' },
    })
  })

  holds('CM-12', async () => {
    const runtime = await aRuntime('parent')
    runtime.publish(...aStatus('parent-child', 'RUNNING', {}, { type: 'MapReduce' }))
    runtime.publish(...aStatus('parent-child', 'COMPLETED', { endTime: String(Date.now() - 10_000) }, { type: 'MapReduce' }))
    await untilJob('parent', 'to have its child', (job) =>
      job.tasks.some(({ execId, status }) => execId === 'parent-child' && status === 'succeeded'),
    )
    const asked = runtime.asked.length
    await until(
      'it to be asked on',
      async () => runtime.asked.length,
      (count) => count > asked + 10,
    )
    expect(await detailOf('parent')).toMatchObject({ state: 'ACTIVE' })
    expect(await jobOf('parent')).toMatchObject({ status: 'running' })
  })

  holds('CM-13', async () => {
    const runtime = await aRuntime('last')
    const endedAtMs = Date.now()
    const end = runtime.publish(...aStatus('last', 'COMPLETED', { endTime: String(endedAtMs) }))
    const statuses: (string | undefined)[] = []
    runtime.misbehave = (response, honest) => {
      // Asked for the first time after the end was read: one more line, for the next answer.
      if (runtime.asked.at(-1)?.['program.status']?.messageId === end) {
        runtime.misbehave = undefined
        runtime.publish(...aLine('after the end'))
        void jobOf('last').then((job) => {
          statuses.push(job?.status)
          response.end(honest)
        })
      } else response.end(honest)
    }
    await untilState('last', 'ENDED')
    expect(Date.now() - endedAtMs).toBeGreaterThan(grace / 2)
    expect((await jobOf('last'))?.status).toBe('succeeded')
    expect(await linesOf('last')).toEqual(['after the end'])
    expect(statuses).toEqual(['running'])
  })

  holds('CM-14', async () => {
    const runtime = await aRuntime('tidy')
    runtime.publish(...aStatus('tidy', 'COMPLETED', { endTime: String(Date.now() - 5_000) }))
    await untilState('tidy', 'ENDED')
    expect(runtime.calls).toEqual({ kill: 0, shutdown: 1 })
    expect(await detailOf('tidy')).toMatchObject({ topics: {}, owner: null })
    const keys = await redis.client().keys('*runtime-owner:default/tidy')
    expect(keys).toEqual([])
    await until(
      'its series to go',
      async () => samplesOf(await aggregator.metrics(), 'enginescope_runtime_up', { runtime: 'tidy' }).length,
      (count) => count === 0,
    )
    expect((await aggregator.http.post('/api/v1/runtimes', { runtimeId: 'tidy', url: runtime.url })).status).toBe(410)
    expect(
      (await aggregator.http.post('/api/v1/runtimes', { runtimeId: 'parent', namespace: 'x', url: runtime.url })).status,
    ).toBe(409)
  })

  holds('CM-15', async () => {
    const runtime = await aRuntime('gone')
    runtime.misbehave = (response) => response.writeHead(503).end()
    await untilState('gone', 'UNREACHABLE')
    expect(sampleValue(await aggregator.metrics(), 'enginescope_runtime_up', { runtime: 'gone' })).toBe(0)
    runtime.misbehave = undefined
    runtime.publish(...aLine('back'))
    await until(
      'the line',
      () => linesOf('gone'),
      (lines) => lines.includes('back'),
    )
    await untilState('gone', 'ACTIVE')
  })

  holds('CM-16', async () => {
    const runtime = await aRuntime('dead')
    await runtime.close()
    const body = { alive: false, exitCode: 137, message: 'OOM killed' }
    expect((await aggregator.http.post('/api/v1/runtimes/dead/process', body)).status).toBe(202)
    await untilState('dead', 'ENDED')
    const job = await jobOf('dead')
    expect(job).toMatchObject({ status: 'failed', error: { code: 'RUNTIME_TERMINATED' } })
    expect(job?.error?.message).toContain('OOM killed')
  })

  holds('CM-17', async () => {
    const runtime = await aRuntime('stopped')
    expect((await aggregator.http.post('/api/v1/runtimes/stopped/stop')).status).toBe(202)
    await until(
      'the kill',
      async () => runtime.calls.kill,
      (kills) => kills === 1,
    )
    expect((await jobOf('stopped'))?.status).toBe('running')
    runtime.publish(...aStatus('stopped', 'KILLED', { endTime: String(Date.now()) }))
    await untilState('stopped', 'ENDED')
    expect((await jobOf('stopped'))?.status).toBe('cancelled')
    expect(runtime.calls.kill).toBe(1)
  })

  holds('CM-23', async () => {
    const runtime = await aRuntime('facts')
    runtime.publish('metadata', { metadata: { a: 1, b: 2 } })
    runtime.publish('metadata', { metadata: { b: 3 } })
    runtime.publish('lineage', { lineage: [{ x: 1 }] })
    runtime.publish('lineage', { lineage: [{ x: 1 }, { x: 2 }] })
    runtime.publish('workflow.token', { workflowToken: { n: { k: 'v' } } })
    runtime.publish('custom', { whatever: true })
    await untilJob('facts', 'to know them', (job) => JSON.stringify(job['lineage']) === '[{"x":1},{"x":2}]')
    expect(await jobOf('facts')).toMatchObject({ metadata: { a: 1, b: 3 }, workflowToken: { n: { k: 'v' } } })
    const opaque = await aggregator.http.get('/api/v1/runtimes/facts/opaque')
    expect(opaque.json()).toMatchObject({ messages: [{ topic: 'custom', text: '{"whatever":true}' }] })
  })
})

describe('GET /v3/namespaces/{namespace}/programs/status', () => {
  holds('CM-04', async () => {
    const path = '/v3/namespaces/seed/programs/status'
    expect((await aggregator.http.get(path)).status).toBe(204)
    const runtime = await startFakeRuntime('seed-run')
    runtimes.push(runtime)
    const about = { namespace: 'seed' }
    for (const status of ['PENDING', 'STARTING', 'RUNNING']) runtime.publish(...aStatus('seed-run', status, {}, about))
    await aggregator.http.post('/api/v1/runtimes', { runtimeId: 'seed-run', namespace: 'seed', url: runtime.url })
    type Page = {
      messages: { programStatus: string; status: string }[]
      next_offset: string
      more: boolean
      start_offset: string | null
    }
    await until(
      'three statuses',
      () => aggregator.http.get(path),
      (answer) => answer.status === 200 && answer.json<Page>().messages.length === 3,
    )
    const walked: string[] = []
    let offset: string | undefined
    for (;;) {
      const answer = await aggregator.http.get(`${path}?batchsize=2${offset === undefined ? '' : `&start_offset=${offset}`}`)
      if (answer.status === 204) break
      const page = answer.json<Page>()
      expect(page).toMatchObject({ namespace: 'seed', start_offset: offset ?? null })
      walked.push(...page.messages.map(({ programStatus, status }) => `${programStatus} ${status}`))
      offset = page.next_offset
    }
    expect(walked).toEqual(['PENDING inited', 'STARTING scheduled', 'RUNNING running'])
    for (const query of ['batchsize=0', 'batchsize=-1', 'batchsize=x', 'start_offset=nonsense']) {
      expect((await aggregator.http.get(`${path}?${query}`)).status, query).toBe(400)
    }
    expect((await aggregator.http.get(`${path}?batchsize=100000`)).status).toBe(200)
    expect((await aggregator.http.get('/v3/namespaces/nobody/programs/status')).status).toBe(204)
  })
})
