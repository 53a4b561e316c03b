/** A store of jobs on a real Redis as a test wants it: small limits, a clock moved by hand, and readers of what it has written. */
import { readFileSync } from 'node:fs'
import type { Cluster, Redis } from 'ioredis'
import { type JobStore, type JobStoreParts, type JobStoreSettings, openJobStore } from '../../src/jobs/job-store.ts'
import { type Keys, keysFor, type Shard } from '../../src/jobs/keys.ts'
import type { EngineRecord, LogEntry, ScopeEvent, TaskRecord } from '../../src/jobs/records.ts'
import type { MetricKind } from '../../src/jobs/rules/task-arrival.ts'
import { execFields, execFrom, jobFields, jobFrom } from '../../src/jobs/store/record-text.ts'
import { RedisClock } from '../../src/jobs/store/redis-clock.ts'
import { readTotals } from '../../src/jobs/totals.ts'
import { reportParser } from '../../src/report/parse.ts'
import type { Report, ReportResult } from '../../src/report/report.ts'

export type TestClock = { aheadMs: number }

export type TestStoreOptions = Partial<Omit<JobStoreParts, 'settings' | 'store'>> & {
  readonly settings?: Partial<JobStoreSettings>
  /** Shared by the replicas of a test, so that time moves for all of them. */
  readonly time?: TestClock
}

export type TestStore = JobStore & {
  readonly keys: Keys
  readonly time: TestClock
  /** What was told to listeners, by shard. */
  readonly told: { readonly shard: Shard; readonly events: readonly ScopeEvent[] }[]
  /** Lines taken in and refused. */
  readonly lines: { accepted: number; refused: number }
  /** Sends reports as they come off the wire, in one request. */
  send(...items: unknown[]): Promise<readonly ReportResult[]>
  /** Does all that is due now in every shard. @returns how many timers that were */
  sweepAll(): Promise<number>
}

export const testSettings: JobStoreSettings = {
  gaps: { rangesMax: 64, rangesInAnswerMax: 16 },
  gapTimeoutMs: 600_000,
  retentionMs: 7 * 86_400_000,
  suspectAfterMs: 15_000,
  lostAfterMs: 60_000,
  stalledAfterMs: 600_000,
  lingerMs: 300_000,
  engineLingerMs: 3_600_000,
  tailBytesMax: 131_072,
  tailRetentionMs: 600_000,
  historySamplesMax: 100,
  openJobsMax: 100_000,
  labelValuesMax: { namespace: 1_000, task_type: 100, engine_type: 100 },
  isReplicaAwaited: false,
}

/** Fields called `...Count` only grow; all others are values of the moment. */
const testMetricKind: MetricKind = (_taskType, field) => (field.endsWith('Count') ? 'counter' : 'gauge')

const sweepsMax = 1_000

export function openTestStore(redis: Redis | Cluster, options: TestStoreOptions = {}): TestStore {
  const keys = options.keys ?? keysFor(16)
  const time = options.time ?? { aheadMs: 0 }
  const told: TestStore['told'] = []
  const lines = { accepted: 0, refused: 0 }
  const store = openJobStore({
    keys,
    bounds: { durationSeconds: [1, 10, 60], queueSeconds: [1, 10, 60] },
    metricKind: testMetricKind,
    gate: { isShipping: true, hasRoom: () => true },
    observer: { commandSeconds: () => undefined, error: () => undefined },
    onCommitted: (shard, _event, events) => void told.push({ shard, events }),
    onLines: (outcome, count) => {
      lines[outcome] += count
    },
    clock: new RedisClock(() => time.aheadMs),
    ...options,
    store: redis,
    settings: { ...testSettings, ...options.settings },
  })
  return {
    ...store,
    keys,
    time,
    told,
    lines,
    send: (...items) => store.jobs.apply(readReports(items, store.clock.nowMs())),
    async sweepAll() {
      let done = 0
      for (let round = 0; round < sweepsMax; round++) {
        const shards = Array.from({ length: keys.shardCount }, (_, shard) => store.sweeper.sweep(shard))
        const found = (await Promise.all(shards)).reduce((sum, count) => sum + count, 0)
        if (found === 0) return done
        done += found
      }
      throw new Error(`timers were still due after ${sweepsMax} sweeps`)
    },
  }
}

const parse = reportParser()

/** Reads items as the door does. @throws when one of them is refused */
function readReports(items: readonly unknown[], nowMs = Date.now()): Report[] {
  return items.map((item) => {
    const result = parse(item, nowMs)
    if (!result.isValid) throw new Error(`${result.rejection.path}: ${result.rejection.message}`)
    return result.report
  })
}

