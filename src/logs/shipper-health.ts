/** Whether log lines get through, by what the store and Loki have answered last. */
import { ScopeError } from '../errors.ts'
import { isBlocked, type PushResult } from './loki-answer.ts'
import type { ShipperReadiness } from './shipper-options.ts'

export class ShipperHealth {
  readonly #changed: (readiness: ShipperReadiness) => void
  #lokiTrouble: ShipperReadiness = { ready: true }
  #storeTrouble: string | undefined
  #said = ''

  /** @param changed told of each new readiness */
  constructor(changed: (readiness: ShipperReadiness) => void) {
    this.#changed = changed
  }

  /** Whether lines get through, as far as is known. */
  readiness(): ShipperReadiness {
    if (this.#storeTrouble === undefined || !this.#lokiTrouble.ready) return this.#lokiTrouble
    return { ready: true, reason: `Log lines wait for the store: ${this.#storeTrouble}` }
  }

  /** Does something with the store. @returns undefined when the store is away, which is noted */
  async guarded<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await work()
      this.#storeTrouble = undefined
      this.#say()
      return answer
    } catch (error) {
      if (!(error instanceof ScopeError && error.code === 'REDIS_UNAVAILABLE')) throw error
      this.#storeTrouble = error.message
      this.#say()
      return undefined
    }
  }

  noteLoki(result: PushResult): void {
    const needsHands = result.kind === 'misconfigured' || isBlocked(result)
    const isJudged = result.kind !== 'again' && !needsHands
    this.#lokiTrouble = isJudged ? { ready: true } : { ready: !needsHands, reason: result.reason }
    this.#say()
  }

  #say(): void {
    const now = this.readiness()
    const text = `${now.ready} ${now.reason ?? ''}`
    if (text === this.#said) return
    this.#said = text
    this.#changed(now)
  }
}
