/** The local stack cannot start or go on. The message is meant for the user's terminal. */
export class StackError extends Error {
  override readonly name = 'StackError'
  /** Further lines to show, such as the end of a log. */
  readonly lines: readonly string[]

  constructor(message: string, options: { lines?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.lines = options.lines ?? []
  }
}
