import type { LogLine, Report } from '../../report/report.ts'
import type { JobRecord, LogEntry, TaskLabels } from '../records.ts'

const linesPerMsMax = 1_000

/**
 * Packs the lines of a report. Their times are fixed here for ever: the engine's, or arrival where it gave none, in
 * nanoseconds that strictly rise within the report and differ between reports of the same millisecond.
 * @param order number of the report within its task: `seq`, or a running number where there is none
 */
export function packLines(
  report: Report,
  labels: TaskLabels,
  lines: readonly LogLine[],
  order: number,
  arrivalAtMs: number,
): LogEntry {
  const slot = (order % linesPerMsMax) * linesPerMsMax
  let ms = 0
  let inMs = 0
  const packed = lines.map((line): LogEntry['lines'][number] => {
    const at = line.tsMs ?? arrivalAtMs
    if (at > ms) {
      ms = at
      inMs = 0
    } else if (inMs + 1 < linesPerMsMax) inMs += 1
    else {
      ms += 1
      inMs = 0
    }
    const tsNs = `${ms}${String(slot + inMs).padStart(6, '0')}`
    return line.fields === undefined ? [tsNs, line.level, line.line] : [tsNs, line.level, line.line, { ...line.fields }]
  })
  const { engineType, taskType } = labels
  const { namespace, jobId, execId, attempt } = report
  const { instance: engine, node } = report.engine
  // Of each kind one literal: copying parts together was dearer than all the rest.
  if (execId === undefined) {
    return node === undefined
      ? { namespace, engineType, taskType, jobId, engine, lines: packed }
      : { namespace, engineType, taskType, jobId, engine, node, lines: packed }
  }
  const task = execId
  return node === undefined
    ? { namespace, engineType, taskType, jobId, task, attempt, engine, lines: packed }
    : { namespace, engineType, taskType, jobId, task, attempt, engine, node, lines: packed }
}

/** The structured line that tells the end of a job, so that history lives in the logs for as long as they are kept. */
export function jobFinishedEntry(job: JobRecord, arrivalAtMs: number): LogEntry {
  const endedAtMs = job.endedAtMs ?? arrivalAtMs
  const durationSeconds = job.startedAtMs === undefined ? undefined : Math.max(0, endedAtMs - job.startedAtMs) / 1000
  const fields: Record<string, string> = { event: 'job_finished', status: job.status }
  if (durationSeconds !== undefined) fields['duration_seconds'] = String(durationSeconds)
  if (job.error?.code !== undefined) fields['error_code'] = job.error.code
  const level = job.status === 'succeeded' || job.status === 'cancelled' ? 'INFO' : 'ERROR'
  const took = durationSeconds === undefined ? '' : ` after ${durationSeconds} s`
  const why = job.error?.message === undefined ? '' : `: ${job.error.message}`
  return ownEntry(job, [`${arrivalAtMs}999999`, level, `job ${job.jobId} ${job.status}${took}${why}`, fields])
}

/** A line about a job that no engine has written. */
export function ownEntry(job: JobRecord, line: LogEntry['lines'][number]): LogEntry {
  return {
    namespace: job.namespace,
    engineType: job.labels.engineType,
    taskType: job.labels.taskType,
    jobId: job.jobId,
    engine: job.engine,
    isOwn: true,
    lines: [line],
  }
}
