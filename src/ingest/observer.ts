import type { Outcome } from '../report/report.ts'

/** What the door tells about itself. Names of fields come from outside: whoever counts them bounds them. */
export type IngestObserver = {
  /** From the first byte of the headers read to the answer. */
  requestSeconds(seconds: number): void
  outcome(outcome: Outcome): void
  /** A report that was rejected, or a request that was refused as a whole. */
  rejection(code: string): void
  /** A field that was left out, cut or cleaned: its path without ids and indexes. */
  ignoredField(path: string): void
  /** Arrival minus `reportedAt`, at least 0. */
  reportDelaySeconds(seconds: number): void
}
