import type { TaskState } from './task-state.ts'

/** A report as it is on the wire. Its bytes and its number never change again, however often it is sent. */
export type SealedReport = {
  /** Absent in a heartbeat. */
  readonly task?: TaskState
  readonly seq: number
  readonly bytes: Buffer
  readonly logLines: number
  /** Says the end of the task. */
  readonly isFinal: boolean
  /** `again`: asked for by the aggregator. `repeat`: a final report sent once more unasked. */
  readonly origin: 'new' | 'again' | 'repeat'
  /** Not to be sent before this time of the reporter's own clock. */
  readonly notBeforeMs: number
}
