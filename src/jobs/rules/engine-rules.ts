/** What a report does to the record of its engine: liveness, facts, counts. Pure. */
import type { EngineFacts, EngineTaskCounts, Report } from '../../report/report.ts'
import type { Cumulative, EngineRecord } from '../records.ts'
import { counterFields } from './counter-fields.ts'
import { accumulate, adopted, isFall } from './cumulative.ts'
import { addTo, type Effects, timerOf } from './effects.ts'
import { withNews } from './facts.ts'
import { packLines } from './log-entry.ts'
import { closeOldGaps, type GapLimits, hasGaps, isNewerIncarnation, missingOf, type Place, placeReport } from './order.ts'

export type EngineTimes = {
  readonly suspectAfterMs: number
  readonly lostAfterMs: number
  readonly engineLingerMs: number
  readonly retentionMs: number
}

export type EngineRules = EngineTimes & { readonly gaps: GapLimits; readonly gapTimeoutMs: number }

/** What became of a report at its engine; of a heartbeat, what its answer says. */
export type EngineOutcome = { readonly place: Place; readonly missing: readonly (readonly [from: number, to: number])[] }

/** One report as its engine sees it. */
export type EngineArrival = {
  readonly report: Report
  readonly atMs: number
  /** Order of arrival, microseconds; 0 when the report's gauges must not be taken (late, stale, repeated). */
  readonly stampUs: number
  /** Label value for the engine's type. */
  readonly engineType: string
  /** Whether the report's lines belong here: heartbeats only, where there is room. */
  readonly takesLines: boolean
}

const incarnationsMax = 8
const finishedNames = ['succeeded', 'failed'] as const
const stateNames = ['idle', 'busy', 'locked', 'unlocked'] as const

function newEngine(arrival: EngineArrival): EngineRecord {
  return {
    instance: arrival.report.engine.instance,
    facts: { instance: arrival.report.engine.instance },
    engineType: arrival.engineType,
    incarnation: '',
    incarnations: [],
    state: 'live',
    isGone: false,
    firstSeenAtMs: arrival.atMs,
    lastReportAtMs: arrival.atMs,
    counts: {},
    countsStampUs: 0,
    finished: {},
    stateSeconds: {},
    restarts: 0,
    attributes: {},
    streams: [],
  }
}

/** Takes one report into its engine's record. A heartbeat's own `seq` is judged here; a task's was judged by its job. */
export function applyToEngine(
  known: EngineRecord | undefined,
  arrival: EngineArrival,
  rules: EngineRules,
  effects: Effects,
): { readonly record: EngineRecord; readonly outcome: EngineOutcome } {
  const record: EngineRecord = known === undefined ? newEngine(arrival) : { ...known }
  const place = placeHeartbeat(record, arrival, rules, effects)
  if (place === 'jump') return { record, outcome: { place, missing: [] } }
  const isOld = takeIncarnation(record, arrival, rules, effects)
  // Gauges come from the newest arrival; a report behind it brings only what grows.
  const isNewest = !isOld && place === 'newest' && arrival.stampUs > record.countsStampUs
  takeCumulative(record, arrival, isNewest)
  if (!isOld) {
    record.lastReportAtMs = Math.max(record.lastReportAtMs, arrival.atMs)
    if (isNewest) takeFacts(record, arrival)
    speak(record, known, effects)
    effects.timers.push({ member: timerOf.engine(record.instance), atMs: record.lastReportAtMs + rules.suspectAfterMs })
  }
  if (place !== 'duplicate') takeLines(record, arrival, effects)
  effects.events.push({ kind: 'engine', record })
  const missing = arrival.report.execId === undefined ? missingOf(record.streams, rules.gaps) : []
  return { record, outcome: { place: isOld && place !== 'duplicate' ? 'stale' : place, missing } }
}

function takeLines(record: EngineRecord, arrival: EngineArrival, effects: Effects): void {
  const lines = arrival.report.logs ?? []
  if (arrival.takesLines && lines.length > 0) {
    const labels = { namespace: arrival.report.namespace, taskType: 'none', engineType: record.engineType }
    effects.lines.push(packLines(arrival.report, labels, lines, arrival.report.seq ?? Math.floor(arrival.atMs), arrival.atMs))
  }
}