/** The request bodies of a Linkis fixture; a body is a list of reports. */
export function linkisBodies(name: string): unknown[][] {
  const path = new URL(`../fixtures/linkis/${name}.json`, import.meta.url)
  const bodies = JSON.parse(readFileSync(path, 'utf8')) as unknown[]
  return bodies.map((body) => (Array.isArray(body) ? body : [body]))
}

/** A report as an engine sends it, with everything that must be there. */
export function aReport(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const { engine, ...others } = changes
  return {
    jobId: 'j1',
    execId: 't1',
    taskType: 'sql',
    status: 'running',
    ...others,
    engine: { instance: 'e1:1', engineType: 'spark', incarnation: 'a', ...(engine as object) },
  }
}

/** All totals that are not zero, by their field without the quotes: `tasks,default,sql,spark,running`. */
export async function totalsOf(redis: Redis | Cluster, keys: Keys): Promise<Record<string, number>> {
  const totals = await readTotals(redis, keys, { observed: (_command, run) => run() })
  return Object.fromEntries(
    [...totals]
      .filter(([, value]) => value !== 0)
      .map(([field, value]): [string, number] => [(JSON.parse(field) as unknown[]).join(), value])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

export async function jobRecordOf(redis: Redis | Cluster, keys: Keys, jobId: string, namespace = 'default') {
  const shard = keys.shardOfJob(namespace, jobId)
  return jobFrom(await redis.hmget(keys.job(shard, namespace, jobId), ...jobFields))
}

/** Records of the attempt that counts, by engine; `''` for the job-scoped one. */
export async function tasksOf(redis: Redis | Cluster, keys: Keys, jobId: string, execId: string, namespace = 'default') {
  const shard = keys.shardOfJob(namespace, jobId)
  return execFrom(await redis.hmget(keys.job(shard, namespace, jobId), ...execFields(execId)))?.current ?? {}
}

/** The only record of a task. @throws when there is none, or more */
export async function taskOf(redis: Redis | Cluster, keys: Keys, jobId = 'j1', execId = 't1'): Promise<TaskRecord> {
  const records = Object.values(await tasksOf(redis, keys, jobId, execId))
  if (records[0] === undefined || records.length > 1) throw new Error(`${records.length} records of ${jobId} ${execId}`)
  return records[0]
}

export async function olderOf(redis: Redis | Cluster, keys: Keys, jobId = 'j1', execId = 't1'): Promise<TaskRecord[]> {
  const shard = keys.shardOfJob('default', jobId)
  return parsed<TaskRecord[]>(await redis.hget(keys.job(shard, 'default', jobId), `o:${execId}`)) ?? []
}

export async function engineOf(redis: Redis | Cluster, keys: Keys, instance = 'e1:1') {
  return parsed<EngineRecord>(await redis.hget(keys.engine(keys.shardOfEngine(instance), instance), 'engine'))
}

export async function engineTasksOf(redis: Redis | Cluster, keys: Keys, instance = 'e1:1'): Promise<string[]> {
  return (await redis.smembers(keys.engineTasks(keys.shardOfEngine(instance), instance))).sort()
}

/** What a log line is told from others by, in the order of the outbox of each shard. */
export async function linesOf(redis: Redis | Cluster, keys: Keys): Promise<string[]> {
  const entries = await outboxOf(redis, keys)
  return entries.flatMap((entry) =>
    entry.isOwn === true ? [] : entry.lines.map(([, level, line]) => [entry.jobId, entry.task ?? '', level, line].join('|')),
  )
}

export async function outboxOf(redis: Redis | Cluster, keys: Keys): Promise<LogEntry[]> {
  const streams = Array.from({ length: keys.shardCount }, (_, shard) => redis.xrange(keys.outbox(shard), '-', '+'))
  return (await Promise.all(streams)).flat().map(([, fields]) => JSON.parse((fields as string[])[1] ?? '') as LogEntry)
}

/** Members and moments of every timer. */
export async function timersOf(redis: Redis | Cluster, keys: Keys): Promise<Record<string, number>> {
  const timers: Record<string, number> = {}
  for (let shard = 0; shard < keys.shardCount; shard++) {
    const found = await redis.zrange(keys.due(shard), '0', '-1', 'WITHSCORES')
    for (let i = 0; i + 1 < found.length; i += 2) {
      timers[(JSON.parse(found[i] as string) as string[]).join()] = Number(found[i + 1])
    }
  }
  return timers
}

function parsed<T>(text: string | null): T | undefined {
  return text === null ? undefined : (JSON.parse(text) as T)
}
