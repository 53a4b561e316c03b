/** What the naive service keeps of a report: a hash per task, an index by time, and an entry on a stream. */
import type { Redis } from 'ioredis'
import type { Report } from './report-schema.ts'

const streamMax = 10_000

/** Writes the reports of one request in one pipeline, three commands each. @throws the first error of a command */
export async function storeReports(redis: Redis, reports: readonly Report[]): Promise<void> {
  const pipeline = redis.pipeline()
  for (const report of reports) {
    const id = `${report.namespace}/${report.jobId}/${report.execId}`
    const logs = JSON.stringify(report.logs ?? [])
    pipeline.hset(`task:${id}`, fieldsOf(report))
    pipeline.zadd('tasks', Date.now(), id)
    pipeline.xadd('events', 'MAXLEN', '~', streamMax, '*', 'task', id, 'status', report.status, 'logs', logs)
  }
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
}

function fieldsOf(report: Report): Record<string, string | number> {
  const { taskType, attempt, seq = 0, status, progress = 0, progressInfo = [], engine } = report
  const { resourceMap = {}, usage = {}, engineTaskCounts = {}, algorithmMetrics = {} } = report
  return {
    taskType,
    attempt,
    seq,
    status,
    progress,
    progressInfo: JSON.stringify(progressInfo),
    resources: JSON.stringify(resourceMap),
    usage: JSON.stringify(usage),
    engine: JSON.stringify(engine),
    engineTaskCounts: JSON.stringify(engineTaskCounts),
    algorithmMetrics: JSON.stringify(algorithmMetrics),
    updatedAt: Date.now(),
  }
}
