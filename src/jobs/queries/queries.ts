import type { Keys } from '../keys.ts'
import type { JobRecord } from '../records.ts'
import { RunHistory } from '../run-history.ts'
import { readEngine } from './engine-detail.ts'
import { type EngineFilter, type EnginePage, readEngines, readMetricsAddresses } from './engine-list.ts'
import type { EngineView } from './engine-view.ts'
import { readHistory, type SampleView } from './history.ts'
import { readJob, readJobRecord } from './job-detail.ts'
import type { JobFilter } from './job-filter.ts'
import { type JobPage, readJobs } from './job-list.ts'
import type { JobView } from './job-view.ts'
import type { Reach } from './reach.ts'
import type { RedisReader } from './read.ts'
import { readTail, type TailPage, type TailQuery } from './tail.ts'

type Page = { readonly limit: number; readonly cursor?: string | undefined }

/** Every question that can be put to the stored state. Each throws ScopeError REDIS_UNAVAILABLE when the store is away. */
export type Queries = {
  /** Undefined when there is no such job. */
  getJob(namespace: string, jobId: string): Promise<JobView | undefined>
  getJobRecord(namespace: string, jobId: string): Promise<JobRecord | undefined>
  listJobs(filter: JobFilter, page: Page): Promise<JobPage>
  /** @param limit newest samples, shown oldest first */
  getHistory(namespace: string, jobId: string, limit: number): Promise<{ readonly samples: readonly SampleView[] } | undefined>
  getTail(namespace: string, jobId: string, query: TailQuery): Promise<TailPage | undefined>
  listEngines(filter: EngineFilter, page: Page): Promise<EnginePage>
  getEngine(instance: string, reach: Reach): Promise<EngineView | undefined>
  /** Engines that expose metrics of their own. */
  listMetricsAddresses(): Promise<{ instance: string; address: string }[]>
}

/**
 * @param redis needs a command time-out of its own: no query waits for a store that is gone
 * @param runs what earlier runs were like; shared, where others ask for it too
 */
export function createQueries(redis: RedisReader, keys: Keys, runs = new RunHistory(redis, keys)): Queries {
  return {
    getJob: (namespace, jobId) => readJob(redis, keys, runs, namespace, jobId),
    getJobRecord: (namespace, jobId) => readJobRecord(redis, keys, namespace, jobId),
    listJobs: (filter, page) => readJobs(redis, keys, filter, page, undefined, runs),
    getHistory: (namespace, jobId, limit) => readHistory(redis, keys, namespace, jobId, limit),
    getTail: (namespace, jobId, query) => readTail(redis, keys, namespace, jobId, query),
    listEngines: (filter, page) => readEngines(redis, keys, filter, page),
    getEngine: (instance, reach) => readEngine(redis, keys, runs, instance, reach),
    listMetricsAddresses: () => readMetricsAddresses(redis, keys),
  }
}
