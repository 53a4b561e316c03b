import { type Answer, type ItemAnswer, retriableCodes } from './answer.ts'
import type { LogLine } from './log-ring.ts'
import { Outbox } from './outbox.ts'
import type { ReportWriterParts } from './report-writer.ts'
import { SentRing, type SeqRanges } from './ring.ts'
import type { SealedReport } from './sealed.ts'
import type { Totals } from './stats.ts'
import type { TaskBook } from './task-book.ts'
import { linesOf, type TaskState } from './task-state.ts'

/** What answers are settled with. */
export type SettlementParts = ReportWriterParts & {
  readonly tasks: TaskBook
  readonly totals: Totals
  readonly outbox: Outbox
  /** Writes the end of the task anew. */
  readonly again: (task: TaskState) => void
  readonly keepLines: (task: TaskState, lines: readonly LogLine[]) => void
}

const repeatBytesMax = 1024 * 1024
/** Under pressure, lines go out with every third report only. */
const tightIntervals = 3

/** Draws the consequences of the aggregator's answers. */
export class Settlement {
  /** Final reports to be sent once more. */
  readonly repeats = new Outbox(repeatBytesMax)
  /** No lines before this, but at the end of a task. */
  linesHeldUntilMs = 0
  readonly #parts: SettlementParts
  readonly #ring: SentRing
  #tightMs = 0

  constructor(parts: SettlementParts) {
    this.#parts = parts
    this.#ring = new SentRing(parts.settings.ringBytesMax, parts.settings.ringMs)
  }

  /** Whether the task's lines may go with its next report. */
  takesLines(task: TaskState, nowMs: number): boolean {
    return nowMs >= this.linesHeldUntilMs && nowMs - task.lastLinesMs >= this.#tightMs
  }

