import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilShared } from '../support/aggregator.ts'
import { sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

type Item = Record<string, unknown>
type Body = Item | Item[]
type ReportAnswer = {
  applied: number
  late: number
  duplicate: number
  closed: number
  results: { index: number; missing?: number[][] }[]
}
type JobAnswer = {
  status: string
  progress: number
  error: { code: string | null; message: string | null } | null
  attributes: Record<string, string>
  algorithmMetrics: Record<string, unknown>
  durations: { queueSeconds: number | null; runSeconds: number | null }
  resources: {
    applications: { applicationId: string; jobStatus: string; live: boolean }[]
    totals: { memoryBytes: number; cpuCores: number; containers: number }
  }
  tasks: { engine: { ticketId: string | null; incarnation: string | null } }[]
}
type LogAnswer = { lines: { level: string; line: string }[] }

let redis: RedisServer
let first: Aggregator
let second: Aggregator

beforeAll(async () => {
  redis = await startRedis()
  first = await startAggregator({ redisUrl: redis.url })
  second = await startAggregator({ redisUrl: redis.url })
  await untilShared([first, second])
}, 120_000)
afterAll(async () => {
  await Promise.all([first?.stop(), second?.stop()])
  await redis?.stop()
})
let run = 0
beforeEach(() => {
  run += 1
})

/** A fixture with ids of its own for this test, so that tests share a store without touching one another. */
function bodies(name: string): Body[] {
  const text = readFileSync(new URL(`../fixtures/linkis/${name}.json`, import.meta.url), 'utf8')
  const renamed = text
    .replace(/"jobId": "(\d+)"/g, `"jobId": "$1-${run}"`)
    .replace(/"instance": "([^"]+)"/g, `"instance": "$1-${run}"`)
    .replace(/"engineInstance": "([^"]+)"/g, `"engineInstance": "$1${run}"`)
  return JSON.parse(renamed) as Body[]
}

async function send(body: Body, to: Aggregator = first): Promise<ReportAnswer> {
  const answer = await to.http.post('/api/v1/reports', body)
  expect(answer.status, answer.text).toBe(200)
  return answer.json<ReportAnswer>()
}
async function sendAll(all: readonly Body[], to: Aggregator = first): Promise<void> {
  for (const body of all) await send(body, to)
}
const jobOf = async (jobId: string) =>
  (await first.http.get(`/api/v1/namespaces/default/jobs/${encodeURIComponent(jobId)}`)).json<JobAnswer>()
const linesOf = async (jobId: string) =>
  (await first.http.get(`/api/v1/namespaces/default/jobs/${encodeURIComponent(jobId)}/logs`)).json<LogAnswer>().lines

/** The value of a shared series, from whichever of the two replicas exposes it. */
async function shared(name: string, labels: Record<string, string>): Promise<number | undefined> {
  const values = await Promise.all([first, second].map(async (replica) => sampleValue(await replica.metrics(), name, labels)))
  const found = values.filter((value) => value !== undefined)
  expect(found.length, `${name} is exposed by one replica at most`).toBeLessThan(2)
  return found[0]
}

async function expectP1AtEnd(): Promise<void> {
  const job = await jobOf(`48213-${run}`)
  expect(job).toMatchObject({ status: 'succeeded', progress: 1, error: null, durations: { queueSeconds: 5, runSeconds: 47 } })
  expect(job.resources.applications).toMatchObject([{ jobStatus: 'FINISHED', live: false }])
  expect(job.resources.totals).toEqual({ memoryBytes: 0, cpuCores: 0, containers: 0 })
  const lines = await linesOf(`48213-${run}`)
  expect(lines.map((line) => line.level).sort()).toEqual(['INFO', 'INFO', 'INFO', 'WARN'])
  const engine = { engine: `node-07:38215-${run}` }
  expect(await shared('enginescope_engine_tasks', { ...engine, state: 'running' })).toBe(0)
  expect(await shared('enginescope_engine_tasks_finished_total', { ...engine, status: 'succeeded' })).toBe(12)
  expect(await shared('enginescope_engine_tasks_finished_total', { ...engine, status: 'failed' })).toBe(0)
  expect(await shared('enginescope_task_subtasks', { job_id: `48213-${run}`, state: 'succeeded' })).toBe(200)
  expect(await shared('enginescope_task_subtasks', { job_id: `48213-${run}`, state: 'failed' })).toBe(1)
  expect(await shared('enginescope_task_resource_memory_bytes', { job_id: `48213-${run}` })).toBeUndefined()
}

