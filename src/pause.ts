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
