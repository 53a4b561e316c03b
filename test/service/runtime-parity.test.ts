import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilItOwnsAll } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { type FakeRuntime, startFakeRuntime } from '../support/fake-runtime.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { monitorRequirement as holds } from '../support/runtime-requirements.ts'

/** Everything that an engine states of times is this, on both ways; seconds, so that no rounding differs. */
const atMs = Math.floor(Date.now() / 1_000) * 1_000 - 30_000
const epoch = String(atMs - 60_000)
const id = 'parity'
const programRunId = JSON.stringify({
  ...{ namespace: 'default', application: 'etl', version: '1.0', type: 'Workflow', program: 'daily', run: id },
})
const servers: RedisServer[] = []
const aggregators: Aggregator[] = []
let fetched: Aggregator
let pushed: Aggregator
let atOnce: Aggregator
let both: Aggregator
const runtimes: FakeRuntime[] = []
beforeAll(async () => {
  for (let i = 0; i < 4; i++) await anAggregator()
  ;[pushed, fetched, atOnce, both] = aggregators as [Aggregator, Aggregator, Aggregator, Aggregator]
}, 120_000)
afterAll(async () => {
  await Promise.all(aggregators.map((each) => each.stop()))
  await Promise.all(runtimes.map((each) => each.close()))
  await Promise.all(servers.map((each) => each.stop()))
})

async function anAggregator(): Promise<Aggregator> {
  const redis = await startRedis()
  servers.push(redis)
  const settings = { RUNTIME_INTERVAL: '100ms', RUNTIME_GRACE: '500ms', LINGER: '10m' }
  const aggregator = await startAggregator({ redisUrl: redis.url, settings })
  aggregators.push(aggregator)
  await untilItOwnsAll(aggregator)
  return aggregator
}

const engine = { instance: id, engineType: 'cdap', incarnation: epoch }
const attributes = { application: 'etl', version: '1.0', programType: 'Workflow', program: 'daily' }
const own = { jobId: id, execId: id, scope: 'job', taskType: 'workflow', engine, attributes }
const bare = { jobId: id, execId: id, scope: 'job', taskType: 'workflow', engine, status: 'RUNNING', reportedAt: atMs }

const aStatus = (programStatus: string, properties: object) => ({
  notificationType: 'PROGRAM_STATUS',
  properties: { programRunId, programStatus, ...properties },
})
const aTask = (execId: string, seq: number, more: object) => ({
  ...{ execId, taskType: 'sql', seq, status: 'Running', reportedAt: atMs + seq * 1_000 },
  ...more,
})
const tasks = [
  aTask('a', 1, { status: 'Scheduled', attributes: { queue: 'q1' } }),
  aTask('a', 2, { progress: 0.25, usage: { cpuSeconds: 1.5, memoryBytes: 1_048_576 } }),
  aTask('a', 3, { progress: 0.5, logs: [{ ts: atMs + 1, level: 'WARN', line: 'half', fields: { rows: '12' } }] }),
  aTask('b', 1, { progress: 0.1, attempt: 1 }),
  aTask('b', 2, { status: 'Failed', attempt: 1, error: { code: 'E_DISK', message: 'disk full' } }),
  aTask('b', 3, { progress: 0.9, attempt: 2 }),
  aTask('b', 4, { status: 'Succeed', attempt: 2, usage: { cpuSeconds: 4 } }),
  aTask('a', 4, { status: 'Succeed', usage: { cpuSeconds: 9, memoryBytes: 0 } }),
]
const line = { ts: atMs + 5, level: 'INFO', line: 'of the run', fields: { step: 'x' } }

/** The end comes by itself: fetched, it is held back until everything else is in. */
const beforeTheEnd: readonly { readonly topic: string; readonly message: unknown; readonly report: object }[] = [
  {
    ...{ topic: 'program.status', message: aStatus('STARTING', {}), report: { ...own, status: 'STARTING', reportedAt: atMs } },
  },
  {
    topic: 'program.status',
    message: aStatus('RUNNING', { 'logical.start.time': String(atMs) }),
    report: { ...own, status: 'RUNNING', reportedAt: atMs },
  },
  ...tasks.map((task) => ({ topic: 'task.running', message: task, report: { ...task, jobId: id, engine } })),
  { topic: 'logs', message: line, report: { ...bare, logs: [line] } },
  {
    topic: 'metadata',
    message: { metadata: { owner: 'team', tags: ['a'] } },
    report: { ...bare, metadata: { owner: 'team', tags: ['a'] } },
  },
  {
    topic: 'lineage',
    message: { lineage: [{ entity: 'x', access: 'READ' }] },
    report: { ...bare, lineage: [{ entity: 'x', access: 'READ' }] },
  },
  {
    topic: 'workflow.token',
    message: { workflowToken: { n: { k: 'v' } } },
    report: { ...bare, workflowToken: { n: { k: 'v' } } },
  },
]
const endTime = atMs + 20_000
const end = {
  message: aStatus('COMPLETED', { endTime: String(endTime) }),
  report: { ...own, status: 'COMPLETED', reportedAt: endTime },
}

const jobPath = `/api/v1/namespaces/default/jobs/${id}`

/**
 * All that there is to say of a job, as text. Of it only the receipt clock is made equal: `timestamps.lastReport` of job and
 * tasks, and the two series of it. What was fetched up to where is no part of a job's detail: it stands with the runtime.
 */