describe('a spark job of three stages', () => {
  test('shows each step while it runs', async () => {
    const all = bodies('p1-spark-3-stages')
    const job = `48213-${run}`
    await sendAll(all.slice(0, 3))
    expect(await jobOf(job)).toMatchObject({
      progress: 0.42,
      resources: { totals: { cpuCores: 16, memoryBytes: 34359738368, containers: 4 } },
    })
    await sendAll(all.slice(3, 4))
    expect(await jobOf(job)).toMatchObject({
      progress: 0.75,
      resources: { totals: { cpuCores: 32, memoryBytes: 68719476736, containers: 8 } },
    })
    expect(await shared('enginescope_task_resource_memory_bytes', { job_id: job })).toBe(68719476736)
    expect(await shared('enginescope_task_subtasks', { job_id: job, state: 'running' })).toBe(12)
    await sendAll(all.slice(4, 5))
    expect(await jobOf(job)).toMatchObject({ progress: 0.99, status: 'running' })
    await sendAll(all.slice(5))
    await expectP1AtEnd()
  })

  test.each([
    ['backwards', [5, 4, 3, 2, 1, 0]],
    ['with its end in the middle', [2, 5, 0, 4, 1, 3]],
    ['with neighbours exchanged', [1, 0, 3, 2, 5, 4]],
  ])('ends alike when it arrives %s', async (_name, order) => {
    const all = bodies('p1-spark-3-stages')
    await sendAll(order.map((at) => all[at] as Body))
    await expectP1AtEnd()
  })

  test('ends alike when every report comes twice, the second time as a duplicate', async () => {
    const all = bodies('p1-spark-3-stages')
    await sendAll(all)
    for (const body of all) expect(await send(body)).toMatchObject({ duplicate: 1, applied: 0 })
    await expectP1AtEnd()
  })

  test('ends alike when two replicas are sent everything at once, each report applied by one of them', async () => {
    const all = bodies('p1-spark-3-stages')
    const answers = await Promise.all(all.flatMap((body) => [send(body, first), send(body, second)]))
    const sum = (outcome: 'applied' | 'late' | 'duplicate') => answers.reduce((total, answer) => total + answer[outcome], 0)
    expect(sum('applied') + sum('late')).toBe(6)
    expect(sum('duplicate')).toBe(6)
    await expectP1AtEnd()
  })
})

test('a hive job keeps both of its applications in the detail and counts the live one', async () => {
  const all = bodies('p2-hive-two-applications')
  const job = `48290-${run}`
  await sendAll(all.slice(0, 2))
  expect((await jobOf(job)).resources.totals).toMatchObject({ cpuCores: 6, memoryBytes: 12884901888 })
  await sendAll(all.slice(2, 3))
  expect(await jobOf(job)).toMatchObject({ progress: 0.5, resources: { totals: { cpuCores: 0, memoryBytes: 0 } } })
  await sendAll(all.slice(3, 4))
  expect(await jobOf(job)).toMatchObject({ progress: 0.8, resources: { totals: { cpuCores: 10, memoryBytes: 21474836480 } } })
  expect((await jobOf(job)).resources.applications).toHaveLength(2)
  await sendAll(all.slice(4))
  const ended = await jobOf(job)
  expect(ended).toMatchObject({ status: 'succeeded', progress: 1 })
  expect(ended.resources.applications.map((application) => application.live)).toEqual([false, false])
  expect(await linesOf(job)).toHaveLength(4)
})

