import type { Answer, ItemAnswer } from './answer.ts'
import type { Carrier, MakeCarrier } from './carrier.ts'
import type { LogLine } from './log-ring.ts'
import { Outbox } from './outbox.ts'
import { ReportWriter, type ReportWriterParts } from './report-writer.ts'
import { Schedule } from './schedule.ts'
import { reportLineBytesMax, reportLinesMax } from './seal.ts'
import type { SealedReport } from './sealed.ts'
import { Settlement } from './settlement.ts'
import { noTotals } from './stats.ts'
import type { TaskBook } from './task-book.ts'
import type { TaskState } from './task-state.ts'

/** What the reporter hands to its dispatch. */
export type DispatchParts = ReportWriterParts & { readonly tasks: TaskBook }

/** A task whose status flaps is written at most this often. */
const statusGapMs = 100

/** Decides which task is reported when, writes the reports and hands them to the carrier. */
export class Dispatch {
  readonly totals = noTotals()
  readonly outbox: Outbox
  readonly carrier: Carrier
  readonly #parts: DispatchParts
  readonly #settlement: Settlement
  readonly #writer: ReportWriter
  readonly #schedule: Schedule<TaskState>
  readonly #ready = new Set<TaskState>()
  readonly #drainWaiters = new Set<() => void>()
  #endings: TaskState[] = []
  #spokeMs: number
  #wantsHeartbeat = false
  #timer: NodeJS.Timeout | undefined
  #timerMs = Number.POSITIVE_INFINITY
  #isStopped = false
  /** Whether anything was ever sent. */
  hasSpoken = false

