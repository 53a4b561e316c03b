/** Waiting between tries: longer each time, never in step with others. */

/** How long to wait after so many failed tries in a row, at random in the upper half of minMs × 2^tries, and at most maxMs. */
export function backoffMs(failures: number, minMs: number, maxMs: number): number {
  const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30))
  return ceilingMs / 2 + (Math.random() * ceilingMs) / 2
}

/** A wait that can be ended from outside. One at a time. */
export class Pause {
  #end: (() => void) | undefined
  #isClosed = false

  /** Resolves after so many ms, or when ended; at once when closed. */
  async wait(ms: number): Promise<void> {
    if (this.#isClosed) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#end = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#end = undefined
  }

  /** Ends the wait that is under way; without one it does nothing. */
  end(): void {
    this.#end?.()
  }

  /** Ends the wait that is under way and all later ones. */
  close(): void {
    this.#isClosed = true
    this.end()
  }
}
