import type { Report, SubtaskProgress } from '../../report/report.ts'
import { isEnd, type TaskStatus } from '../../report/status.ts'

/** A task that has not ended never shows more than this. */
const openProgressMax = 0.99

/** What a report says of progress: its own number, else finished of all sub-tasks; undefined when it says nothing usable. */
export function reportedProgress(report: Pick<Report, 'progressRatio' | 'progressInfo'>): number | undefined {
  if (report.progressRatio !== undefined) return report.progressRatio
  return report.progressInfo === undefined ? undefined : shareSucceeded(report.progressInfo)
}

/**
 * Progress to show after a report. Never falls; below 1 until the task has succeeded; an end that is no success keeps the
 * last real value, and a 1 that comes with it is not real.
 */
export function nextProgress(known: number, reported: number | undefined, status: TaskStatus): number {
  if (status === 'succeeded') return 1
  if (reported === undefined) return known
  if (isEnd(status)) return reported < 1 ? Math.max(known, reported) : known
  return Math.max(known, Math.min(reported, openProgressMax))
}

function shareSucceeded(subtasks: readonly SubtaskProgress[]): number | undefined {
  let total = 0
  let succeeded = 0
  for (const subtask of subtasks) {
    total += subtask.totalTasks
    succeeded += subtask.succeedTasks
  }
  return total > 0 ? Math.min(1, succeeded / total) : undefined
}