  constructor(parts: DispatchParts, carrierOf: MakeCarrier) {
    const { settings } = parts
    this.#parts = parts
    this.#writer = new ReportWriter(parts)
    this.outbox = new Outbox(settings.outboxBytesMax)
    this.#schedule = new Schedule(Math.max(5, Math.min(settings.reportIntervalMs / 20, settings.firstReportMs / 4)))
    this.#spokeMs = performance.now() - settings.heartbeatMs + settings.firstReportMs
    this.#settlement = new Settlement({
      ...parts,
      totals: this.totals,
      outbox: this.outbox,
      again: (task) => this.end(task),
      keepLines: (task, lines) => this.#keepLines(task, lines),
    })
    this.carrier = carrierOf({
      take: () => this.#take(),
      settle: (reports, answer: Answer) => this.#settlement.settle(reports, answer),
      refuse: (report, code, message) => this.#settlement.reject(report, rejection(code, message)),
      lose: (report) => this.#settlement.lose(report),
      rest: () => this.#rest(),
    })
    this.#arm()
  }

  /** A new task: its first report goes out after a while, so that it can say something. */
  open(task: TaskState): void {
    this.#parts.tasks.add(task)
    this.#schedule.set(task, performance.now() + this.#parts.settings.firstReportMs)
    this.#arm()
  }

  /** News of a task. @param atOnce do not wait for its next interval. */
  touch(task: TaskState, atOnce: boolean): void {
    task.isDirty = true
    if (!atOnce || this.#ready.has(task)) return
    const earliestMs = task.lastWrittenMs + statusGapMs
    if (earliestMs <= performance.now()) {
      this.#makeReady(task)
      return
    }
    this.#schedule.set(task, earliestMs)
    this.#arm()
  }

  log(task: TaskState, line: LogLine): void {
    this.totals.logLinesDropped += task.lines.push(line)
    if (task.end !== undefined) {
      this.#laterLines(task)
      return
    }
    if (task.lines.isHalfFull && !this.#ready.has(task) && this.#settlement.takesLines(task, performance.now()))
      this.#makeReady(task)
  }

  /** Writes the end of a task in the next turn, also while a request is under way. */
  end(task: TaskState): void {
    this.#schedule.delete(task)
    this.#ready.delete(task)
    this.#endings.push(task)
    if (this.#endings.length === 1) setImmediate(() => this.#sealEndings())
  }

  /** Writes what there is to say of a task, and no more of it after that. */
  release(task: TaskState): void {
    if (task.hasNews) this.end(task)
    else {
      this.#schedule.delete(task)
      this.#ready.delete(task)
      this.#parts.tasks.retire(task)
    }
  }

  /** Says once more that the engine is there, as soon as there is room. */
  heartbeat(): void {
    this.#wantsHeartbeat = true
    this.carrier.wake()
  }

  /** Sends everything that was said. @returns whether all of it arrived in time. */
  async drain(timeoutMs: number): Promise<boolean> {
    if (this.#isStopped) return false
    let give: () => void = () => {}
    const drained = new Promise<boolean>((resolve) => {
      give = () => resolve(true)
      this.#drainWaiters.add(give)
    })
    this.carrier.wake()
    // Not unref'd: what is waited for holds the process, and no longer than this.
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs)
    })
    const isDrained = await Promise.race([drained, late])
    clearTimeout(timer)
    this.#drainWaiters.delete(give)
    return isDrained
  }

  /** Whether there is anything that has not arrived. */
  get hasNews(): boolean {
    if (
      this.carrier.isRunning ||
      this.carrier.hasUnderway ||
      this.outbox.size > 0 ||
      this.#endings.length > 0 ||
      this.#wantsHeartbeat
    )
      return true
    for (const task of this.#parts.tasks.all()) if (task.hasNews) return true
    return false
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.carrier.stop()
    this.#settlement.stop()
    this.#schedule.clear()
    this.#ready.clear()
    for (const task of this.#parts.tasks.all()) {
      this.totals.logLinesDropped += task.lines.clear()
      task.settle({ delivered: false, reason: 'closed' })
    }
    this.#parts.tasks.clear()
  }

  #makeReady(task: TaskState): void {
    this.#schedule.delete(task)
    this.#ready.add(task)
    this.carrier.wake()
  }

  #take(): readonly SealedReport[] {
    const { batchReportsMax, batchBytesMax } = this.#parts.settings
    const nowMs = performance.now()
    for (const task of this.#schedule.takeDue(nowMs)) this.#ready.add(task)
    if (this.#drainWaiters.size > 0) this.#readyAllNews(nowMs)
    const batch = this.outbox.take(batchReportsMax, batchBytesMax, nowMs)
    this.#fill(batch, nowMs)
    if (batch.length === 0) batch.push(...this.#settlement.repeats.take(batchReportsMax, batchBytesMax, nowMs))
    if (batch.length === 0 && (this.#wantsHeartbeat || nowMs >= this.#nextHeartbeatMs)) {
      batch.push(this.#writer.heartbeat(nowMs))
      this.#wantsHeartbeat = false
    }
    if (batch.length > 0) {
      this.#spokeMs = nowMs
      this.hasSpoken = true
    }
    return batch
  }

  /** Writes the reports of tasks that are due, as long as the request has room. */
  #fill(batch: SealedReport[], nowMs: number): void {
    const { batchReportsMax, batchBytesMax } = this.#parts.settings
    let bytes = batch.reduce((sum, report) => sum + report.bytes.length + 1, 0)
    for (const task of this.#ready) {
      if (batch.length >= batchReportsMax || bytes >= batchBytesMax) return
      this.#ready.delete(task)
      const report = this.#write(task, task.end !== undefined, nowMs)
      this.#wantsHeartbeat = false
      bytes += report.bytes.length + 1
      if (batch.length > 0 && bytes > batchBytesMax) this.#settlement.queue(report)
      else batch.push(report)
    }
  }

  #write(task: TaskState, withEnd: boolean, nowMs: number): SealedReport {
    const withLines = withEnd || this.#takesLines(task, nowMs)
    const report = this.#writer.task(task, withLines, withEnd, nowMs)
    this.#plan(task, withLines, nowMs)
    return report
  }

  #takesLines(task: TaskState, nowMs: number): boolean {
    if (this.#drainWaiters.size > 0 || task.end !== undefined) return nowMs >= this.#settlement.linesHeldUntilMs
    return this.#settlement.takesLines(task, nowMs)
  }

  /** When the task is written next. */
  #plan(task: TaskState, hadLines: boolean, nowMs: number): void {
    const hasMoreLines = task.lines.size > 0
    if (hasMoreLines && hadLines) this.#ready.add(task)
    else if (hasMoreLines || (task.end === undefined && !task.isReleased))
      this.#schedule.set(task, nowMs + this.#parts.settings.reportIntervalMs)
  }

  #sealEndings(): void {
    const endings = this.#endings
    this.#endings = []
    if (this.#isStopped) return
    const nowMs = performance.now()
    this.#parts.problems.guard(() => {
      for (const task of endings) this.#sealEnd(task, nowMs)
    }, undefined)
    this.carrier.wake()
  }

  /** Lines that do not fit into the final report go before it. */
  #sealEnd(task: TaskState, nowMs: number): void {
    while (task.lines.size >= reportLinesMax || task.lines.bytes > reportLineBytesMax) {
      const before = task.lines.size
      this.#settlement.queue(this.#write(task, false, nowMs))
      if (task.lines.size >= before) break
    }
    this.#schedule.delete(task)
    this.#ready.delete(task)
    this.#settlement.queue(this.#write(task, true, nowMs))
  }

  get #nextHeartbeatMs(): number {
    const { heartbeatMs } = this.#parts.settings
    return heartbeatMs === 0 ? Number.POSITIVE_INFINITY : this.#spokeMs + heartbeatMs
  }

  /** Lines the aggregator did not take go with a later report, the ended task's too. */
  #keepLines(task: TaskState, lines: readonly LogLine[]): void {
    this.totals.logLinesDropped += task.lines.putBack(lines)
    this.#ready.delete(task)
    this.#laterLines(task)
  }

  #laterLines(task: TaskState): void {
    if (this.#parts.tasks.get(task.key) === undefined) this.#parts.tasks.add(task)
    if (!this.#schedule.has(task)) this.#schedule.set(task, this.#settlement.linesFromMs(performance.now()))
    this.#arm()
  }

  #readyAllNews(nowMs: number): void {
    const mayHaveLines = nowMs >= this.#settlement.linesHeldUntilMs
    for (const task of this.#parts.tasks.all()) {
      const ends = task.end !== undefined && !task.isSettled
      if (ends || !(task.isDirty || (task.lines.size > 0 && mayHaveLines))) continue
      this.#schedule.delete(task)
      this.#ready.add(task)
    }
  }

  #rest(): void {
    if (this.#isStopped) return
    if (this.#drainWaiters.size > 0 && !this.hasNews) for (const give of this.#drainWaiters) give()
    this.#timerMs = Number.POSITIVE_INFINITY
    this.#arm()
  }

  /** One timer for whatever comes first. It never keeps the process alive. */
  #arm(): void {
    if (this.#isStopped || this.carrier.isRunning) return
    const nextMs = Math.min(this.#schedule.nextMs, this.outbox.nextMs, this.#settlement.repeats.nextMs, this.#nextHeartbeatMs)
    if (nextMs >= this.#timerMs || nextMs === Number.POSITIVE_INFINITY) return
    clearTimeout(this.#timer)
    this.#timerMs = nextMs
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Number.POSITIVE_INFINITY
        this.carrier.wake()
      },
      Math.max(1, nextMs - performance.now()),
    ).unref()
  }
}

function rejection(code: string, message: string): ItemAnswer {
  return { outcome: 'rejected', code, message, missing: [], logLinesRefused: 0 }
}
