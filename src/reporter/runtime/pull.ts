import { randomBytes } from 'node:crypto'
import type { MakeCarrier } from '../carrier.ts'
import { defaultInstance, type ReporterOptions, type ReporterSettings } from '../options.ts'
import type { Problems } from '../problems.ts'
import { isId } from '../wire.ts'
import { FetchCarrier } from './fetch-carrier.ts'
import { notify } from './notices.ts'
import { RunLog } from './runtime.ts'

/** One part of a report in a message: with all of them a message stays below what monitors take. */
const partBytesMax = 128 * 1024
const exitFlushMs = 20_000
const dayMs = 86_400_000

/** What a reporter needs to be fetched from instead of sending. */
export class Pull {
  readonly run: RunLog
  /** A program of this run has ended: monitors will ask for the shutdown. */
  isEnding = false
  readonly #options: ReporterOptions
  readonly #problems: Problems
  readonly #token: string | undefined
  readonly #closing = new AbortController()

  constructor(options: ReporterOptions, problems: Problems) {
    const { runtime = {}, engine } = options
    this.#options = options
    this.#problems = problems
    // A run that registers itself tells its token there: nobody has to think of one.
    this.#token = runtime.token ?? (this.#registers ? randomBytes(32).toString('hex') : undefined)
    const names = [runtime.runtimeId, engine?.instance]
    const runtimeId = names.find((name) => name !== undefined) ?? defaultInstance()
    this.run = new RunLog({ ...runtime, runtimeId: isId(runtimeId) ? runtimeId : '', token: this.#token }, problems)
  }

  /** What the engine of this run is called in its reports, as in the messages that name no engine. */
  get identity(): { readonly instance: string; readonly incarnation: string } {
    return { instance: this.run.runtimeId, incarnation: this.run.log.epoch }
  }

  get carrierOf(): MakeCarrier {
    return (source) => new FetchCarrier(source, this.run, this.#problems)
  }

  /** What differs where nobody answers: nothing is asked for again by number, and who fetches comes every few seconds. */
  settingsFrom(settings: ReporterSettings): ReporterSettings {
    return {
      ...settings,
      ringBytesMax: 0,
      repeatFinalMs: 0,
      partBytesMax: Math.min(settings.partBytesMax, partBytesMax),
      exitFlushMs: this.#options.settings?.exitFlushMs ?? exitFlushMs,
    }
  }

  /** Tells the aggregator that there is a run to fetch from, for as long as it takes. */
  async register(namespace: string | undefined, engineType: string): Promise<void> {
    if (!this.#registers) return
    const { runtime = {}, url = '', token } = this.#options
    const address = runtime.publicUrl ?? (await this.run.listening)
    if (address === undefined) {
      this.#problems.tell('NOT_REGISTERED', 'the run has no address to register: it does not listen, and publicUrl is not given')
      return
    }
    const registration = {
      runtimeId: this.run.runtimeId,
      namespace: namespace ?? 'default',
      url: address,
      mode: runtime.pollMode ?? 'batch',
      topics: this.run.topics,
      engineType,
      ...(this.#token === undefined ? {} : { token: this.#token }),
    }
    const target = { url, token, signal: this.#closing.signal, timeoutMs: dayMs, holdsProcess: false }
    const outcome = await notify(target, '/api/v1/runtimes', registration, ({ code = 'UNREACHABLE', message = '' }) =>
      this.#problems.tell(code, `the run is not registered yet: ${message}`),
    )
    if (outcome.taken || this.#closing.signal.aborted) return
    this.#problems.tell('NOT_REGISTERED', `the run is not registered: ${outcome.code} ${outcome.message ?? ''}`)
  }

  /** Whether monitors are still to come: the run has ended and nobody has asked for the shutdown. */
  get isAwaited(): boolean {
    return this.isEnding && !this.run.isShutDown
  }

  /** Waits until a monitor has asked for the shutdown, where the run has ended. @returns whether one has, or need not */
  async ended(timeoutMs: number): Promise<boolean> {
    return !this.isEnding || this.run.ended(Math.max(0, timeoutMs))
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.run.close()
  }

  get #registers(): boolean {
    const { runtime, url } = this.#options
    return (runtime?.register ?? url !== undefined) && url !== undefined
  }
}
