/** Limits of one agent. */
export type AgentLimits = {
  /** Events run at once. */
  readonly capacity: number
  /** The longest that one run may take, whatever its deadline. */
  readonly runMsMax: number
  /** How long a run that is told to stop may take to do so; then its thread is ended. */
  readonly abortGraceMs: number
  /** JavaScript heap of one run. */
  readonly memoryBytesMax: number
  /** Output of one run. */
  readonly outputBytesMax: number
  /** How long runs may go on when the agent stops. */
  readonly drainMs: number
}
