/** Finds the record that a report speaks of, among attempts, engines and runs. */
import type { Report } from '../../report/report.ts'
import { type ExecRecord, recordAt, type TaskLabels, type TaskRecord } from '../records.ts'
import { carriedAt, carriedFrom, goingOn } from './carried.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects, timerOf } from './effects.ts'
import { isHeld } from './engine-link.ts'
import { copyOfJob, type JobRules, type JobState, scheduleGaps } from './job-state.ts'
import { replaceInSummary } from './job-summary.ts'
import { closeOldGaps, hasGaps, isNewerIncarnation } from './order.ts'
import type { Arrival } from './task-arrival.ts'
import { countChange } from './task-counts.ts'
import { newTask } from './task-rules.ts'
import { giveUpTask } from './task-status.ts'

export type Found = {
  readonly record: TaskRecord
  readonly before: TaskRecord | undefined
  readonly isOlder: boolean
  readonly olderAt: number
  /** Engines that held the task in the attempt which this report has superseded. */
  readonly formerEngines?: readonly string[]
}

/** Key of a record within its `ExecRecord`. */
export const engineKey = ({ scope, engine }: Pick<Report, 'scope' | 'engine'>) => (scope === 'job' ? '' : engine.instance)

/** The record a report speaks of; a new one for a task, an attempt or an engine that was not heard of. */
export function findRecord(state: JobState, arrival: Arrival, labels: TaskLabels, rules: JobRules, effects: Effects): Found {
  const { report } = arrival
  const exec = state.execs.get(report.execId ?? '')
  if (exec === undefined) return newRecord(arrival, labels, undefined)
  const known = recordAt(exec, engineKey(report))
  const run = runOf(arrival, known)
  if (run === 'older' || (run === 'same' && report.attempt < exec.attempt)) return findOlder(state, arrival, labels, run)
  if (run === 'same' && report.attempt === exec.attempt) {
    return known === undefined ? newRecord(arrival, labels, exec) : { record: known, before: known, isOlder: false, olderAt: -1 }
  }
  const formerEngines = supersede(state, exec, arrival, run === 'newer', rules, effects)
  return { ...newRecord(arrival, labels, state.execs.get(report.execId ?? '')), formerEngines }
}

/** @param exec the attempt it belongs to; undefined for a task never heard of */
function newRecord(arrival: Arrival, labels: TaskLabels, exec: ExecRecord | undefined): Found {
  const record = goingOn(newTask(arrival, labels), carriedAt(exec, engineKey(arrival.report)))
  return { record, before: undefined, isOlder: false, olderAt: -1 }
}

type Run = 'same' | 'newer' | 'older'

/** An id that was made from the engine's name is used again by the engine's next start: another run of it. */
function runOf({ report }: Arrival, known: TaskRecord | undefined): Run {
  const incarnation = report.engine.incarnation
  if (!report.isJobIdDerived || incarnation === undefined || known === undefined || known.incarnation === '') return 'same'
  if (known.streams.some((stream) => stream.incarnation === incarnation)) return 'same'
  return isNewerIncarnation(incarnation, known.incarnation) ? 'newer' : 'older'
}

function findOlder(state: JobState, arrival: Arrival, labels: TaskLabels, run: Run): Found {
  const { report } = arrival
  const { incarnation } = report.engine
  const older = state.older.get(report.execId ?? '') ?? []
  const isOfRun = (record: TaskRecord) => run === 'same' || record.streams.some((stream) => stream.incarnation === incarnation)
  const at = older.findIndex(
    (record) => record.attempt === report.attempt && engineKey(record) === engineKey(report) && isOfRun(record),
  )
  const before = older[at]
  return { record: before ?? { ...newTask(arrival, labels), isSuperseded: true }, before, isOlder: true, olderAt: at }
}

/**
 * A later attempt, or a new run of a derived id, takes the place of what counted so far.
 * @returns the other engines that held the task
 */
function supersede(
  state: JobState,
  exec: ExecRecord,
  arrival: Arrival,
  isNewRun: boolean,
  rules: JobRules,
  effects: Effects,
): string[] {
  const formerEngines: string[] = []
  const execId = arrival.report.execId ?? ''
  const job = copyOfJob(state)
  for (const known of Object.values(exec.current)) {
    const ended = isNewRun ? giveUpTask(known, 'ENGINE_RESTARTED', 'the engine began anew and uses this id again') : undefined
    const superseded: TaskRecord = { ...(ended ?? known), isSuperseded: true }
    countChange(known, superseded, effects)
    replaceInSummary(job, known, undefined)
    effects.events.push({ kind: 'task', record: superseded })
    pushOlder(state, execId, superseded, rules, effects)
    effects.timers.push({ member: timerOf.register(job, execId, known.engine.instance), atMs: undefined })
    if (isHeld(known) && known.engine.instance !== arrival.report.engine.instance) formerEngines.push(known.engine.instance)
  }
  state.job = job
  state.execs.set(execId, { attempt: arrival.report.attempt, current: {}, carried: carriedFrom(exec) })
  if (Object.values(exec.current).some(({ streams }) => hasGaps(streams))) scheduleGaps(state, execId, rules, effects)
  return formerEngines
}

export function pushOlder(state: JobState, execId: string, record: TaskRecord, rules: JobRules, effects: Effects): void {
  const all = [record, ...(state.older.get(execId) ?? [])]
  for (const { streams } of all.slice(rules.attemptsMax)) {
    const { lost } = closeOldGaps(streams, Number.POSITIVE_INFINITY)
    if (lost > 0) addTo(effects, counterFields.reportsLost(), lost)
  }
  state.older.set(execId, all.slice(0, rules.attemptsMax))
}
