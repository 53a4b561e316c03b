/** A wait that can be ended early. */
export class Pause {
  #end: (() => void) | undefined

  /** Resolves after this time, or as soon as it is ended. */
  async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#end = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#end = undefined
  }

  /** Ends the wait, where there is one. */
  end(): void {
    this.#end?.()
  }
}