async function stateOf(from: Aggregator): Promise<string> {
  const [job, logs, metrics] = await Promise.all([
    from.http.get(jobPath),
    from.http.get(`${jobPath}/logs?order=asc&limit=1000`),
    from.http.get('/metrics'),
  ])
  expect([job.status, logs.status, metrics.status]).toEqual([200, 200, 200])
  // Series of the process itself have no `instance`, those of runtimes are the monitor's.
  const series = metrics.text
    .split('\n')
    .filter((text) => text.includes('instance=""') && !text.startsWith('enginescope_runtime'))
  return [
    job.text.replaceAll(/"lastReport":"[^"]+"/g, '"lastReport":"RECEIPT"'),
    logs.text,
    ...series
      .map((text) => text.replace(/^(enginescope_(?:task|engine)_last_report_timestamp_seconds\{.*\}) .*$/, '$1 RECEIPT'))
      .sort(),
  ].join('\n')
}

const publish = (runtime: FakeRuntime, messages: readonly { readonly topic: string; readonly message: unknown }[]) => {
  for (const { topic, message } of messages) runtime.publish(topic, message, atMs)
}
const push = async (to: Aggregator, reports: readonly object[]) => {
  for (const report of reports) {
    const answer = await to.http.post('/api/v1/reports', report)
    expect([answer.status, answer.json<{ rejected: number }>().rejected], answer.text).toEqual([200, 0])
  }
}

async function follow(by: Aggregator): Promise<FakeRuntime> {
  const runtime = await startFakeRuntime(id, epoch)
  runtimes.push(runtime)
  expect((await by.http.post('/api/v1/runtimes', { runtimeId: id, url: runtime.url })).status).toBe(201)
  return runtime
}

const untilSaid = (by: Aggregator, path: string, part: string) =>
  eventually(
    async () => (await by.http.get(path)).text,
    (text) => text.includes(part),
    { what: part, timeoutMs: 20_000 },
  )
/** Each message is taken in before the next is there. */
async function publishOneByOne(by: Aggregator, runtime: FakeRuntime, messages: typeof beforeTheEnd): Promise<void> {
  for (const { topic, message } of messages) {
    const messageId = runtime.publish(topic, message, atMs)
    await untilSaid(by, `/api/v1/runtimes/${id}`, `"${topic}":{"offset":"${messageId}"`)
  }
}
async function publishEnd(by: Aggregator, runtime: FakeRuntime): Promise<void> {
  await untilSaid(by, jobPath, '"workflowToken":{')
  runtime.publish('program.status', end.message, atMs)
  await untilSaid(by, `/api/v1/runtimes/${id}`, 'ENDED')
}

/** Tasks that were taken in at one moment have no order of arrival. */
function sorted(state: string): string {
  const [first = '', ...rest] = state.split('\n')
  const job = JSON.parse(first) as { tasks: { execId: string }[] }
  job.tasks.sort((a, b) => (a.execId < b.execId ? -1 : 1))
  return [JSON.stringify(job), ...rest].join('\n')
}

/** As pushed left it; series follow at their own pace. */
async function expectSame(from: Aggregator, as = (state: string) => state): Promise<void> {
  const expected = await eventually(
    async () => as(await stateOf(pushed)),
    (text) => /tasks_finished_total\{[^}]*"workflow"[^}]*"succeeded"[^}]*\} 1$/m.test(text),
    { what: 'the series of what was pushed' },
  )
  expect(expected.split('\n').length).toBeGreaterThan(100)
  const read = async () => as(await stateOf(from))
  const found = await eventually(read, (text) => text === expected, { what: 'the same', timeoutMs: 10_000 }).catch(read)
  const differing = found.split('\n').map((text, i) => [text, expected.split('\n')[i]] as const)
  for (const [text, other] of differing)
    expect(text.startsWith('{') ? JSON.parse(text) : text).toEqual(text.startsWith('{') ? JSON.parse(other ?? '') : other)
  expect(found === expected, 'the texts are the same').toBe(true)
}

describe('the same messages, pushed to one aggregator and fetched by another', () => {
  beforeAll(async () => {
    await push(pushed, [...beforeTheEnd.map(({ report }) => report), end.report])
  })

  holds('CM-03', async () => {
    const runtime = await follow(fetched)
    await publishOneByOne(fetched, runtime, beforeTheEnd)
    await publishEnd(fetched, runtime)
    await expectSame(fetched)
  })

  test('fetched all at once differ in nothing but the order in which tasks are listed', async () => {
    const runtime = await startFakeRuntime(id, epoch)
    runtimes.push(runtime)
    publish(runtime, beforeTheEnd)
    expect((await atOnce.http.post('/api/v1/runtimes', { runtimeId: id, url: runtime.url })).status).toBe(201)
    await publishEnd(atOnce, runtime)
    await expectSame(atOnce, sorted)
  })

  test('and by both ways at once each counts once', async () => {
    const reports = tasks.map((task) => ({ ...task, jobId: id, engine }))
    const runtime = await follow(both)
    await publishOneByOne(both, runtime, beforeTheEnd.slice(0, 2))
    const pushing = push(both, reports)
    publish(runtime, beforeTheEnd.slice(2))
    await pushing
    await publishEnd(both, runtime)
    await push(both, reports)
    await expectSame(both, sorted)
  })
})