function placeHeartbeat(record: EngineRecord, { report, atMs }: EngineArrival, rules: EngineRules, effects: Effects): Place {
  giveUpGaps(record, atMs, rules, effects)
  if (report.execId !== undefined || report.seq === undefined) return 'newest'
  const { incarnation } = report.engine
  const placed = placeReport(record.streams, { incarnation, seq: report.seq }, atMs, rules.gaps)
  record.streams = placed.streams
  if (placed.lost > 0) addTo(effects, counterFields.reportsLost(), placed.lost)
  return placed.place
}

/** Numbered heartbeats that never came are counted whenever something else of their engine is done. */
function giveUpGaps(record: EngineRecord, nowMs: number, rules: EngineRules, effects: Effects): void {
  if (!hasGaps(record.streams)) return
  const { streams, lost } = closeOldGaps(record.streams, nowMs - rules.gapTimeoutMs)
  if (lost === 0) return
  record.streams = streams
  addTo(effects, counterFields.reportsLost(), lost)
}

/** @returns whether the report comes from an incarnation that a newer one has replaced */
function takeIncarnation(record: EngineRecord, { report, atMs }: EngineArrival, rules: EngineRules, effects: Effects): boolean {
  const incarnation = report.engine.incarnation
  if (incarnation === undefined || incarnation === record.incarnation) return false
  if (
    record.incarnations.includes(incarnation) ||
    (record.incarnation !== '' && !isNewerIncarnation(incarnation, record.incarnation))
  ) {
    return true
  }
  if (record.incarnation === '') adopt(record, incarnation)
  else {
    noteRestart(record, atMs)
    record.counts = {}
    effects.timers.push({ member: timerOf.engineTasks(record.instance), atMs: atMs + rules.lostAfterMs })
  }
  record.incarnation = incarnation
  record.incarnations = [incarnation, ...record.incarnations].slice(0, incarnationsMax)
  return false
}

/** Restarts whose moments are kept: as many as it takes to call an engine flapping. */
const restartsKept = 4

function noteRestart(record: EngineRecord, atMs: number): void {
  record.restarts += 1
  record.restartedAtMs = [...(record.restartedAtMs ?? []), atMs].slice(-restartsKept)
}

/** An engine that had not named its incarnation before and does now is the same start. */
function adopt(record: EngineRecord, incarnation: string): void {
  record.finished = allAdopted(record.finished, incarnation)
  record.stateSeconds = allAdopted(record.stateSeconds, incarnation)
}

function allAdopted<T extends { [name: string]: Cumulative }>(values: T, incarnation: string): T {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, adopted(value, incarnation)])) as T
}

/** @param isNewest whether a value that is lower than the one known may mean that the engine began anew */
function takeCumulative(record: EngineRecord, { report, atMs }: EngineArrival, isNewest: boolean): void {
  const incarnation = report.engine.incarnation ?? record.incarnation
  let hasFallen = false
  for (const name of finishedNames) {
    const reading = report.engineTaskCounts?.[name]
    if (reading === undefined) continue
    const known = record.finished[name]
    hasFallen ||= isNewest && isFall(known, incarnation, reading)
    const next = accumulate(known, incarnation, reading, isNewest)
    if (next !== known) record.finished = { ...record.finished, [name]: next }
  }
  if (hasFallen) noteRestart(record, atMs)
  const reported = report.engine.stateSeconds
  if (reported === undefined) return
  const seconds = { ...record.stateSeconds }
  for (const name of stateNames) {
    const reading = reported[name]
    if (reading !== undefined) seconds[name] = accumulate(seconds[name], incarnation, reading, isNewest)
  }
  record.stateSeconds = seconds
}

