/** Bytes that several answers share: whoever is asked has a part set aside, and what is not needed of it goes back. */
export class ByteBudget {
  readonly #slots: number
  readonly #least: number
  #free: number
  #inFlight = 0

  /** @param slots how many may be under way at once. */
  constructor(bytes: number, slots: number) {
    this.#slots = slots
    this.#free = bytes
    this.#least = bytes / (slots * 4)
  }

  /** @param waiting how many want some, this one included. @returns 0 when too little is left to be of use */
  reserve(waiting: number): number {
    if (this.#inFlight >= this.#slots || this.#free < this.#least) return 0
    const share = this.#free / Math.max(1, Math.min(waiting, this.#slots - this.#inFlight))
    const bytes = Math.floor(Math.max(share, this.#least))
    this.#free -= bytes
    this.#inFlight++
    return bytes
  }

  /** @param used of what was reserved. */
  settle(reserved: number, used: number): void {
    this.#free += reserved - used
    this.#inFlight--
  }
}
