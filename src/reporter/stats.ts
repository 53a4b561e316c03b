/** What a reporter has done so far and what waits in it. Everything that was lost is counted here. */
export type ReporterStats = {
  /** Tasks that are open, or whose end has not arrived yet. */
  readonly tasks: number
  /** Written reports that wait to be sent. */
  readonly queued: number
  readonly queuedBytes: number
  readonly queuedLogLines: number
  /** Reports the aggregator took. */
  readonly sent: number
  /** Of these, reports it had asked for again. */
  readonly sentAgain: number
  readonly requests: number
  /** Requests that had to be sent again. */
  readonly retried: number
  /** Reports it will not have. */
  readonly rejected: number
  /** Reports that fell out of the full queue. */
  readonly dropped: number
  readonly logLinesSent: number
  /** Lines it did not take for now; they go with the next report. */
  readonly logLinesRefused: number
  /** Lines that fell out of a full ring. */
  readonly logLinesDropped: number
  /** How often each problem came up. */
  readonly problems: Readonly<Record<string, number>>
  /** Whether the last request was answered; undefined before the first. */
  readonly isReachable: boolean | undefined
}

/** The counts that only grow. */
export type Totals = {
  sent: number
  sentAgain: number
  rejected: number
  dropped: number
  logLinesSent: number
  logLinesRefused: number
  logLinesDropped: number
}

export function noTotals(): Totals {
  return { sent: 0, sentAgain: 0, rejected: 0, dropped: 0, logLinesSent: 0, logLinesRefused: 0, logLinesDropped: 0 }
}
