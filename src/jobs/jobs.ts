/** The store of jobs and engines: reports go in, each is judged and in Redis when the promise resolves. */
import type { Report, ReportResult } from '../report/report.ts'
import type { JobReplacer } from './job-replacer.ts'
import { jobName, type Keys, type Shard } from './keys.ts'
import type { LabelValues } from './label-values.ts'
import type { ReadFields } from './learning/read-fields.ts'
import type { TaskLabels } from './records.ts'
import { type Heard, isCoveredBy } from './rules/engine-cover.ts'
import type { EngineLink } from './rules/engine-link.ts'
import type { EngineOutcome } from './rules/engine-rules.ts'
import { defaultTaskType, unknownEngineType } from './rules/job-type.ts'
import { uidOf } from './rules/job-uid.ts'
import type { Arrival } from './rules/task-arrival.ts'
import type { EngineItem, EngineState, TaskLink } from './store/engine-kind.ts'
import type { JobItem, JobItemResult } from './store/job-item.ts'
import type { LoadedJob } from './store/loaded-job.ts'
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
  readonly replacer: JobReplacer
  readonly gate: { readonly isShipping: boolean; hasRoom(): boolean }
  readonly onLines: LineObserver
  readonly readFields: ReadFields
  /** What an answer waits for beyond the write itself. */
  readonly afterWrite: (() => Promise<void>) | undefined
}

type Step = {
  readonly arrival: Arrival
  labels: TaskLabels
  /** Whether the lines of a heartbeat are taken; those of a task are judged with it. */
  readonly takesLines: boolean
}

export function createJobs(parts: Parts): Jobs {
  return {
    async apply(reports) {
      const steps = await stepsOf(parts, reports)
      const judged = await applyToJobs(parts, steps)
      if (judged.some((each) => each?.replaces !== undefined)) await replaceJobs(parts, steps, judged)
      const heard = await applyToEngines(parts, steps, judged)
      await parts.afterWrite?.()
      return steps.map((step, i) => {
        const { report } = step.arrival
        const result = judged[i]?.result ?? heartbeatResult(report, heard[i], step.takesLines)
        countLines(parts, report, result)
        return result
      })
    },
  }
}

/** Reports get their place in the order of arrival before anything is waited for. */
async function stepsOf({ labels, clock, gate, readFields }: Parts, reports: readonly Report[]): Promise<Step[]> {
  const hasRoom = !gate.isShipping || gate.hasRoom()
  const steps: Step[] = []
  const unlabelled: Promise<void>[] = []
  for (const reported of reports) {
    const report = readFields(reported)
    const taskType = report.taskType ?? defaultTaskType
    const engineType = report.engine.engineType ?? unknownEngineType
    const known = labels.knownLabelsOf(report.namespace, taskType, engineType)
    const takesLines = report.execId === undefined && hasRoom
    const arrival = { report, atMs: clock.nowMs(), stampUs: clock.stampUs() }
    const step: Step = { arrival, takesLines, labels: known ?? noLabels }
    steps.push(step)
    if (known !== undefined) continue
    const asked = labels.labelsOf(report.namespace, taskType, engineType)
    unlabelled.push(
      asked.then((found) => {
        step.labels = found
      }),
    )
  }
  if (unlabelled.length > 0) await Promise.all(unlabelled)
  return steps
}

/** Replaced before anyone sees them. */
const noLabels: TaskLabels = { namespace: '', taskType: '', engineType: '' }

/** Items for one shard, and which reports of the request they come from. */
type Share<Item> = { readonly items: Item[]; readonly from: number[] }

class Shares<Item> {
  readonly #byShard = new Map<Shard, Share<Item>>()

  add(shard: Shard, item: Item, from: number): void {
    let share = this.#byShard.get(shard)
    if (share === undefined) {
      share = { items: [], from: [] }
      this.#byShard.set(shard, share)
    }
    share.items.push(item)
    share.from.push(from)
  }

