/** Puts the store of jobs together: rules, writers, sweeper, clock. */

import type { LearningType } from '../catalogue/index.ts'
import { JobRemover } from './job-remover.ts'
import { JobReplacer } from './job-replacer.ts'
import { createJobs, type EngineWriter, type Jobs, type JobWriter, type LineObserver } from './jobs.ts'
import type { Keys, Shard } from './keys.ts'
import { type LabelKind, LabelValues } from './label-values.ts'
import type { ReadFields } from './learning/read-fields.ts'
import type { GapLimits } from './rules/order.ts'
import type { MetricKind } from './rules/task-arrival.ts'
import type { Bounds } from './rules/task-counts.ts'
import { RunHistory } from './run-history.ts'
import { Committer, kindOf, type Store, type StoreObserver } from './store/commit.ts'
import { engineKind } from './store/engine-kind.ts'
import type { OutboxGate } from './store/job-item.ts'
import { jobKind } from './store/job-kind.ts'
import { type CommitListener, RecordWriter, type WriterLimits } from './store/record-writer.ts'
import { RedisClock } from './store/redis-clock.ts'
import { Sweeper } from './sweeper.ts'

export type JobStoreSettings = {
  readonly gaps: GapLimits
  readonly gapTimeoutMs: number
  readonly retentionMs: number
  readonly suspectAfterMs: number
  readonly lostAfterMs: number
  readonly lingerMs: number
  readonly engineLingerMs: number
  /** Least time without progress that counts as a standstill. */
  readonly stalledAfterMs: number
  readonly tailBytesMax: number
  readonly tailRetentionMs: number
  readonly historySamplesMax: number
  /** Open jobs of one namespace, all shards together. */
  readonly openJobsMax: number
  /** Tasks of one job; default 50,000. */
  readonly tasksMax?: number
  readonly labelValuesMax: Record<LabelKind, number>
  readonly isReplicaAwaited: boolean
}

export type JobStoreParts = {
  /** For ingest: no hidden retries, commands time out. */
  readonly store: Store
  readonly keys: Keys
  readonly settings: JobStoreSettings
  readonly bounds: Bounds
  readonly metricKind: MetricKind
  /** Learning types by name; default: none. */
  readonly learning?: ReadonlyMap<string, LearningType>
  /** Reads the fields of learning tasks; default: none. */
  readonly readFields?: ReadFields
  readonly gate: OutboxGate
  readonly observer: StoreObserver
  readonly onCommitted: CommitListener
  readonly onLines: LineObserver
  /** Default: one that keeps the store's time. */
  readonly clock?: RedisClock
}

export type JobStore = {
  readonly jobs: Jobs
  readonly clock: RedisClock
  readonly sweeper: Sweeper
  /** What earlier runs were like. */
  readonly runs: RunHistory
  /** Runs commands of other readers observed in the same way. */
  readonly committer: Pick<Committer, 'observed'>
  /** A task's series are gone: the store need not bring them back after a restart. */
  forgetSeries(task: { namespace: string; jobId: string; task: string; engine: string }): Promise<void>
  /** Sets the clock by the store's. @throws ScopeError REDIS_UNAVAILABLE */
  readClock(): Promise<void>
}

/** A job's record is read, and removed, with all of its tasks: what Redis does in one script must end in good time. */
const tasksMax = 50_000
const attemptsMax = 20
/** Entries of a shard's event stream, each of which may speak of a whole batch: some seconds under full load. */
const eventsMax = 512
const writerLimits: WriterLimits = { batchMax: 50, cacheMax: 10_000, queueMax: 20_000, triesMax: 100 }

/** Jobs spread over shards unevenly: a shard may hold this much more than its share. */
const unevenness = 1.25

const forgetScript = `
-- Purpose: forgets that an ended task has series. KEYS[1] tasks with series. ARGV[1] member. One that is open again (0) stays.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and score ~= '0' then return redis.call('ZREM', KEYS[1], ARGV[1]) end
return 0
`

export function openJobStore(parts: JobStoreParts): JobStore {
  const { store, keys, settings, observer, gate, onCommitted } = parts
  const clock = parts.clock ?? new RedisClock()
  const committer = new Committer(store, keys, clock, eventsMax, observer)
  const rules = {
    gaps: settings.gaps,
    metricKind: parts.metricKind,
    learning: parts.learning ?? new Map<string, LearningType>(),
    bounds: parts.bounds,
    gapTimeoutMs: settings.gapTimeoutMs,
    retentionMs: settings.retentionMs,
    lostAfterMs: settings.lostAfterMs,
    lingerMs: settings.lingerMs,
    stalledAfterMs: settings.stalledAfterMs,
    tasksMax: settings.tasksMax ?? tasksMax,
    attemptsMax,
  }
  const jobLimits = {
    tailBytesMax: settings.tailBytesMax,
    tailRetentionMs: settings.tailRetentionMs,
    historySamplesMax: settings.historySamplesMax,
    openJobsMax: Math.ceil((settings.openJobsMax / keys.shardCount) * (keys.shardCount === 1 ? 1 : unevenness)),
    lingerMs: settings.lingerMs,
  }
  const jobs: JobWriter = new RecordWriter(
    jobKind(store, keys, committer, rules, jobLimits, gate),
    committer,
    writerLimits,
    onCommitted,
  )
  const engines: EngineWriter = new RecordWriter(
    engineKind(store, keys, committer, settings, gate.isShipping, settings.tailBytesMax),
    committer,
    writerLimits,
    onCommitted,
  )
  const runs = new RunHistory(store, keys, (error) => observer.error(kindOf(error)))
  const labels = new LabelValues(store, keys, committer, settings.labelValuesMax)
  const remover = new JobRemover({ store, keys, committer, jobs })
  const replacer = new JobReplacer(keys, clock, remover, engines)
  const readFields: ReadFields = parts.readFields ?? ((report) => report)
  const afterWrite = settings.isReplicaAwaited ? () => committer.awaitReplica() : undefined
  return {
    jobs: createJobs({ keys, clock, labels, jobs, engines, replacer, gate, onLines: parts.onLines, afterWrite, readFields }),
    clock,
    committer,
    runs,
    sweeper: new Sweeper({ store, keys, clock, committer, jobs, engines, rules, runs, remover }),
    forgetSeries: async ({ namespace, jobId, task, engine }) => {
      const shard: Shard = keys.shardOfJob(namespace, jobId)
      const member = JSON.stringify([namespace, jobId, task, engine])
      await committer.observed('forget', () => store.eval(forgetScript, 1, keys.shown(shard), member))
    },
    readClock: () => committer.readClock(),
  }
}
