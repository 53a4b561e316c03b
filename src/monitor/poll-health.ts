/** How the polling of one runtime goes: failures in a row, what they mean, and how long to wait after them. */
import { backoff, backoffMsMax } from './backoff.ts'
import type { Fetched } from './fetcher.ts'
import type { PollFacts, RuntimeName } from './runtime-record.ts'
import type { WatchDeps } from './watch-deps.ts'

const troubleEveryMs = 30_000

export class PollHealth {
  readonly #name: RuntimeName
  readonly #deps: Pick<WatchDeps, 'settings' | 'nowMs' | 'onTrouble'>
  #failures = 0
  #failuresSinceNotice = 0
  #isRefused = false
  #delayMs: number | undefined
  #lastSuccessAtMs: number | undefined
  #lastPollAtMs: number | undefined
  #problem: string | undefined
  #troubleAtMs = Number.NEGATIVE_INFINITY

  constructor(name: RuntimeName, deps: Pick<WatchDeps, 'settings' | 'nowMs' | 'onTrouble'>) {
    this.#name = name
    this.#deps = deps
  }

  get lastSuccessAtMs(): number | undefined {
    return this.#lastSuccessAtMs
  }

  /** Failures in a row since the launcher said that the process is gone, where it did later than they began. */
  get failuresSinceNotice(): number {
    return this.#failuresSinceNotice
  }

  /** It failed too often in a row. */
  get hasFailed(): boolean {
    return this.#failures >= this.#deps.settings.unreachableAfter
  }

  /** It failed too often in a row, or lets nobody in. */
  get isUnreachable(): boolean {
    return this.#isRefused || this.hasFailed
  }

  /** How long to wait after the last failure. */
  get delayMs(): number {
    return this.#delayMs ?? backoff(this.#failures)
  }

  load({ failures, lastSuccessAtMs }: PollFacts): void {
    this.#failures = failures
    this.#lastSuccessAtMs = lastSuccessAtMs
  }

  /** The launcher says that the process is gone. */
  noteDeath(): void {
    this.#failuresSinceNotice = 0
  }

  polled(): void {
    this.#lastPollAtMs = this.#deps.nowMs()
  }

  /** @param problem of an answer that was cut off */
  succeeded(problem: string | undefined): void {
    this.#failures = 0
    this.#failuresSinceNotice = 0
    this.#problem = problem
    this.#lastSuccessAtMs = this.#deps.nowMs()
    this.#troubleAtMs = Number.NEGATIVE_INFINITY
  }

  failed({ status, reason }: Fetched, outcome: string): void {
    this.#failures++
    this.#failuresSinceNotice++
    this.#problem = reason
    this.tell(`it cannot be polled: ${outcome}, ${reason}`)
    this.#isRefused = status === 401 || status === 403
    this.#delayMs = this.#isRefused ? backoffMsMax : status === 400 ? this.#deps.settings.intervalMs : undefined
  }

  /** Says what is wrong, at most once in a while. */
  tell(what: string, error?: unknown): void {
    const nowMs = this.#deps.nowMs()
    if (nowMs - this.#troubleAtMs < troubleEveryMs) return
    this.#troubleAtMs = nowMs
    this.#deps.onTrouble(this.#name, what, error)
  }

  facts(): PollFacts {
    return {
      failures: this.#failures,
      ...(this.#lastPollAtMs === undefined ? {} : { lastPollAtMs: this.#lastPollAtMs }),
      ...(this.#lastSuccessAtMs === undefined ? {} : { lastSuccessAtMs: this.#lastSuccessAtMs }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    }
  }
}
