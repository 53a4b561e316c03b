import type { Keys } from '../keys.ts'
import type { ExecRecord, JobRecord, TaskRecord } from '../records.ts'
import type { RunHistory } from '../run-history.ts'
import { type JobView, jobView } from './job-view.ts'
import { type RedisReader, readAll, recordOf } from './read.ts'

/** Tasks, and likewise earlier attempts, that one answer names. */
const tasksShownMax = 1_000
/** Fields a job's hash may have to be read as one snapshot; beyond that it is walked in steps. */
const fieldsAtOnceMax = 4_000
const fieldsPerStep = 500

/** The whole job, or undefined when there is none of that name. */
export async function readJob(
  redis: RedisReader,
  keys: Keys,
  runs: RunHistory,
  namespace: string,
  jobId: string,
): Promise<JobView | undefined> {
  const key = keys.job(keys.shardOfJob(namespace, jobId), namespace, jobId)
  const [length] = await readAll(redis, [['hlen', key]])
  if (!length) return undefined
  const fields = Number(length) <= fieldsAtOnceMax ? await wholeHash(redis, key) : await walkHash(redis, key)
  const job = recordOf<JobRecord>(fields.get('job'))
  // `a/b` + `c` and `a` + `b/c` share a key: the record says whose it is.
  if (job === undefined || job.namespace !== namespace || job.jobId !== jobId) return undefined
  const { tasks, attempts } = tasksOf(fields)
  await runs.readAll([job, ...tasks])
  return jobView(job, tasks, attempts, tasksShownMax, runs.known)
}

/** The job's own record, without its tasks. */
export async function readJobRecord(
  redis: RedisReader,
  keys: Keys,
  namespace: string,
  jobId: string,
): Promise<JobRecord | undefined> {
  const [text] = await readAll(redis, [['hget', keys.job(keys.shardOfJob(namespace, jobId), namespace, jobId), 'job']])
  return ownRecord(text, namespace, jobId)
}

/** The record in a `job` field if it is the one asked for. */
export function ownRecord(text: unknown, namespace: string, jobId: string): JobRecord | undefined {
  const job = recordOf<JobRecord>(text)
  return job?.namespace === namespace && job.jobId === jobId ? job : undefined
}

function tasksOf(fields: ReadonlyMap<string, string>): { tasks: TaskRecord[]; attempts: TaskRecord[] } {
  const tasks: TaskRecord[] = []
  const attempts: TaskRecord[] = []
  for (const [field, text] of fields) {
    if (field.startsWith('t:')) {
      const records = Object.values((JSON.parse(text) as ExecRecord).current)
      for (const record of records) (record.isSuperseded === true ? attempts : tasks).push(record)
    } else if (field.startsWith('o:')) attempts.push(...(JSON.parse(text) as TaskRecord[]))
  }
  return { tasks, attempts }
}

async function wholeHash(redis: RedisReader, key: string): Promise<Map<string, string>> {
  const [answer] = await readAll(redis, [['hgetall', key]])
  return new Map(Object.entries(answer as Record<string, string>))
}

async function walkHash(redis: RedisReader, key: string): Promise<Map<string, string>> {
  const fields = new Map<string, string>()
  let position = '0'
  do {
    const [answer] = await readAll(redis, [['hscan', key, position, 'COUNT', fieldsPerStep]])
    const [next, pairs] = answer as [string, string[]]
    for (let i = 0; i + 1 < pairs.length; i += 2) fields.set(String(pairs[i]), String(pairs[i + 1]))
    position = next
  } while (position !== '0')
  return fields
}