/** Facts and gauges of the newest arrival. */
function takeFacts(record: EngineRecord, arrival: EngineArrival): void {
  const { report } = arrival
  record.countsStampUs = arrival.stampUs
  record.facts = withNews(record.facts, factsOf(report.engine))
  if (report.engine.engineType !== undefined) record.engineType = arrival.engineType
  const counts = report.engineTaskCounts
  if (counts !== undefined) record.counts = nextCounts(record.counts, counts)
  if (report.execId === undefined && report.attributes !== undefined) record.attributes = { ...report.attributes }
}

function factsOf(engine: EngineFacts): EngineFacts {
  if (engine.stateSeconds === undefined) return engine
  const { stateSeconds: _cumulative, ...facts } = engine
  return facts
}

function nextCounts(known: EngineTaskCounts, reported: EngineTaskCounts): EngineTaskCounts {
  const { running = known.running, pending = known.pending, limit = known.limit } = reported
  return {
    ...(running === undefined ? {} : { running }),
    ...(pending === undefined ? {} : { pending }),
    ...(limit === undefined ? {} : { limit }),
  }
}

/** Any word of the newest incarnation makes an engine live again; its lost tasks are taken up by the next sweep. */
function speak(record: EngineRecord, known: EngineRecord | undefined, effects: Effects): void {
  record.state = 'live'
  record.isGone = false
  if (known?.state === 'lost') effects.timers.push({ member: timerOf.engineTasks(record.instance), atMs: soonAfter(record) })
  const isAsBefore = known?.state === 'live' && !known.isGone && known.engineType === record.engineType
  if (!isAsBefore) countState(known, record, effects)
}

/**
 * The sweep that gives tasks up takes its timer away unless that has been moved meanwhile. All other timers stand at whole
 * milliseconds, so this one is moved even when an engine is lost and speaks within the same one.
 */
const soonAfter = (record: EngineRecord) => record.lastReportAtMs + 0.5

/** What becomes of an engine that has been silent; undefined when nothing does. */
export function ageEngine(
  known: EngineRecord,
  nowMs: number,
  times: EngineRules,
  effects: Effects,
): EngineRecord | 'expired' | undefined {
  const silentMs = nowMs - known.lastReportAtMs
  if (known.isGone && silentMs >= times.retentionMs) {
    countState(known, undefined, effects)
    return 'expired'
  }
  const record: EngineRecord = { ...known }
  giveUpGaps(record, nowMs, times, effects)
  if (silentMs >= times.lostAfterMs) record.state = 'lost'
  else if (silentMs >= times.suspectAfterMs) record.state = 'suspect'
  const goneAfterMs = saidGoodbye(known) ? times.suspectAfterMs : Math.max(times.lostAfterMs, times.engineLingerMs)
  record.isGone = silentMs >= goneAfterMs
  effects.timers.push({ member: timerOf.engine(known.instance), atMs: known.lastReportAtMs + nextAge(silentMs, times) })
  const isAsBefore = record.state === known.state && record.isGone === known.isGone
  if (isAsBefore) return record.streams === known.streams ? undefined : record
  if (record.state === 'lost' && known.state !== 'lost') {
    effects.timers.push({ member: timerOf.engineTasks(known.instance), atMs: nowMs })
  }
  countState(known, record, effects)
  effects.events.push(record.isGone ? { kind: 'engine-gone', instance: record.instance } : { kind: 'engine', record })
  return record
}

/** An engine whose last word was that it shuts down is no loss: it goes quietly; tasks it left open are lost all the same. */
function saidGoodbye({ facts }: EngineRecord): boolean {
  return facts.status?.replaceAll(/[\s_-]/g, '').toLowerCase() === 'shuttingdown'
}

function nextAge(silentMs: number, times: EngineTimes): number {
  const ages = [times.suspectAfterMs, times.lostAfterMs, Math.max(times.lostAfterMs, times.engineLingerMs), times.retentionMs]
  return ages.find((age) => age > silentMs) ?? silentMs + times.retentionMs
}

function countState(before: EngineRecord | undefined, after: EngineRecord | undefined, effects: Effects): void {
  if (before !== undefined && !before.isGone) addTo(effects, counterFields.engines(before.engineType, before.state), -1)
  if (after !== undefined && !after.isGone) addTo(effects, counterFields.engines(after.engineType, after.state), 1)
}
