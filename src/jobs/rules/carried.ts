import { type Cumulative, type TaskRecord, totalOf } from '../records.ts'

/**
 * Adds to a task's counters what an earlier attempt on the same engine has counted, so that its series, which do not name
 * the attempt, never step back.
 * @param before the earlier attempt when its share was added last; undefined = never
 * @returns the same record when nothing is new
 */
export function withCarried(record: TaskRecord, before: TaskRecord | undefined, after: TaskRecord): TaskRecord {
  const cpuSeconds = cpuSecondsOf(after) - (before === undefined ? 0 : cpuSecondsOf(before))
  const counters: Record<string, Cumulative> = {}
  for (const [name, value] of Object.entries(after.counters)) {
    const more = (totalOf(value) ?? 0) - (totalOf(before?.counters[name]) ?? 0)
    const known = record.counters[name] ?? { base: 0, per: [] }
    if (more > 0) counters[name] = { base: known.base + more, per: known.per }
  }
  const hasMoreCpu = cpuSeconds > 0
  if (!hasMoreCpu && Object.keys(counters).length === 0) return record
  return {
    ...record,
    ...(hasMoreCpu ? { cpuSecondsCarried: (record.cpuSecondsCarried ?? 0) + cpuSeconds } : {}),
    counters: { ...record.counters, ...counters },
  }
}

const cpuSecondsOf = ({ usage, cpuSecondsCarried = 0 }: TaskRecord) => (totalOf(usage.cpuSeconds) ?? 0) + cpuSecondsCarried
