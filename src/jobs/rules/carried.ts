/** Counters of a task on an engine go on over its attempts: their series do not name the attempt and must never step back. */
import { type Carried, type Cumulative, type ExecRecord, recordAt, type TaskRecord, totalOf } from '../records.ts'

/** Engines of one task whose totals are kept: more only where it was tried again on more of them. */
const enginesMax = 64

function totalsOf(record: TaskRecord): Carried {
  const cpuSeconds = (totalOf(record.usage.cpuSeconds) ?? 0) + (record.cpuSecondsCarried ?? 0)
  return {
    cpuSeconds,
    counters: Object.fromEntries(Object.entries(record.counters).map(([name, value]) => [name, totalOf(value) ?? 0])),
  }
}

/** What a report has added to an attempt. @param before undefined = it was not known */
function grownBy(before: TaskRecord | undefined, after: TaskRecord): Carried | undefined {
  const from = before === undefined ? { cpuSeconds: 0, counters: {} } : totalsOf(before)
  const to = totalsOf(after)
  const counters = Object.entries(to.counters)
    .map(([name, total]): [string, number] => [name, total - (from.counters[name] ?? 0)])
    .filter(([, more]) => more > 0)
  const cpuSeconds = Math.max(0, to.cpuSeconds - from.cpuSeconds)
  return cpuSeconds === 0 && counters.length === 0 ? undefined : { cpuSeconds, counters: Object.fromEntries(counters) }
}

/** Keeps what the attempts that give way have counted, by engine. */
export function carriedFrom(exec: ExecRecord): Record<string, Carried> {
  const all = { ...exec.carried }
  for (const [key, record] of Object.entries(exec.current)) {
    const totals = totalsOf(record)
    if (totals.cpuSeconds > 0 || Object.keys(totals.counters).length > 0) all[key] = totals
  }
  return Object.fromEntries(Object.entries(all).slice(-enginesMax))
}

/** Engines may be named like members of every object. */
export function carriedAt(exec: ExecRecord | undefined, key: string): Carried | undefined {
  return exec?.carried !== undefined && Object.hasOwn(exec.carried, key) ? exec.carried[key] : undefined
}

/** A new attempt goes on from what the earlier ones on its engine have counted. */
export function goingOn(record: TaskRecord, carried: Carried | undefined): TaskRecord {
  return carried === undefined ? record : withMore(record, carried)
}

/**
 * Adds what an earlier attempt turns out to have counted.
 * @param key of the engine
 * @returns the same record when there is nothing to add
 */
export function withLateCount(exec: ExecRecord, key: string, before: TaskRecord | undefined, after: TaskRecord): ExecRecord {
  const more = grownBy(before, after)
  if (more === undefined) return exec
  const known = carriedAt(exec, key) ?? { cpuSeconds: 0, counters: {} }
  const counters = { ...known.counters }
  for (const [name, by] of Object.entries(more.counters)) counters[name] = (counters[name] ?? 0) + by
  const carried = { ...exec.carried, [key]: { cpuSeconds: known.cpuSeconds + more.cpuSeconds, counters } }
  const present = recordAt(exec, key)
  const current = present === undefined ? exec.current : { ...exec.current, [key]: withMore(present, more) }
  return { ...exec, current, carried: Object.fromEntries(Object.entries(carried).slice(-enginesMax)) }
}

function withMore(record: TaskRecord, more: Carried): TaskRecord {
  const counters: Record<string, Cumulative> = { ...record.counters }
  for (const [name, by] of Object.entries(more.counters)) {
    const known = counters[name] ?? { base: 0, per: [] }
    counters[name] = { base: known.base + by, per: known.per }
  }
  const cpuSecondsCarried = (record.cpuSecondsCarried ?? 0) + more.cpuSeconds
  return { ...record, counters, ...(cpuSecondsCarried > 0 ? { cpuSecondsCarried } : {}) }
}
