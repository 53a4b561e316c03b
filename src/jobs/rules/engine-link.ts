import type { Report } from '../../report/report.ts'
import { isEnd } from '../../report/status.ts'
import type { TaskRecord } from '../records.ts'
import type { TaskChange } from './task-rules.ts'

/** What a task's report means to its engine. */
export type EngineLink = {
  /** Order of arrival; 0 when the engine's gauges must not be taken from this report. */
  readonly stampUs: number
  /** Set when the task is to be entered in the engine's list of tasks, or taken out of it. */
  readonly task?: 'held' | 'released'
  /** Other engines that held it until now. */
  readonly formerEngines?: readonly string[]
}

/** Whether the task is still in its engine's hands: open, or lost and perhaps taken up again. */
export const isHeld = (record: TaskRecord): boolean => record.isSuperseded !== true && !isEnd(record.status)

/** A job-scoped record is a task of the engine that reported it last. */
export const isOtherEngine = (before: TaskRecord, after: TaskRecord) => before.engine.instance !== after.engine.instance

/**
 * What a report on a task of the newest attempt means to its engine.
 * @param before the record it found; undefined for a new one
 * @param formerEngines that held the task in an attempt which the report has superseded
 */
export function linkOf(
  { record, outcome }: TaskChange,
  report: Report,
  before: TaskRecord | undefined,
  formerEngines: readonly string[],
): EngineLink {
  const stampUs = isNewest(outcome, record, report) ? record.engineStampUs : 0
  const wasHeld = before !== undefined && isHeld(before)
  const isReporter = record.engine.instance === report.engine.instance
  const hasLeft = wasHeld && (isReporter ? isOtherEngine(before, record) : !isHeld(record))
  const former = hasLeft ? [...formerEngines, before.engine.instance] : formerEngines
  const isNews = outcome === 'duplicate' || before === undefined || hasLeft || wasHeld !== isHeld(record)
  return {
    stampUs,
    ...(isReporter && isNews ? { task: isHeld(record) ? 'held' : 'released' } : {}),
    ...(former.length === 0 ? {} : { formerEngines: former }),
  }
}

/** Whether the gauges of this report are the newest of its task: also when it is the newest one sent again. */
function isNewest(outcome: TaskChange['outcome'], record: TaskRecord, report: Report): boolean {
  if (outcome === 'duplicate') return record.streams[0]?.newest === report.seq
  return outcome === 'applied' || outcome === 'closed'
}
