/** The one alias table for task statuses: every word that an engine may send, and the canonical word it means. */
import type { TaskStatus } from './status.ts'

/**
 * By source, in that source's own spelling. Compared without regard to case, `_`, `-` and blanks.
 * No word may mean two things; a test holds that. `lost` is missing on purpose: only the aggregator gives it.
 */
export const statusWords = {
  canonical: {
    inited: 'inited',
    scheduled: 'scheduled',
    running: 'running',
    suspended: 'suspended',
    waiting_for_retry: 'waiting_for_retry',
    succeeded: 'succeeded',
    failed: 'failed',
    cancelled: 'cancelled',
    timed_out: 'timed_out',
  },
  linkis: {
    Inited: 'inited',
    PENDING: 'inited',
    Scheduled: 'scheduled',
    Running: 'running',
    WaitForRetry: 'waiting_for_retry',
    Succeed: 'succeeded',
    SUCCESS: 'succeeded',
    Failed: 'failed',
    ERROR: 'failed',
    Cancelled: 'cancelled',
    Canceled: 'cancelled',
    CANCEL: 'cancelled',
    Timeout: 'timed_out',
    TimedOut: 'timed_out',
  },
  cdap: {
    PENDING: 'inited',
    STARTING: 'scheduled',
    RUNNING: 'running',
    SUSPENDED: 'suspended',
    RESUMING: 'running',
    STOPPING: 'running',
    COMPLETED: 'succeeded',
    FAILED: 'failed',
    KILLED: 'cancelled',
    REJECTED: 'failed',
  },
  /** Waiting and Pending: no place yet. Ready: its data and place are there, it has not begun. */
  sedna: {
    Waiting: 'inited',
    Pending: 'inited',
    Ready: 'scheduled',
    Starting: 'scheduled',
    Running: 'running',
    Training: 'running',
    Completed: 'succeeded',
    Complete: 'succeeded',
    Succeeded: 'succeeded',
    Failed: 'failed',
  },
  enginehub: { PENDING: 'inited', RUNNING: 'running', FINISHED: 'succeeded' },
} as const satisfies Record<string, Readonly<Record<string, Exclude<TaskStatus, 'lost'>>>>

/** A word as it is compared: lower case, without `_`, `-` and blanks. */
export function foldWord(word: string): string {
  return word.toLowerCase().replace(/[\s_-]/g, '')
}

const byFoldedWord: ReadonlyMap<string, TaskStatus> = new Map(
  Object.values(statusWords).flatMap((words) =>
    Object.entries(words).map(([word, status]): [string, TaskStatus] => [foldWord(word), status]),
  ),
)

/** Longer than any word of the table in any spelling that means it. */
const wordLengthMax = 64

/** Spellings seen so far, so that the hot path is one look-up. Holds only words of the table, and few of their spellings. */
const bySpelling = new Map<string, TaskStatus>()
const spellingsMax = 256

/** The canonical status that a word means; `undefined` for a word that is in no table. */
export function statusOf(word: string): TaskStatus | undefined {
  const known = bySpelling.get(word)
  if (known !== undefined) return known
  if (word.length > wordLengthMax) return undefined
  const status = byFoldedWord.get(foldWord(word))
  if (status !== undefined && bySpelling.size < spellingsMax) bySpelling.set(word, status)
  return status
}
