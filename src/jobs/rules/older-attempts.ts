/** Attempts that a later one has followed: kept for the history, and what they turn out to have counted is not lost. */
import type { LearningType } from '../../catalogue/index.ts'
import type { Report } from '../../report/report.ts'
import { recordAt, type TaskRecord } from '../records.ts'
import { withLateCount } from './carried.ts'
import type { Effects } from './effects.ts'
import { engineKey, type Found, pushOlder } from './found-record.ts'
import { copyOfJob, type JobRules, type JobState, scheduleGaps } from './job-state.ts'
import { takeJobType, tellsType } from './job-type.ts'
import { takeOfOlder } from './learned-job.ts'
import { hasGaps } from './order.ts'
import { countChange, observeTimes } from './task-counts.ts'

export function putOlder(state: JobState, found: Found, record: TaskRecord, rules: JobRules, effects: Effects): void {
  const execId = record.task
  observeTimes(record, rules.bounds, effects)
  countChange(found.before, record, effects)
  if (found.olderAt < 0) pushOlder(state, execId, record, rules, effects)
  else state.older.set(execId, (state.older.get(execId) ?? []).with(found.olderAt, record))
  carryOver(state, execId, found.before, record, effects)
  const learned = rules.learning.get(record.labels.taskType)
  if (learned !== undefined) takeLateCount(state, learned, found.record, record, effects)
  if (hasGaps(record.streams) || (found.before !== undefined && hasGaps(found.before.streams)))
    scheduleGaps(state, execId, rules, effects)
}

/** Whether the word of an earlier attempt on the job's type counts does not depend on when it comes. */
export function takeOlderType(state: JobState, report: Report, effects: Effects): void {
  if (state.job === undefined || !tellsType(state.job, report)) return
  const job = copyOfJob(state)
  takeJobType(job, report)
  state.job = job
  effects.events.push({ kind: 'job', record: job })
}

/** What an earlier attempt turns out to have counted is part of the job's sums, too. */
function takeLateCount(state: JobState, type: LearningType, start: TaskRecord, record: TaskRecord, effects: Effects): void {
  const job = copyOfJob(state)
  if (!takeOfOlder(job, type, start, record)) return
  state.job = job
  effects.events.push({ kind: 'job', record: job })
}

/** What an earlier attempt turns out to have counted belongs to the counters of the present one on the same engine. */
function carryOver(state: JobState, execId: string, before: TaskRecord | undefined, after: TaskRecord, effects: Effects): void {
  const key = engineKey(after)
  const known = state.execs.get(execId)
  if (known === undefined) return
  const exec = withLateCount(known, key, before, after)
  if (exec === known) return
  state.execs.set(execId, exec)
  const record = recordAt(exec, key)
  if (record !== undefined) effects.events.push({ kind: 'task', record })
}
