/** Reports with defaults, and the service as its users see it: what they send, and what they read back. */
import { afterAll, beforeAll, expect } from 'vitest'
import type { EngineView } from '../../src/jobs/queries/engine-view.ts'
import type { JobView } from '../../src/jobs/queries/job-view.ts'
import type { LogLineView } from '../../src/jobs/queries/log-line.ts'
import type { ReportResult } from '../../src/report/report.ts'
import { type Aggregator, startAggregator } from './aggregator.ts'
import { eventually } from './eventually.ts'
import type { Answer } from './http.ts'
import { samplesOf, sampleValue } from './prometheus-text.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from './redis.ts'

type Fields = Readonly<Record<string, unknown>>

export type ReportAnswer = {
  readonly applied: number
  readonly late: number
  readonly duplicate: number
  readonly stale: number
  readonly closed: number
  readonly rejected: number
  readonly results: readonly (ReportResult & { readonly index: number })[]
  readonly logs?: { readonly state: string }
}

/** One Redis and one aggregator for all tests of a file. */
export type Stand = { readonly redis: RedisServer; readonly aggregator: Aggregator }

/** Starts them before the tests of a file and stops them behind. @param settings as `{ LOST_AFTER: '2s' }`, or made from the Redis */
export function aStand(settings: Readonly<Record<string, string>> = {}, redisOptions: RedisServerOptions = {}): Stand {
  let redis: RedisServer | undefined
  let aggregator: Aggregator | undefined
  beforeAll(async () => {
    redis = await startRedis(redisOptions)
    aggregator = await startAggregator({ redisUrl: redis.url, settings })
  }, hookTimeoutMs)
  afterAll(async () => {
    await aggregator?.stop()
    await redis?.stop()
  })
  return {
    get redis() {
      return redis as RedisServer
    },
    get aggregator() {
      return aggregator as Aggregator
    },
  }
}

/** A start may take long where much else is tested at once. */
const hookTimeoutMs = 120_000

let made = 0

/** An id that no other test of the file has. */
export function anId(what: string): string {
  made += 1
  return `${what}-${made}`
}

/** A running sql task on a spark engine; `engine` is merged, everything else replaced. */
export function aReport(changes: Fields & { readonly engine?: Fields } = {}): Record<string, unknown> {
  const { engine, ...rest } = changes
  return {
    jobId: 'job',
    execId: 'main',
    taskType: 'sql',
    status: 'running',
    ...rest,
    engine: { instance: 'engine-1', engineType: 'spark', ...engine },
  }
}

const busyTriesMax = 50

/** Posts as a reporter does: one that is turned away unread (the machine is busy) comes again. */
export async function post(to: Aggregator, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await to.http.post('/api/v1/reports', body, headers)
    if (!answer.text.includes('"BUSY"') || tries >= busyTriesMax) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Posts what must be answered with 200. */
export async function send(to: Aggregator, body: unknown): Promise<ReportAnswer> {
  const answer = await post(to, body)
  expect(answer.status, answer.text).toBe(200)
  return answer.json<ReportAnswer>()
}

const jobPath = (jobId: string, namespace: string) =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/jobs/${encodeURIComponent(jobId)}`

export async function jobOf(from: Aggregator, jobId: string, namespace = 'default'): Promise<JobView> {
  const answer = await from.http.get(jobPath(jobId, namespace))
  expect(answer.status, answer.text).toBe(200)
  return answer.json<JobView>()
}

export type LogPage = {
  readonly lines: readonly LogLineView[]
  readonly nextCursor: string | null
  readonly source: string
  readonly hasGap: boolean
}

/** @param query e.g. `?limit=10&order=desc` */
export async function logsOf(from: Aggregator, jobId: string, query = '', namespace = 'default'): Promise<LogPage> {
  const answer = await from.http.get(`${jobPath(jobId, namespace)}/logs${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json<LogPage>()
}

export async function engineOf(from: Aggregator, instance: string): Promise<EngineView> {
  const answer = await from.http.get(`/api/v1/engines/${encodeURIComponent(instance)}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json<EngineView>()
}

/** The value of the one series with these labels, as `/metrics` prints it. */
export async function seriesOf(from: Aggregator, name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
  return sampleValue(await from.metrics(), name, labels)
}

/** Every series with these labels, as `label value → number`, for one label of interest. */
export async function seriesBy(
  from: Aggregator,
  name: string,
  by: string,
  labels: Record<string, string> = {},
): Promise<Record<string, number>> {
  return Object.fromEntries(
    samplesOf(await from.metrics(), name, labels).map((sample) => [sample.labels[by] ?? '', sample.value]),
  )
}

/** Ended tasks of a type by status, once there are so many: totals of the fleet are read from Redis once a second. */
export function finishedOf(from: Aggregator, taskType: string, count: number): Promise<Record<string, number>> {
  return eventually(
    () => seriesBy(from, 'enginescope_tasks_finished_total', 'status', { task_type: taskType }),
    (byStatus) => Object.values(byStatus).reduce((sum, value) => sum + value, 0) >= count,
    { what: `${count} ended tasks of type ${taskType}` },
  )
}

/** Waits until a series has a value; `undefined` waits until it is gone. */
export function untilSeries(
  from: Aggregator,
  name: string,
  labels: Record<string, string>,
  value: number | undefined,
  timeoutMs = 10_000,
): Promise<unknown> {
  const what = `${name}${JSON.stringify(labels)} to be ${value}`
  return eventually(
    () => seriesOf(from, name, labels),
    (seen) => seen === value,
    { what, timeoutMs, everyMs: 50 },
  )
}
