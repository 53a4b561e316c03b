import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { judge, type Verdict } from './answer.ts'
import { backoffMs } from './backoff.ts'
import type { Carrier, ReportSource } from './carrier.ts'
import type { ReporterSettings } from './options.ts'
import { type Problems, textOf } from './problems.ts'
import type { SealedReport } from './sealed.ts'
import type { RequestBody, Transport } from './transport.ts'

const zip = promisify(gzip)

/** Sends one request at a time, the same bytes until they are answered. */
export class Sender implements Carrier {
  readonly #source: ReportSource
  readonly #transport: Transport
  readonly #settings: ReporterSettings
  readonly #problems: Problems
  #mayCompress = true
  #isRunning = false
  #isStopped = false
  #wakeUp: (() => void) | undefined
  requests = 0
  retries = 0
  /** Whether the last request was answered; undefined before the first. */
  isReachable: boolean | undefined

  constructor(source: ReportSource, transport: Transport, settings: ReporterSettings, problems: Problems) {
    this.#source = source
    this.#transport = transport
    this.#settings = settings
    this.#problems = problems
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** A request under way is part of the run. */
  readonly hasUnderway = false

  /** Says that there may be work. Never does any before the present turn of the event loop is over. */
  wake(): void {
    if (this.#isRunning || this.#isStopped) return
    this.#isRunning = true
    setImmediate(() => void this.#run())
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#isStopped = true
    this.#transport.close()
    this.#wakeUp?.()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isStopped) {
        const reports = this.#source.take()
        if (reports.length === 0) break
        await this.#deliver(reports)
      }
    } catch (error) {
      this.#problems.tell('INTERNAL', `sending failed: ${textOf(error)}`)
    } finally {
      this.#isRunning = false
      this.#source.rest()
    }
  }

  async #deliver(reports: readonly SealedReport[]): Promise<void> {
    let body = await this.#bodyOf(reports)
    for (let failures = 0; !this.#isStopped; failures++) {
      const verdict = await this.#post(body)
      if (verdict.kind === 'settled') return this.#source.settle(reports, verdict.answer)
      if (verdict.kind === 'refused') return this.#refused(reports, verdict.code, verdict.message)
      if (verdict.kind === 'inflate') {
        this.#mayCompress = false
        body = await this.#bodyOf(reports)
        continue
      }
      this.#problems.tell(verdict.code, `the aggregator ${verdict.message}; trying again`)
      this.retries++
      await this.#sleep(this.#delayMs(verdict, failures))
    }
  }

  /** Halves a refused request down to the one report that is at fault. */
  async #refused(reports: readonly SealedReport[], code: string, message: string): Promise<void> {
    const [first] = reports
    if (first === undefined) return
    if (reports.length === 1) return this.#source.refuse(first, code, message)
    const middle = Math.ceil(reports.length / 2)
    await this.#deliver(reports.slice(0, middle))
    await this.#deliver(reports.slice(middle))
  }

  async #post(body: RequestBody): Promise<Verdict> {
    this.requests++
    try {
      const answer = await this.#transport.post(body)
      this.isReachable = answer.status < 500
      return judge(answer, body.isCompressed)
    } catch (error) {
      this.isReachable = false
      return { kind: 'retry', code: 'UNREACHABLE', message: `cannot be reached (${textOf(error)})`, isSlow: false }
    }
  }

  async #bodyOf(reports: readonly SealedReport[]): Promise<RequestBody> {
    const pieces = reports.flatMap((report, index) => [Buffer.from(index === 0 ? '[' : ','), report.bytes])
    const bytes = Buffer.concat([...pieces, Buffer.from(']')])
    if (!this.#mayCompress || bytes.length <= this.#settings.gzipAboveBytes) return { bytes, isCompressed: false }
    return { bytes: await zip(bytes, { level: 1 }), isCompressed: true }
  }

  #delayMs(verdict: Verdict & { kind: 'retry' }, failures: number): number {
    const { retryBaseMs: baseMs, retryMaxMs: maxMs } = this.#settings
    const slowMs = verdict.isSlow ? maxMs * (0.5 + Math.random() / 2) : 0
    return Math.max(slowMs, backoffMs(failures, { baseMs, maxMs }, verdict.retryAfterMs, Math.random))
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#isStopped) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref()
      this.#wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wakeUp = undefined
  }
}
