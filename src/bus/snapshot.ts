import { learningTypesOf, taskTypes } from '../catalogue/index.ts'
import { idsOfJobName, type Keys, type Shard } from '../jobs/keys.ts'
import type { EngineRecord, JobRecord, TaskRecord } from '../jobs/records.ts'
import type { Store } from '../jobs/store/commit.ts'
import { execFields, execFrom, jobFields, jobFrom } from '../jobs/store/record-text.ts'
import { newestPosition } from './events.ts'
import type { ShardSnapshot } from './listener.ts'

const perPage = 256
const learningTypes = learningTypesOf(taskTypes())

/**
 * Everything of a shard that has series, and the stream position from which to read on.
 * @returns also the newest position after all was read: no record is newer than that
 */
export async function loadSnapshot(
  store: Store,
  keys: Keys,
  shard: Shard,
): Promise<{ snapshot: ShardSnapshot; position: string; newest: string }> {
  // The position first: what is written while the rest is read comes a second time as an event, never not at all.
  const position = await newestPosition(store, keys, shard)
  const [tasks, engines, jobs] = await Promise.all([
    loadTasks(store, keys, shard),
    loadEngines(store, keys, shard),
    loadJobs(store, keys, shard),
  ])
  const endedJobs = await loadEndedJobs(store, keys, shard, tasks, jobs)
  return { snapshot: { tasks, engines, jobs, endedJobs }, position, newest: await newestPosition(store, keys, shard) }
}

async function loadTasks(store: Store, keys: Keys, shard: Shard): Promise<TaskRecord[]> {
  const members = await store.zrange(keys.shown(shard), '0', '-1')
  return inPages(members, async (member) => {
    const [namespace = '', jobId = '', task = '', engine = ''] = JSON.parse(member) as string[]
    const exec = execFrom(await store.hmget(keys.job(shard, namespace, jobId), ...execFields(task)))
    return Object.values(exec?.current ?? {}).find((record) => record.engine.instance === engine)
  })
}

async function loadEngines(store: Store, keys: Keys, shard: Shard): Promise<EngineRecord[]> {
  const instances = await store.zrange(keys.engines(shard), '0', '-1')
  return inPages(instances, async (instance) => {
    const text = await store.hget(keys.engine(shard, instance), 'engine')
    const record = text === null ? undefined : (JSON.parse(text) as EngineRecord)
    return record === undefined || record.isGone ? undefined : record
  })
}

async function loadJobs(store: Store, keys: Keys, shard: Shard): Promise<JobRecord[]> {
  const members = await store.zrange(keys.openJobs(shard), '0', '-1')
  return inPages(members, async (member) => {
    const { namespace, jobId } = idsOfJobName(member)
    return jobFrom(await store.hmget(keys.job(shard, namespace, jobId), ...jobFields))
  })
}

/** Jobs of learning types have series as long as their tasks have. */
async function loadEndedJobs(
  store: Store,
  keys: Keys,
  shard: Shard,
  tasks: readonly TaskRecord[],
  open: readonly JobRecord[],
): Promise<JobRecord[]> {
  const learned = tasks.filter(({ labels }) => learningTypes.has(labels.taskType))
  if (learned.length === 0) return []
  const known = new Set(open.map((job) => keys.job(shard, job.namespace, job.jobId)))
  const names = new Set(learned.map((task) => keys.job(shard, task.namespace, task.jobId)))
  return inPages(
    [...names].filter((name) => !known.has(name)),
    async (key) => jobFrom(await store.hmget(key, ...jobFields)),
  )
}

async function inPages<T>(names: readonly string[], read: (name: string) => Promise<T | undefined>): Promise<T[]> {
  const found: T[] = []
  for (let at = 0; at < names.length; at += perPage) {
    const page = await Promise.all(names.slice(at, at + perPage).map(read))
    for (const item of page) if (item !== undefined) found.push(item)
  }
  return found
}