  /** When lines that were refused may be sent again. */
  linesFromMs(nowMs: number): number {
    return Math.max(
      this.linesHeldUntilMs,
      nowMs + Math.min(this.#parts.settings.firstReportMs, this.#parts.settings.reportIntervalMs),
    )
  }

  /** Puts a written report where it waits to be sent; what falls out of the full queue is counted. */
  queue(report: SealedReport): void {
    for (const dropped of this.#parts.outbox.push(report)) this.lose(dropped)
  }

  /** A report that had to make room before it arrived: counted, and its task says everything once more. */
  lose(report: SealedReport): void {
    const { totals, problems, tasks } = this.#parts
    const { task } = report
    totals.dropped++
    totals.logLinesDropped += report.logLines
    problems.tell('QUEUE_FULL', 'reports wait for too long and the oldest were dropped')
    if (task === undefined) return
    task.needsEverything = true
    if (report.isFinal && report.origin === 'new') this.#conclude(task, { delivered: false, reason: 'dropped' })
    else tasks.retire(task)
  }

  settle(reports: readonly SealedReport[], answer: Answer): void {
    const nowMs = performance.now()
    this.#heed(answer, nowMs)
    const missing = new Map<TaskState, SeqRanges>()
    for (const [index, report] of reports.entries()) {
      const item = answer.items.get(index)
      if (item?.outcome === 'rejected') this.#rejected(report, item, answer, nowMs)
      else this.#taken(report, item, nowMs)
      if (report.task !== undefined && item !== undefined && item.missing.length > 0) missing.set(report.task, item.missing)
    }
    if (missing.size === 0) return
    for (const task of missing.keys()) task.needsEverything = true
    for (const report of this.#ring.missing(missing, nowMs)) this.queue(report)
  }

  /** A report that the aggregator will not have, now or later. */
  reject(report: SealedReport, item: ItemAnswer): void {
    const { totals, problems } = this.#parts
    const { task } = report
    const { code = 'REJECTED', path, message } = item
    totals.rejected++
    const where = path === undefined ? '' : ` at ${path}`
    problems.tell(code, `a report${task === undefined ? '' : ` of ${task.key}`} was rejected${where}: ${message ?? code}`)
    if (task === undefined || report.origin !== 'new') {
      totals.logLinesDropped += report.logLines
      return
    }
    task.needsEverything = true
    // A part that cannot be read is left out from now on: otherwise each further report would fail by it, the last one too.
    const wasPart = path !== undefined && task.parts.forget(path.split(/[.[]/)[0] ?? '')
    if (wasPart && report.logLines > 0) this.#parts.keepLines(task, linesOf(report.bytes))
    else totals.logLinesDropped += report.logLines
    if (report.isFinal) this.#rejectedEnd(task, wasPart, item.outcome)
    else this.#parts.tasks.retire(task)
  }

  stop(): void {
    const left = this.#parts.outbox.drain()
    this.#parts.totals.dropped += left.length
    this.#parts.totals.logLinesDropped += left.reduce((sum, report) => sum + report.logLines, 0)
    this.repeats.drain()
    this.#ring.clear()
  }

  #rejectedEnd(task: TaskState, wasPart: boolean, outcome: string): void {
    if (task.isSettled) return
    if (task.isBare && !wasPart) {
      this.#conclude(task, { delivered: false, outcome, reason: 'rejected' })
      return
    }
    task.isBare = !wasPart
    this.#parts.again(task)
  }

  #rejected(report: SealedReport, item: ItemAnswer, answer: Answer, nowMs: number): void {
    if (item.code === undefined || !retriableCodes.has(item.code)) {
      this.reject(report, item)
      return
    }
    this.#parts.problems.tell(item.code, `a report is not taken for now: ${item.message ?? item.code}`)
    const waitMs = Math.max(answer.retryAfterMs ?? 0, this.#parts.settings.reportIntervalMs) * (1 + Math.random() / 2)
    this.queue({ ...report, notBeforeMs: nowMs + waitMs })
  }

  #taken(report: SealedReport, item: ItemAnswer | undefined, nowMs: number): void {
    const { totals, problems, settings, tasks } = this.#parts
    const { task } = report
    const outcome = item?.outcome ?? 'applied'
    totals.sent++
    if (report.origin === 'again') totals.sentAgain++
    if (outcome === 'stale') problems.tell('STALE', 'reports are stale: another engine runs under the same name')
    if (task === undefined) return
    this.#ring.add(report, nowMs)
    this.#countLines(task, report, item?.logLinesRefused ?? 0)
    if (report.isFinal && report.origin === 'new' && !task.isSettled) {
      if (settings.repeatFinalMs > 0) {
        this.repeats.push({ ...report, origin: 'repeat', notBeforeMs: nowMs + settings.repeatFinalMs })
      }
      this.#conclude(task, { delivered: true, outcome })
    }
    tasks.retire(task)
  }

  #countLines(task: TaskState, report: SealedReport, refused: number): void {
    const { totals } = this.#parts
    const kept = Math.min(report.logLines, refused)
    if (report.origin === 'new') totals.logLinesSent += report.logLines - kept
    if (kept === 0) return
    totals.logLinesRefused += kept
    this.#parts.keepLines(task, linesOf(report.bytes).slice(-kept))
  }

  #conclude(task: TaskState, delivery: { delivered: boolean; outcome?: string; reason?: string }): void {
    task.isSettled = true
    task.settle(delivery)
    this.#parts.tasks.retire(task)
  }

  /** The aggregator's outbox is filling: lines wait, state does not. */
  #heed(answer: Answer, nowMs: number): void {
    const { reportIntervalMs, retryMaxMs } = this.#parts.settings
    const areRefused = [...answer.items.values()].some((item) => item.logLinesRefused > 0)
    const askedMs = Math.min(answer.retryAfterMs ?? reportIntervalMs, retryMaxMs)
    this.#tightMs = answer.logs === 'tight' ? Math.max(askedMs, reportIntervalMs * tightIntervals) : 0
    this.linesHeldUntilMs = answer.logs === 'full' || areRefused ? nowMs + askedMs : 0
  }
}
