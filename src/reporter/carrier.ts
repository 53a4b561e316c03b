import type { Answer } from './answer.ts'
import type { SealedReport } from './sealed.ts'

/** Where a carrier gets its work and leaves the results. */
export type ReportSource = {
  /** The next reports, as many as one request takes; none = nothing to carry now. */
  readonly take: () => readonly SealedReport[]
  readonly settle: (reports: readonly SealedReport[], answer: Answer) => void
  /** The report will not be taken, however it is sent. */
  readonly refuse: (report: SealedReport, code: string, message: string) => void
  /** The report had to make room before it arrived. */
  readonly lose: (report: SealedReport) => void
  /** Called when there is nothing left to carry, and when something has arrived since. */
  readonly rest: () => void
}

/** Brings reports to the aggregator: sends them, or keeps them until they are fetched. */
export type Carrier = {
  readonly isRunning: boolean
  /** Whether reports that were taken from the source have not arrived yet. */
  readonly hasUnderway: boolean
  readonly requests: number
  readonly retries: number
  /** Whether the aggregator was there the last time; undefined before the first. */
  readonly isReachable: boolean | undefined
  /** Says that there may be work. Never does any before the present turn of the event loop is over. */
  readonly wake: () => void
  /** Gives up what is under way. */
  readonly stop: () => void
}

/** Makes the carrier of a source. */
export type MakeCarrier = (source: ReportSource) => Carrier
