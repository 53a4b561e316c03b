import { resultsPath } from '../model/event.ts'
import type { MemberView } from '../registry/member.ts'
import type { Registry } from '../registry/registry.ts'

const freshMs = 1_000

/** Knows to whom results may be sent: where live dispatchers have registered to take them, letter by letter. */
export class Dispatchers {
  readonly #registry: Registry
  #known: readonly MemberView[] = []
  #readMs = Number.NEGATIVE_INFINITY

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** @throws ScopeError REDIS_UNAVAILABLE where it would have to be looked up and cannot */
  async isAddress(replyTo: string): Promise<boolean> {
    if (performance.now() - this.#readMs < freshMs && this.#hasLive(replyTo)) return true
    this.#known = await this.#registry.list('dispatcher')
    this.#readMs = performance.now()
    return this.#hasLive(replyTo)
  }

  #hasLive(replyTo: string): boolean {
    return this.#known.some(({ state, url }) => state === 'live' && replyTo === `${url}${resultsPath}`)
  }
}
