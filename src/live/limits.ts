/** Bounds of the event stream. */
export type LiveLimits = {
  /** Clients at once; the next one is told BUSY. */
  readonly clientsMax: number
  /** How long changes are gathered before they are sent, the newest of each job only. */
  readonly gatherMs: number
  readonly heartbeatMs: number
  /** A client that lets this much pile up is disconnected. */
  readonly unsentBytesMax: number
  /** A client that takes nothing for this long is disconnected. */
  readonly writeTimeoutMs: number
  /** A stream ends after this time; the client comes back, and its token is looked at again. */
  readonly streamMs: number
  /** Log lines read at a time. */
  readonly linesPerRead: number
}

export const defaultLiveLimits: LiveLimits = {
  clientsMax: 200,
  gatherMs: 100,
  heartbeatMs: 15_000,
  unsentBytesMax: 1024 * 1024,
  writeTimeoutMs: 30_000,
  streamMs: 60 * 60_000,
  linesPerRead: 200,
}

/** Why a client was let go. */
export type EndReason = 'left' | 'too_slow' | 'write_timeout' | 'read_failed' | 'stream_age' | 'shutdown'
