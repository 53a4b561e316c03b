/** Times and limits of what the hub keeps in Redis. */
export type HubStoreSettings = {
  /** How long a dispatcher has a process without renewing. */
  readonly leaseMs: number
  /** How long after the end of its lease a process that nobody takes over is LOST. */
  readonly lostAfterMs: number
  /** How long a process that has ended is kept. */
  readonly retentionMs: number
  /** Dispatchers that may begin with one process, until it is STALLED. */
  readonly attemptsMax: number
  /** Bytes of a flow, of its data, of each output. */
  readonly dataBytesMax: number
  readonly queueMax: number
  readonly flowsMax: number
  /** Upper bounds of the histograms, in seconds. */
  readonly bounds: { readonly scheduleToStart: readonly number[]; readonly node: readonly number[] }
}

/** Processes that one call of a claim looks at. */
export const lookedMax = 1_000
/** The same dispatcher says the same of the same process once in so long. */
export const denyEveryMs = 60_000
/** How long a client key is remembered. */
export const clientKeyMs = 86_400_000
