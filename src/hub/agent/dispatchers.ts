import type { MemberView } from '../registry/member.ts'
import type { Registry } from '../registry/registry.ts'

const freshMs = 1_000

/** Knows to whom results may be sent: the registered addresses of live dispatchers, nothing else. */
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
    return this.#known.some(({ state, url }) => state === 'live' && isWithin(replyTo, url))
  }
}

function isWithin(address: string, base: string): boolean {
  if (!URL.canParse(address) || !URL.canParse(base)) return false
  const [at, under] = [new URL(address), new URL(base)]
  if (at.origin !== under.origin || at.username !== '' || at.password !== '') return false
  return at.pathname.startsWith(`${under.pathname.replace(/\/$/, '')}/`)
}
