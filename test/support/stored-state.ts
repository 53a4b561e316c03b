/** Builders of what the store holds, and writers that put it there in the stored form, without the rules of a report. */
import type { Cluster, Redis } from 'ioredis'
import { jobName, type Keys } from '../../src/jobs/keys.ts'
import type { EngineRecord, ExecRecord, HistorySample, JobRecord, LogEntry, TaskRecord } from '../../src/jobs/records.ts'
import { isOpen } from '../../src/report/status.ts'

/** 2025-03-04T08:00:00.000Z */
export const someTimeMs = Date.UTC(2025, 2, 4, 8)

export function aTask(changes: Partial<TaskRecord> = {}): TaskRecord {
  return {
    namespace: 'default',
    jobId: '48213',
    task: 'spark-ec-48213',
    attempt: 1,
    scope: 'task',
    labels: { namespace: 'default', taskType: 'sql', engineType: 'spark' },
    engine: { instance: 'node-07:38215', engineType: 'spark', node: 'node-07', user: 'etl' },
    incarnation: '2025-03-04T07:58:41.000Z',
    status: 'running',
    progress: 0.42,
    hasProgress: true,
    progressInfo: [{ id: 'stage-0', totalTasks: 120, runningTasks: 16, failedTasks: 0, succeedTasks: 84 }],
    applications: [],
    usage: {},
    metrics: {},
    counters: {},
    attributes: {},
    submittedAtMs: someTimeMs,
    startedAtMs: someTimeMs + 2_000,
    firstArrivalAtMs: someTimeMs + 10,
    startedArrivalAtMs: someTimeMs + 2_010,
    lastReportAtMs: someTimeMs + 44_010,
    streams: [{ incarnation: '2025-03-04T07:58:41.000Z', newest: 6, missing: [] }],
    engineStampUs: 0,
    applied: 6,
    ...changes,
  }
}

export function aJob(changes: Partial<JobRecord> = {}): JobRecord {
  return {
    namespace: 'default',
    jobId: '48213',
    taskType: 'sql',
    engineType: 'spark',
    labels: { namespace: 'default', taskType: 'sql', engineType: 'spark' },
    engine: 'node-07:38215',
    user: 'etl',
    status: 'running',
    progress: 0.42,
    taskCount: 1,
    taskCountByStatus: { running: 1 },
    progressSumE9: 420_000_000,
    submittedAtMs: someTimeMs,
    startedAtMs: someTimeMs + 2_000,
    firstArrivalAtMs: someTimeMs + 10,
    lastReportAtMs: someTimeMs + 44_010,
    attributes: {},
    tailNo: 0,
    ...changes,
  }
}

export function anEngine(changes: Partial<EngineRecord> = {}): EngineRecord {
  return {
    instance: 'node-07:38215',
    facts: { instance: 'node-07:38215', engineType: 'spark', node: 'node-07' },
    engineType: 'spark',
    incarnation: '2025-03-04T07:58:41.000Z',
    incarnations: ['2025-03-04T07:58:41.000Z'],
    state: 'live',
    isGone: false,
    firstSeenAtMs: someTimeMs,
    lastReportAtMs: someTimeMs + 44_010,
    counts: { running: 1, pending: 0, limit: 4 },
    streams: [],
    countsStampUs: 0,
    finished: { succeeded: { base: 0, per: [['2025-03-04T07:58:41.000Z', 11]] } },
    stateSeconds: {},
    restarts: 0,
    attributes: {},
    ...changes,
  }
}

/** Lines of one report, a millisecond apart. @param first epoch ms of the first line */
export function aLogEntry(lines: readonly string[], changes: Partial<LogEntry> = {}, first = someTimeMs): LogEntry {
  return {
    namespace: 'default',
    engineType: 'spark',
    taskType: 'sql',
    jobId: '48213',
    task: 'spark-ec-48213',
    attempt: 1,
    engine: 'node-07:38215',
    lines: lines.map((line, i) => {
      const [level = 'INFO', text = ''] = /^(WARN|ERROR|DEBUG) /.test(line) ? line.split(/ (.*)/s) : ['INFO', line]
      return [`${first + i}000000`, level, text]
    }),
    ...changes,
  }
}

export type StoredJob = {
  readonly tasks?: readonly TaskRecord[]
  readonly attempts?: readonly TaskRecord[]
  readonly history?: readonly HistorySample[]
  /** Entries that the tail still holds; `tailNo` of the record says the number of the last of them. */
  readonly tail?: readonly LogEntry[]
}

/** Writes a job with all that belongs to it; what was there is replaced. */
export async function storeJob(redis: Redis | Cluster, keys: Keys, job: JobRecord, parts: StoredJob = {}): Promise<void> {
  const shard = keys.shardOfJob(job.namespace, job.jobId)
  const key = keys.job(shard, job.namespace, job.jobId)
  const tail = keys.tail(shard, job.namespace, job.jobId)
  const history = keys.history(shard, job.namespace, job.jobId)
  const member = jobName(job.namespace, job.jobId)
  const record = { ...job, tailNo: job.tailNo === 0 ? (parts.tail?.length ?? 0) : job.tailNo }
  // At once, as a commit writes them: a reader finds no record that counts lines which are not there yet.
  const writes = redis.multi().del(key, tail, history)
  writes.hset(key, { v: 'token', job: JSON.stringify(record), ...taskFields(parts) })
  if (parts.tail?.length) writes.rpush(tail, ...parts.tail.map((entry) => JSON.stringify(entry)))
  if (parts.history?.length) writes.rpush(history, ...parts.history.map((sample) => JSON.stringify(sample)))
  await writes.exec()
  await redis.zadd(keys.jobs(shard), job.firstArrivalAtMs, member)
  if (isOpen(job.status)) await redis.zadd(keys.openJobs(shard), job.firstArrivalAtMs, member)
  else await redis.zrem(keys.openJobs(shard), member)
  for (const task of parts.tasks ?? []) if (!task.endedAtMs) await storeOpenTask(redis, keys, task)
}

/** Writes an engine. */
export async function storeEngine(redis: Redis | Cluster, keys: Keys, engine: EngineRecord): Promise<void> {
  const shard = keys.shardOfEngine(engine.instance)
  await redis.hset(keys.engine(shard, engine.instance), { v: 'token', engine: JSON.stringify(engine) })
  await redis.zadd(keys.engines(shard), engine.lastReportAtMs, engine.instance)
}

async function storeOpenTask(redis: Redis | Cluster, keys: Keys, task: TaskRecord): Promise<void> {
  const { instance } = task.engine
  const member = JSON.stringify([task.namespace, task.jobId, task.task])
  await redis.sadd(keys.engineTasks(keys.shardOfEngine(instance), instance), member)
}

function taskFields(parts: StoredJob): Record<string, string> {
  const current = new Map<string, ExecRecord>()
  for (const task of parts.tasks ?? []) {
    const exec = current.get(task.task) ?? { attempt: task.attempt, current: {} }
    exec.current[task.scope === 'job' ? '' : task.engine.instance] = task
    current.set(task.task, exec)
  }
  const older = new Map<string, TaskRecord[]>()
  for (const task of parts.attempts ?? []) older.set(task.task, [...(older.get(task.task) ?? []), task])
  return Object.fromEntries([
    ...[...current].map(([task, exec]) => [`t:${task}`, JSON.stringify(exec)]),
    ...[...older].map(([task, records]) => [`o:${task}`, JSON.stringify(records)]),
  ])
}
