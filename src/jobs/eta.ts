import { isOpen } from '../report/status.ts'
import type { TaskRecord } from './records.ts'

/**
 * Seconds a running task still needs if it goes on at the mean pace it has had so far; never negative.
 * Absent when the task is not running or nothing is known of its pace.
 */
export function etaSecondsOf(
  record: Pick<TaskRecord, 'status' | 'progress' | 'hasProgress' | 'startedArrivalAtMs' | 'lastReportAtMs'>,
): number | undefined {
  if (!isOpen(record.status) || !record.hasProgress || record.progress <= 0 || record.startedArrivalAtMs === undefined)
    return undefined
  const elapsedMs = record.lastReportAtMs - record.startedArrivalAtMs
  if (elapsedMs <= 0) return undefined
  return Math.max(0, (elapsedMs * (1 - record.progress)) / record.progress / 1000)
}
