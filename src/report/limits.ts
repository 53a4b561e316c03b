/** How much of anything one report may hold. What does not fit is rejected, cut or dropped as each entry says, and counted. */
export type ReportLimits = {
  /** Characters of an id (`namespace`, `jobId`, `execId`, `engine.instance`, `engine.incarnation`): longer ones reject the report. */
  readonly idLengthMax: number
  /** Characters of a text that may become a label: longer ones are cut and end in a hash of the whole. */
  readonly labelLengthMax: number
  /** UTF-8 bytes of `error.message`: longer ones are cut and end in a marker. */
  readonly errorMessageBytesMax: number
  /** Entries of `algorithmMetrics`: more reject the report. */
  readonly metricsMax: number
  /** Log lines of one report: more reject it. */
  readonly logLinesMax: number
  /** UTF-8 bytes of one log line: longer ones are cut and end in a marker. */
  readonly logLineBytesMax: number
  /** Entries of a log line's `fields`; the rest is dropped. */
  readonly logFieldsMax: number
  /** Characters of all names and values of a log line's `fields`; what goes beyond is dropped. */
  readonly logFieldsLengthMax: number
  /** Entries of `attributes`; the rest is dropped. */
  readonly attributesMax: number
  /** Characters of all names and values of `attributes`; what goes beyond is dropped. */
  readonly attributesLengthMax: number
  /** Characters of one value of `attributes` or of a log line's `fields`: longer ones are cut and end in a hash. */
  readonly attributeLengthMax: number
  /** Stages of `progressInfo`; the rest is dropped. */
  readonly subtasksMax: number
  /** Applications of `resourceMap`; the rest is dropped. */
  readonly applicationsMax: number
  /** Characters of JSON that `metadata`, `lineage`, `workflowToken` and `algorithmMetrics` may each hold; a larger one is dropped whole. */
  readonly opaqueLengthMax: number
  /** Keys of any one object: more reject the report. */
  readonly objectKeysMax: number
  /** How far `reportedAt` may lie ahead of our clock before it is dropped, milliseconds. */
  readonly reportedAtAheadMsMax: number
  /** How far `engine.incarnation` may lie ahead of our clock before the report is rejected, milliseconds. */
  readonly incarnationAheadMsMax: number
}

const hourMs = 3_600_000

export const defaultReportLimits: ReportLimits = Object.freeze({
  idLengthMax: 200,
  labelLengthMax: 256,
  errorMessageBytesMax: 8_192,
  metricsMax: 256,
  logLinesMax: 1_000,
  logLineBytesMax: 65_536,
  logFieldsMax: 64,
  logFieldsLengthMax: 16_384,
  attributesMax: 256,
  attributesLengthMax: 65_536,
  attributeLengthMax: 8_192,
  subtasksMax: 1_000,
  applicationsMax: 1_000,
  opaqueLengthMax: 65_536,
  objectKeysMax: 10_000,
  reportedAtAheadMsMax: hourMs,
  incarnationAheadMsMax: 24 * hourMs,
})
