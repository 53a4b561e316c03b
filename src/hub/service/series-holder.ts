import { randomUUID } from 'node:crypto'
import type { HubStore } from '../store/hub-store.ts'

/** A hub renews once a second; after so long without, another takes over. */
const leaseMs = 5_000

/** This start of a hub as one of those that may print the series that all of them share. */
export class SeriesHolder {
  readonly #store: Pick<HubStore, 'holdsSeries' | 'leaveSeries'>
  readonly #id = randomUUID()

  constructor(store: Pick<HubStore, 'holdsSeries' | 'leaveSeries'>) {
    this.#store = store
  }

  /** Asks the store, and renews: at a scrape its word counts, not what was true a second ago. @throws ScopeError REDIS_UNAVAILABLE */
  holds(): Promise<boolean> {
    return this.#store.holdsSeries(this.#id, leaseMs)
  }

  /** Hands over at once; where the store is away the lease runs out. */
  async leave(): Promise<void> {
    await this.#store.leaveSeries(this.#id).catch(() => undefined)
  }
}
