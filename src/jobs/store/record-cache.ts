/** A record as this replica knows it, and the token of the state it was read or written with. `''` = not in the store. */
export type Held<State> = { readonly token: string; readonly state: State }

type Entry<State> = {
  /** Absent while the record is lent: what is being changed is not known until the store has it. */
  held: Held<State> | undefined
  weight: number
  /** Asked for since eviction last passed by. */
  isUsed: boolean
}

/**
 * Records by id, up to a total weight. What was asked for gets a second chance before it is evicted: a strict order by last use
 * would take every record out of the map and put it in again at each report.
 */
export class RecordCache<State> {
  readonly #weightMax: number
  readonly #weigh: (state: State) => number
  readonly #entries = new Map<string, Entry<State>>()
  /** Goes on where the last eviction ended: beginning anew each time, it would pass by all that is gone. */
  #hand: Iterator<[string, Entry<State>]>
  #weight = 0

  /** @param weigh how much memory a state holds, in records */
  constructor(weightMax: number, weigh: (state: State) => number) {
    this.#weightMax = weightMax
    this.#weigh = weigh
    this.#hand = this.#entries.entries()
  }

  get(id: string): Held<State> | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    entry.isUsed = true
    return entry.held
  }

  /** The record is about to be changed: it is unknown until it is remembered again. */
  lend(id: string): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.held = undefined
  }

  remember(id: string, held: Held<State>): void {
    const weight = this.#weigh(held.state)
    const entry = this.#entries.get(id)
    if (entry === undefined) {
      this.#entries.set(id, { held, weight, isUsed: false })
      this.#weight += weight
    } else {
      entry.held = held
      this.#weight += weight - entry.weight
      entry.weight = weight
    }
    if (this.#weight > this.#weightMax) this.#evict()
  }

  forget(id: string): void {
    this.#weight -= this.#entries.get(id)?.weight ?? 0
    this.#entries.delete(id)
  }

  /** Goes round the records: what was used since the last round stays for one more, anything else goes. */
  #evict(): void {
    while (this.#weight > this.#weightMax) {
      const next = this.#hand.next()
      if (next.done === true) this.#hand = this.#entries.entries()
      else if (next.value[1].isUsed) next.value[1].isUsed = false
      else this.forget(next.value[0])
    }
  }
}
