/** The store of jobs and engines: reports go in, each is judged and in Redis when the promise resolves. */
import type { Report, ReportResult } from '../report/report.ts'
import type { Keys } from './keys.ts'
import type { LabelValues } from './label-values.ts'
import type { TaskLabels } from './records.ts'
import type { EngineLink } from './rules/engine-link.ts'
import type { EngineOutcome } from './rules/engine-rules.ts'
import { defaultTaskType, unknownEngineType } from './rules/job-summary.ts'
import type { EngineItem, EngineState, TaskLink } from './store/engine-kind.ts'
import type { JobItem, JobItemResult, LoadedJob } from './store/job-item.ts'
import type { RecordWriter } from './store/record-writer.ts'
import type { RedisClock } from './store/redis-clock.ts'

export type JobWriter = RecordWriter<LoadedJob, JobItem, JobItemResult>
export type EngineWriter = RecordWriter<EngineState, EngineItem, EngineOutcome>

/** Told how many log lines were taken in, and how many were refused for want of room. */
export type LineObserver = (outcome: 'accepted' | 'refused', count: number) => void

export type Jobs = {
  /**
   * Applies the reports of one request, each judged on its own, in their order.
   * @throws ScopeError REDIS_UNAVAILABLE when it is not known what became of them: the same reports may be sent again.
   */
  apply(reports: readonly Report[]): Promise<readonly ReportResult[]>
}

type Parts = {
  readonly keys: Keys
  readonly clock: RedisClock
  readonly labels: LabelValues
  readonly jobs: JobWriter
  readonly engines: EngineWriter
  readonly gate: { readonly isShipping: boolean; hasRoom(): boolean }
  readonly onLines: LineObserver
  /** What an answer waits for beyond the write itself. */
  readonly afterWrite: (() => Promise<void>) | undefined
}

type Step = {
  readonly report: Report
  readonly atMs: number
  readonly stampUs: number
  readonly labels: TaskLabels
  /** Whether the lines of a heartbeat are taken; those of a task are judged with it. */
  readonly takesLines: boolean
}

export function createJobs(parts: Parts): Jobs {
  return {
    async apply(reports) {
      const steps = await Promise.all(reports.map((report) => stepOf(parts, report)))
      const judged = await Promise.all(steps.map((step) => applyToJob(parts, step)))
      const heard = await applyToEngines(parts, steps, judged)
      await parts.afterWrite?.()
      return steps.map(({ report }, i) => {
        const result = judged[i]?.result ?? heartbeatResult(report, heard[i], (steps[i] as Step).takesLines)
        countLines(parts, report, result)
        return result
      })
    },
  }
}

async function stepOf({ labels, clock, gate }: Parts, report: Report): Promise<Step> {
  const asked = [report.namespace, report.taskType ?? defaultTaskType, report.engine.engineType ?? unknownEngineType] as const
  return {
    report,
    atMs: clock.nowMs(),
    stampUs: clock.stampUs(),
    takesLines: report.execId === undefined && (!gate.isShipping || gate.hasRoom()),
    labels: labels.knownLabelsOf(...asked) ?? (await labels.labelsOf(...asked)),
  }
}

async function applyToJob({ keys, jobs }: Parts, { report, atMs, stampUs, labels }: Step): Promise<JobItemResult | undefined> {
  const { namespace, jobId, execId } = report
  if (execId === undefined) return undefined
  const shard = keys.shardOfJob(namespace, jobId)
  return jobs.write(shard, { kind: 'report', namespace, jobId, execId, arrival: { report, atMs, stampUs }, labels })
}

/** Tells the engines of what was applied to their tasks, one call per report, in the order of the request. */
async function applyToEngines(
  parts: Parts,
  steps: readonly Step[],
  judged: readonly (JobItemResult | undefined)[],
): Promise<(EngineOutcome | undefined)[]> {
  return Promise.all(
    steps.map(async (step, i) => {
      const link = judged[i]?.engine
      if (step.report.execId !== undefined && link === undefined) return undefined
      const [outcome] = await Promise.all([applyToEngine(parts, step, link), takeFromOthers(parts, step, link)])
      return outcome
    }),
  )
}

function applyToEngine({ keys, engines }: Parts, step: Step, link: EngineLink | undefined): Promise<EngineOutcome> {
  const { report, atMs, labels, takesLines } = step
  const { instance } = report.engine
  const task = link?.task === undefined ? undefined : taskLink(report, link.task === 'held')
  const arrival = { report, atMs, stampUs: link?.stampUs ?? step.stampUs, engineType: labels.engineType, takesLines }
  return engines.write(keys.shardOfEngine(instance), { kind: 'report', instance, arrival, link: task })
}

/** Engines that had the task before its newest attempt, or before another engine spoke for the whole job. */
async function takeFromOthers({ keys, engines }: Parts, { report }: Step, link: EngineLink | undefined): Promise<void> {
  const links = [taskLink(report, false)]
  const unlink = (instance: string) => engines.write(keys.shardOfEngine(instance), { kind: 'unlink', instance, links })
  await Promise.all((link?.formerEngines ?? []).map(unlink))
}

const taskLink = ({ namespace, jobId, execId = '' }: Report, isHeld: boolean): TaskLink => ({
  namespace,
  jobId,
  execId,
  isHeld,
})

function heartbeatResult(report: Report, heard: EngineOutcome | undefined, takesLines: boolean): ReportResult {
  const place = heard?.place
  if (place === 'jump')
    return {
      outcome: 'rejected',
      code: 'REPORT_INVALID',
      path: 'seq',
      message: 'the number is too far beyond the newest known one',
    }
  const outcome = place === undefined || place === 'newest' ? 'applied' : place
  const missing = heard?.missing ?? []
  const result: ReportResult = missing.length === 0 ? { outcome } : { outcome, missing }
  const count = report.logs?.length ?? 0
  if (outcome === 'duplicate' || takesLines || count === 0) return result
  return { ...result, code: 'LOGS_REFUSED', logLinesRefused: count }
}

function countLines({ onLines }: Parts, report: Report, result: ReportResult): void {
  const count = report.logs?.length ?? 0
  if (count === 0 || result.outcome === 'duplicate' || result.outcome === 'rejected') return
  if (result.logLinesRefused === undefined) onLines('accepted', count)
  else onLines('refused', result.logLinesRefused)
}
