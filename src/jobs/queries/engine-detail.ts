import type { Keys } from '../keys.ts'
import { type TaskRecord, totalOf } from '../records.ts'
import type { RunHistory } from '../run-history.ts'
import { execFields, execFrom } from '../store/record-text.ts'
import { openTasksOf } from './engine-list.ts'
import { type EngineTask, type EngineTaskView, type EngineView, engineSummary } from './engine-view.ts'
import { taskEta } from './insight-view.ts'
import { type Reach, reaches } from './reach.ts'
import { engineOf, type RedisReader, readAll, readByShard } from './read.ts'

/** Tasks that the answer for one engine names. */
const tasksShownMax = 500

/** One engine with its open tasks, or undefined when it is not known. A gone engine is shown until retention forgets it. */
export async function readEngine(
  redis: RedisReader,
  keys: Keys,
  runs: RunHistory,
  instance: string,
  reach: Reach,
): Promise<EngineView | undefined> {
  const [text] = await readAll(redis, [['hget', keys.engine(keys.shardOfEngine(instance), instance), 'engine']])
  const record = engineOf(text)
  if (record === undefined) return undefined
  const all = (await openTasksOf(redis, keys, instance)).filter((task) => reaches(reach, task.namespace))
  const shown = all.sort(inOrder).slice(0, tasksShownMax)
  const records = await taskRecordsOf(redis, keys, shown, instance)
  await runs.readAll(records.filter((found) => found !== undefined))
  return {
    ...engineSummary(record),
    tasks: shown.map((task, i) => viewOf(task, records[i], runs)),
    usage: usageOf(records.filter((found) => found !== undefined)),
    isTruncated: all.length > shown.length,
  }
}

async function taskRecordsOf(
  redis: RedisReader,
  keys: Keys,
  tasks: readonly EngineTask[],
  instance: string,
): Promise<(TaskRecord | undefined)[]> {
  const shardOf = (task: EngineTask) => keys.shardOfJob(task.namespace, task.jobId)
  const answers = await readByShard(redis, tasks, shardOf, (task, shard) => [
    'hmget',
    keys.job(shard, task.namespace, task.jobId),
    ...execFields(task.execId),
  ])
  return answers.map((fields) => {
    const current = Object.values(execFrom(fields as string[])?.current ?? {})
    return current.find((record) => record.engine.instance === instance)
  })
}

function viewOf(task: EngineTask, record: TaskRecord | undefined, runs: RunHistory): EngineTaskView {
  return {
    ...task,
    status: record?.status ?? null,
    progress: record?.progress ?? null,
    etaSeconds: record === undefined ? null : taskEta(record, runs.known).seconds,
  }
}

function usageOf(records: readonly TaskRecord[]): EngineView['usage'] {
  return {
    memoryBytes: sumOf(records.map((record) => record.usage.memoryBytes)),
    gpuMemoryBytes: sumOf(records.map((record) => record.usage.gpuMemoryBytes)),
    cpuSeconds: sumOf(records.map((record) => totalOf(record.usage.cpuSeconds))),
  }
}

function sumOf(values: readonly (number | undefined)[]): number | null {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
}

function inOrder(a: EngineTask, b: EngineTask): number {
  const keyA = `${a.namespace}/${a.jobId}/${a.execId}`
  const keyB = `${b.namespace}/${b.jobId}/${b.execId}`
  return keyA < keyB ? -1 : keyA > keyB ? 1 : 0
}