  /** Writes every share with one call. */
  async write<Result>(
    writer: { writeAll(shard: Shard, items: readonly Item[]): Promise<readonly Result[]> },
    count: number,
  ): Promise<(Result | undefined)[]> {
    const results = new Array<Result | undefined>(count).fill(undefined)
    const written = Array.from(this.#byShard, async ([shard, { items, from }]) => {
      const found = await writer.writeAll(shard, items)
      for (const [i, report] of from.entries()) if (report >= 0) results[report] = found[i] as Result
    })
    await Promise.all(written)
    return results
  }
}

/** An item that no report asks the result of. */
const noReport = -1

/** Reports of another job under the same name are judged once more when that is gone; rare, so one after the other. */
async function replaceJobs(parts: Parts, steps: readonly Step[], judged: (JobItemResult | undefined)[]): Promise<void> {
  const { keys, jobs, replacer } = parts
  for (const [i, step] of steps.entries()) {
    const formerUids = judged[i]?.replaces
    if (formerUids === undefined) continue
    const { report } = step.arrival
    const { namespace, jobId } = report
    await replacer.makeRoom(report, uidOf(report) ?? '')
    judged[i] = await jobs.write(keys.shardOfJob(namespace, jobId), { ...jobItem(step), formerUids })
  }
}

function jobItem({ arrival, labels }: Step): JobItem & { readonly kind: 'report' } {
  const { namespace, jobId, execId = '' } = arrival.report
  return { kind: 'report', name: jobName(namespace, jobId), namespace, jobId, execId, arrival, labels }
}

function applyToJobs({ keys, jobs }: Parts, steps: readonly Step[]): Promise<(JobItemResult | undefined)[]> {
  const shares = new Shares<JobItem>()
  for (const [i, step] of steps.entries()) {
    if (step.arrival.report.execId === undefined) continue
    const item = jobItem(step)
    shares.add(keys.shardOfJobNamed(item.name), item, i)
  }
  return shares.write(jobs, steps.length)
}

/** Tells the engines of what was applied to their tasks, in the order of the request. */
function applyToEngines(
  { keys, engines }: Parts,
  steps: readonly Step[],
  judged: readonly (JobItemResult | undefined)[],
): Promise<(EngineOutcome | undefined)[]> {
  const shares = new Shares<EngineItem>()
  const isTold = whichTell(steps, judged)
  for (const [i, step] of steps.entries()) {
    if (isTold[i] !== true) continue
    const link = judged[i]?.engine
    const { report } = step.arrival
    const { instance } = report.engine
    shares.add(keys.shardOfEngine(instance), engineItem(step, link), i)
    // Engines that had the task before its newest attempt, or before another engine spoke for the whole job.
    for (const former of link?.formerEngines ?? []) {
      const item: EngineItem = { kind: 'unlink', instance: former, links: [taskLink(report, false)] }
      shares.add(keys.shardOfEngine(former), item, noReport)
    }
  }
  return shares.write(engines, steps.length)
}

/** Which reports tell their engine something: those that were taken in and that no later one of the request repeats whole. */
function whichTell(steps: readonly Step[], judged: readonly (JobItemResult | undefined)[]): boolean[] {
  const latest = new Map<string, Heard>()
  const isTold = new Array<boolean>(steps.length).fill(false)
  for (let i = steps.length - 1; i >= 0; i--) {
    const { arrival, labels } = steps[i] as Step
    const { report } = arrival
    const link = judged[i]?.engine
    if (report.execId !== undefined && link === undefined) continue
    const heard = { report, stampUs: link?.stampUs ?? arrival.stampUs, engineType: labels.engineType }
    const later = latest.get(report.engine.instance)
    const movesNoTask = link?.task === undefined && link?.formerEngines === undefined
    if (movesNoTask && later !== undefined && isCoveredBy(heard, later)) continue
    isTold[i] = true
    latest.set(report.engine.instance, heard)
  }
  return isTold
}

function engineItem({ arrival, labels, takesLines }: Step, link: EngineLink | undefined): EngineItem {
  const { report, atMs, stampUs } = arrival
  const task = link?.task === undefined ? undefined : taskLink(report, link.task === 'held')
  const heard = { report, atMs, stampUs: link?.stampUs ?? stampUs, engineType: labels.engineType, takesLines }
  return { kind: 'report', instance: report.engine.instance, arrival: heard, link: task }
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
