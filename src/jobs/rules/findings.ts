/** What the shard's owner finds out about running tasks: standing still, overdue, far behind their siblings. Pure. */
import type { TaskFindings, TaskRecord } from '../records.ts'
import type { RunProfile } from '../run-profile.ts'
import { type Effects, timerOf } from './effects.ts'
import { nextPace } from './pace.ts'

export type WatchRules = {
  /** Least time without progress that counts as a standstill. */
  readonly stalledAfterMs: number
  readonly lostAfterMs: number
}

/** Runs of a kind before "longer than usual" can be said of it. */
export const overdueRunsMin = 20
/** A task is overdue when it takes this many times longer than 95 % of its kind. */
const overdueFactor = 3
/** A standstill is this many times longer than the task's own mean time between two moves. */
const stallFactor = 3

/** A new task is looked at this soon: before, nothing is unusual. */
const firstLookMsMax = 30_000
/** Meanwhile the kind may have become known. */
const lookEveryMsMax = 300_000

const isWatched = (record: TaskRecord | undefined): record is TaskRecord =>
  record?.status === 'running' && record.isSuperseded !== true

/** Whether a task counts in `enginescope_tasks_stalled`. */
export const isStalled = (record: TaskRecord | undefined): boolean =>
  isWatched(record) && record.findings?.stalledSinceMs !== undefined

/**
 * Keeps the pace of a task after a change, and has it watched while it runs: one timer for all of its life, however often it reports.
 * @param engineKey key of the record within its `ExecRecord`
 * @param record where it is not `before`, a copy that nobody has seen yet: its pace is set in it
 */
export function withPace(
  before: TaskRecord | undefined,
  record: TaskRecord,
  engineKey: string,
  atMs: number,
  rules: WatchRules,
  effects: Effects,
): TaskRecord {
  const wasWatched = isWatched(before)
  if (!isWatched(record)) {
    if (wasWatched) effects.timers.push({ member: timerOf.watch(record, engineKey), atMs: undefined })
    return withFindings(record, {})
  }
  if (!wasWatched || before.pace === undefined) {
    const firstLookAtMs = atMs + Math.min(rules.stalledAfterMs, firstLookMsMax)
    effects.timers.push({ member: timerOf.watch(record, engineKey), atMs: firstLookAtMs })
  }
  const pace = nextPace(before, record, atMs)
  if (pace === before?.pace) return record
  if (record.findings === undefined) {
    if (record === before) return { ...record, pace }
    record.pace = pace
    return record
  }
  const { stalledSinceMs, ...others } = record.findings
  if (stalledSinceMs !== undefined) {
    // Its timer waits for the end of the standstill; now the next one is waited for.
    effects.timers.push({ member: timerOf.watch(record, engineKey), atMs: atMs + rules.stalledAfterMs })
  }
  return withFindings({ ...record, pace }, others)
}

/** What a look at a running task has brought. */
export type Look = { readonly record: TaskRecord; readonly lookAgainAtMs: number | undefined }

/** Judges a task by its own pace and by earlier runs of its kind. The record is the same when nothing has changed. */
export function lookAt(record: TaskRecord, nowMs: number, profile: RunProfile | undefined, rules: WatchRules): Look {
  if (!isWatched(record) || record.pace === undefined) return { record, lookAgainAtMs: undefined }
  const stallsAtMs = record.hasProgress ? record.pace.movedAtMs + stallAfterMs(record, profile, rules) : Number.POSITIVE_INFINITY
  const overdueAtMs = overdueAt(record, profile)
  const isReporting = nowMs - record.lastReportAtMs < rules.lostAfterMs
  const findings: TaskFindings = { ...record.findings }
  // A silent task is its engine's matter.
  if (stallsAtMs <= nowMs && isReporting) findings.stalledSinceMs ??= nowMs
  else delete findings.stalledSinceMs
  if (overdueAtMs <= nowMs) findings.overdueSinceMs ??= nowMs
  else delete findings.overdueSinceMs
  const next = [stallsAtMs, overdueAtMs].filter((atMs) => atMs > nowMs)
  return { record: withFindings(record, findings), lookAgainAtMs: Math.ceil(Math.min(nowMs + lookEveryMsMax, ...next)) }
}

/** Sets or takes away the mark of a task that is far behind its siblings. The record is the same when it fits already. */
export function markStraggler(record: TaskRecord, isStraggler: boolean, nowMs: number): TaskRecord {
  if (!isWatched(record)) return record
  const { straggledSinceMs, ...others } = record.findings ?? {}
  if (isStraggler === (straggledSinceMs !== undefined)) return record
  return withFindings(record, isStraggler ? { ...others, straggledSinceMs: nowMs } : others)
}

/**
 * How long a task may stay without progress: at least the setting, three times its own mean time between two moves, and as long
 * as earlier runs of its kind did at their longest, leaving out the most extreme twentieth.
 */
function stallAfterMs(record: TaskRecord, profile: RunProfile | undefined, rules: WatchRules): number {
  const { pace } = record
  const ownGapMs = pace === undefined || pace.steps === 0 ? 0 : pace.gapsMs / pace.steps
  return Math.max(rules.stalledAfterMs, stallFactor * ownGapMs, profile?.longestGapMsP95 ?? 0)
}

function overdueAt(record: TaskRecord, profile: RunProfile | undefined): number {
  if (profile === undefined || profile.count < overdueRunsMin || record.startedArrivalAtMs === undefined)
    return Number.POSITIVE_INFINITY
  return record.startedArrivalAtMs + overdueFactor * profile.runMsP95
}

function withFindings(record: TaskRecord, findings: TaskFindings): TaskRecord {
  const known = record.findings ?? {}
  const names = ['stalledSinceMs', 'overdueSinceMs', 'straggledSinceMs'] as const
  if (names.every((name) => known[name] === findings[name])) return record
  const { findings: _replaced, ...others } = record
  return Object.keys(findings).length === 0 ? others : { ...others, findings }
}
