/** What comes of a report for whoever sent it, and for its engine. */
import type { ReportResult } from '../../report/report.ts'
import type { TaskLabels } from '../records.ts'
import type { EngineLink } from './engine-link.ts'

/** What only the caller knows while a report is judged. */
export type Circumstances = {
  /** Uids of the jobs whose place this one takes, where it is new. */
  readonly formerUids?: readonly string[] | undefined
  readonly labels: TaskLabels
  readonly hasRoomForJob: boolean
  readonly hasRoomForLines: boolean
}

export type JobOutcome = {
  readonly result: ReportResult
  /** How the report bears on its engine; absent when it was refused. */
  readonly engine?: EngineLink
  /** Nothing was done: the report is of another job under the same name, which would have replaced these uids. */
  readonly replaces?: readonly string[]
}
