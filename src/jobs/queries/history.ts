import type { TaskStatus } from '../../report/status.ts'
import type { Keys } from '../keys.ts'
import type { HistorySample } from '../records.ts'
import { jobFields } from '../store/record-text.ts'
import { ownRecord } from './job-detail.ts'
import { type RedisReader, readAll } from './read.ts'
import { momentOf } from './times.ts'

export type SampleView = {
  readonly at: string | null
  readonly status: TaskStatus
  readonly progress: number
  readonly memoryBytes: number | null
  readonly cpuSeconds: number | null
  readonly tasks: number | null
}

/** The newest samples of a job, oldest first; undefined when there is no such job. */
export async function readHistory(
  redis: RedisReader,
  keys: Keys,
  namespace: string,
  jobId: string,
  limit: number,
): Promise<{ readonly samples: readonly SampleView[] } | undefined> {
  const shard = keys.shardOfJob(namespace, jobId)
  const [job, samples] = await readAll(redis, [
    ['hmget', keys.job(shard, namespace, jobId), ...jobFields],
    ['lrange', keys.history(shard, namespace, jobId), -limit, -1],
  ])
  if (ownRecord(job, namespace, jobId) === undefined) return undefined
  return { samples: (samples as string[]).map((text) => sampleView(JSON.parse(text) as HistorySample)) }
}

function sampleView(sample: HistorySample): SampleView {
  return {
    at: momentOf(sample.at),
    status: sample.status,
    progress: sample.progress,
    memoryBytes: sample.memoryBytes ?? null,
    cpuSeconds: sample.cpuSeconds ?? null,
    tasks: sample.tasks ?? null,
  }
}
