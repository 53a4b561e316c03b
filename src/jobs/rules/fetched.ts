/** Reports out of the log of a runtime: each message once, and only into jobs that are the runtime's. */
import type { FetchedFrom, Report } from '../../report/report.ts'
import { type ExecRecord, type JobRecord, recordAt } from '../records.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects } from './effects.ts'
import { linkOf } from './engine-link.ts'
import { engineKey } from './found-record.ts'
import type { JobOutcome } from './job-outcome.ts'
import { copyOfJob, type JobState } from './job-state.ts'
import type { Arrival } from './task-arrival.ts'

/**
 * Applies a fetched report unless it was applied before: the job remembers how far each log has been read. Its messages are counted
 * with that, so that each counts once, by what it came to then, whatever becomes of the answer and of who asked.
 * @param apply judges the report as any other
 */
export function applyFetched(
  state: JobState,
  arrival: Arrival,
  hasRoomForLines: boolean,
  effects: Effects,
  apply: (arrival: Arrival) => JobOutcome,
): JobOutcome {
  const { report } = arrival
  const { fetched } = report
  if (fetched === undefined) return apply(arrival)
  if (isForeign(state.job, report.jobId, fetched)) return refused('RUNTIME_FOREIGN', 'jobId', 'the job is of another runtime')
  if (fetched.isNote && report.logs !== undefined && !hasRoomForLines)
    return refused('LOGS_REFUSED', 'logs', 'there is no room for log lines')
  const upTo = positionIn(state.job, fetched.log)
  if (fetched.position <= upTo) return duplicate(state, report)
  const place = fetched.isNote ? placeOfNote(state, report) : undefined
  const outcome = apply({ ...arrival, report: withoutKnownLines({ ...report, ...place }, fetched, upTo) })
  if (outcome.result.outcome === 'rejected' || outcome.replaces !== undefined) return outcome
  remember(state, fetched)
  const { countedAs } = fetched
  if (countedAs !== undefined)
    addTo(effects, counterFields.runtimeMessages(countedAs, outcome.result.outcome), messagesBeyond(upTo, fetched))
  // Another engine's task: the runtime only passes on what was said of it, and that engine is not the one that speaks.
  return place?.engine === undefined ? outcome : { result: outcome.result }
}

/** A job belongs to the runtime of its name, else to the first runtime that wrote it. */
function isForeign(job: JobRecord | undefined, jobId: string, { runtimeId }: FetchedFrom): boolean {
  return job?.fetched !== undefined && job.fetched.runtimeId !== runtimeId && jobId !== runtimeId
}

function positionIn(job: JobRecord | undefined, log: string): string {
  const upTo = job?.fetched?.upTo ?? {}
  return Object.hasOwn(upTo, log) ? (upTo[log] ?? '') : ''
}

/** Its engine is told again, in case it was not reached when the message was applied. */
function duplicate(state: JobState, report: Report): JobOutcome {
  const record = recordAt(state.execs.get(report.execId ?? ''), engineKey(report))
  const result = { outcome: 'duplicate' } as const
  if (record === undefined) return { result }
  return { result, engine: linkOf({ outcome: 'duplicate', record, reportsLost: 0 }, report, record, []) }
}

/** The attempt and the engine of a task that is only spoken of; nothing for a task never heard of. */
function placeOfNote(state: JobState, report: Report): Partial<Pick<Report, 'attempt' | 'engine'>> {
  const exec: ExecRecord | undefined = state.execs.get(report.execId ?? '')
  if (exec === undefined) return {}
  const attempt = report.fetched?.hasAttempt === true ? report.attempt : exec.attempt
  const [record] = Object.values(exec.current)
  const isKnownHere = record === undefined || recordAt(exec, engineKey(report)) !== undefined || attempt !== exec.attempt
  return isKnownHere ? { attempt } : { attempt, engine: { instance: record.engine.instance } }
}

/** Several messages may have become one report, some of them read before. */
function withoutKnownLines(report: Report, { linePositions }: FetchedFrom, upTo: string): Report {
  if (linePositions === undefined || report.logs === undefined) return report
  return { ...report, logs: report.logs.filter((_, i) => (linePositions[i] ?? '') > upTo) }
}

/** How many messages of those that became this report were not read before. */
function messagesBeyond(upTo: string, { position, messagePositions = [position] }: FetchedFrom): number {
  return new Set(messagePositions.filter((each) => each > upTo)).size
}

function remember(state: JobState, { runtimeId, log, position }: FetchedFrom): void {
  const job = copyOfJob(state)
  const known = job.fetched?.runtimeId === runtimeId ? job.fetched.upTo : {}
  state.job = { ...job, fetched: { runtimeId, upTo: { ...known, [log]: position } } }
}

function refused(code: 'RUNTIME_FOREIGN' | 'LOGS_REFUSED', path: string, message: string): JobOutcome {
  return { result: { outcome: 'rejected', code, path, message } }
}
