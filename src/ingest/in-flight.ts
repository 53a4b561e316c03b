/** How many bytes of bodies are being worked on, over all requests. */
export class InFlight {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Books the bytes of one request, all at once or as they come. `undefined` when there is no room now. */
  begin(bytes: number): BytesInFlight | undefined {
    if (this.#bytes + bytes > this.#bytesMax) return undefined
    this.#bytes += bytes
    let held = bytes
    return {
      growTo: (total) => {
        const more = total - held
        if (more <= 0) return true
        if (this.#bytes + more > this.#bytesMax) return false
        this.#bytes += more
        held = total
        return true
      },
      end: () => {
        this.#bytes -= held
        held = 0
      },
    }
  }
}

/** The share of one request. */
export type BytesInFlight = {
  /** @returns whether there was room; if not, nothing more is booked. */
  growTo(bytes: number): boolean
  /** Gives everything back. */
  end(): void
}
