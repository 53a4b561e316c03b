import type { Keys } from '../keys.ts'
import type { JobRecord, TaskRecord } from '../records.ts'
import type { RunHistory } from '../run-history.ts'
import { execFrom, jobFields, jobFrom, numbersFieldOf } from '../store/record-text.ts'
import { type JobView, jobView } from './job-view.ts'
import { type RedisReader, readAll } from './read.ts'

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
  const job = jobFrom(jobFields.map((field) => fields.get(field)))
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
  const key = keys.job(keys.shardOfJob(namespace, jobId), namespace, jobId)
  const [answer] = await readAll(redis, [['hmget', key, ...jobFields]])
  return ownRecord(answer, namespace, jobId)
}

/** The record in the fields of a job if it is the one asked for. */
export function ownRecord(fields: unknown, namespace: string, jobId: string): JobRecord | undefined {
  const job = jobFrom(fields as string[])
  return job?.namespace === namespace && job.jobId === jobId ? job : undefined
}

function tasksOf(fields: ReadonlyMap<string, string>): { tasks: TaskRecord[]; attempts: TaskRecord[] } {
  const tasks: TaskRecord[] = []
  const attempts: TaskRecord[] = []
  for (const [field, text] of fields) {
    if (field.startsWith('o:')) attempts.push(...(JSON.parse(text) as TaskRecord[]))
    else if (field.startsWith('t:'))
      for (const record of currentOf(fields, field)) (record.isSuperseded === true ? attempts : tasks).push(record)
  }
  return { tasks, attempts }
}

function currentOf(fields: ReadonlyMap<string, string>, field: string): TaskRecord[] {
  return Object.values(execFrom([fields.get(field), fields.get(numbersFieldOf(field))])?.current ?? {})
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
