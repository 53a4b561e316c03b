import type { Reach } from '../jobs/queries/reach.ts'

/** What a client of the stream may see and asked for; absent = everything. */
export type StreamWish = {
  readonly reach: Reach
  readonly namespace?: string | undefined
  /** Comes with `namespace`. Only then log lines and tasks are sent. */
  readonly jobId?: string | undefined
  /** Cursor of the log tail behind which lines begin; absent = lines from now on. */
  readonly after?: string | undefined
}
