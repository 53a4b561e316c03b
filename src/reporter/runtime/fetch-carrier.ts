import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Answer } from '../answer.ts'
import type { Carrier, ReportSource } from '../carrier.ts'
import { type Problems, textOf } from '../problems.ts'
import type { SealedReport } from '../sealed.ts'
import type { RunLog } from './runtime.ts'
import type { MessageFate } from './topic-log.ts'

const allTaken: Answer = { items: new Map(), logs: 'ok', retryAfterMs: undefined }

/**
 * Publishes reports as messages, the same bytes that would be sent, and waits for monitors to ask past them:
 * who asks for what comes after a message has committed it.
 */
export class FetchCarrier implements Carrier {
  readonly #source: ReportSource
  readonly #run: RunLog
  readonly #problems: Problems
  #isRunning = false
  #isStopped = false
  readonly retries = 0
  /** Fetches answered. */
  requests = 0

  constructor(source: ReportSource, run: RunLog, problems: Problems) {
    this.#source = source
    this.#run = run
    run.onFetched = () => this.#fetched()
    this.#problems = problems
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Of all messages of the run: after its shutdown nobody comes for what is left. */
  get hasUnderway(): boolean {
    return !this.#run.isShutDown && !this.#run.log.isTaken
  }

  get isReachable(): boolean | undefined {
    return this.requests > 0 ? true : undefined
  }

  wake(): void {
    if (this.#isRunning || this.#isStopped) return
    this.#isRunning = true
    setImmediate(() => void this.#carry())
  }

  stop(): void {
    this.#isStopped = true
  }

  async #carry(): Promise<void> {
    try {
      for (let reports = this.#source.take(); reports.length > 0 && !this.#isStopped; reports = this.#source.take()) {
        for (const report of reports) this.#publish(report)
        await nextTurn()
      }
    } catch (error) {
      this.#problems.tell('INTERNAL', `publishing failed: ${textOf(error)}`)
    } finally {
      this.#isRunning = false
      this.#source.rest()
    }
  }

  /** A monitor has fetched, and what it asked past was settled; or nobody will fetch any more. */
  #fetched(): void {
    this.requests++
    if (!this.#isRunning && !this.#isStopped) this.#source.rest()
  }

  #publish(report: SealedReport): void {
    const topic = report.task === undefined ? 'heartbeat' : 'task.running'
    const id = this.#run.log.publish(topic, report.bytes, report.task?.key ?? '', (fate) => this.#settle(report, fate))
    if (id === undefined) this.#source.refuse(report, 'MESSAGE_TOO_LARGE', 'it is larger than a message may be')
  }

  #settle(report: SealedReport, fate: MessageFate): void {
    if (this.#isStopped) return
    if (fate === 'taken') this.#source.settle([report], allTaken)
    else this.#source.lose(report)
  }
}