test('a python job that fails keeps its progress, its error and its traceback as one line', async () => {
  const all = bodies('p3-python-fails')
  const job = `48301-${run}`
  await sendAll(all.slice(0, 2))
  expect((await jobOf(job)).progress).toBe(0.3333)
  for (const [name, value] of [
    ['trainLoss', 0.82],
    ['epoch', 1],
    ['batchSize', 64],
  ] as const) {
    expect(await shared('enginescope_task_metric', { job_id: job, name })).toBe(value)
  }
  await sendAll(all.slice(2))
  expect(await jobOf(job)).toMatchObject({
    status: 'failed',
    progress: 0.3333,
    error: { code: '60003', message: 'ZeroDivisionError: division by zero' },
  })
  const lines = await linesOf(job)
  expect(lines).toHaveLength(2)
  expect(lines[1]?.line.split('\n')).toHaveLength(3)
  const engine = { engine: `node-11:45120-${run}` }
  expect(await shared('enginescope_engine_tasks_finished_total', { ...engine, status: 'succeeded' })).toBe(4)
  expect(await shared('enginescope_engine_tasks_finished_total', { ...engine, status: 'failed' })).toBe(1)
  expect(await shared('enginescope_task_subtasks', { job_id: job, state: 'failed' })).toBe(1)
  expect(await shared('enginescope_task_resource_memory_bytes', { job_id: job })).toBeUndefined()
})

test('four tasks of one engine in one request count their engine once, and what is missing is named', async () => {
  const [batch, next] = bodies('p4-engine-4-concurrent') as [Item[], Item[]]
  const answer = await send(batch)
  expect(answer.results.map(({ index, missing }) => [index, missing])).toEqual([
    [0, [[1, 3]]],
    [1, [[1, 8]]],
    [2, [[1, 1]]],
  ])
  const engine = { engine: `node-05:39990-${run}` }
  expect(await shared('enginescope_engine_tasks', { ...engine, state: 'running' })).toBe(4)
  expect(await shared('enginescope_engine_tasks', { ...engine, state: 'pending' })).toBe(2)
  expect(await shared('enginescope_engine_task_limit', engine)).toBe(15)
  await send(next)
  expect((await jobOf(`48401-${run}`)).status).toBe('succeeded')
  for (const [job, progress] of [
    ['48400', 0.35],
    ['48402', 0.05],
    ['48403', 0.15],
    ['48404', 0],
  ] as const) {
    expect(await jobOf(`${job}-${run}`)).toMatchObject({ status: 'running', progress })
  }
  expect(await shared('enginescope_engine_tasks', { ...engine, state: 'pending' })).toBe(1)
  expect(await shared('enginescope_engine_tasks_finished_total', { ...engine, status: 'succeeded' })).toBe(18)
  expect(await shared('enginescope_engine_tasks_finished_total', { ...engine, status: 'failed' })).toBe(1)
  expect(await linesOf(`48401-${run}`)).toHaveLength(1)
})

test('a cancelled job stays cancelled whatever its engine says afterwards; its last lines are kept', async () => {
  const all = bodies('p5-cancelled')
  const job = `48500-${run}`
  const outcomes: ReportAnswer[] = []
  for (const body of all) outcomes.push(await send(body))
  expect(outcomes.map(({ applied, closed }) => [applied, closed])).toEqual([
    [1, 0],
    [1, 0],
    [1, 0],
    [0, 1],
    [0, 1],
  ])
  expect(await jobOf(job)).toMatchObject({
    status: 'cancelled',
    progress: 0.4,
    error: null,
    resources: { totals: { cpuCores: 0 } },
  })
  expect(await linesOf(job)).toHaveLength(2)
})

test('the bare message of Linkis is taken as it is', async () => {
  const all = bodies('bare-linkis-message')
  const job = `node-09:40211${run}/17`
  await sendAll(all.slice(0, 1))
  expect(await jobOf(job)).toMatchObject({ status: 'running', progress: 0.1, engineType: 'unknown' })
  await sendAll(all.slice(1, 2))
  const live = { progress: 0.42, resources: { totals: { cpuCores: 16, memoryBytes: 34359738368 } } }
  expect(await jobOf(job)).toMatchObject(live)
  await sendAll(all.slice(2))
  const shown = { status: 'running', progress: 0.99, attributes: { queue: 'root.etl' }, resources: live.resources }
  expect(await jobOf(job)).toMatchObject(shown)
  expect((await jobOf(job)).tasks[0]?.engine).toMatchObject({ ticketId: 'd81b44ce-spark', incarnation: 'd81b44ce-spark' })
  await sendAll(all)
  expect(await jobOf(job)).toMatchObject(shown)
})
