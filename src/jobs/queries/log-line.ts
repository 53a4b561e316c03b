import type { LogEntry } from '../records.ts'
import { momentOf } from './times.ts'

/** One log line as it goes out. */
export type LogLineView = {
  /** RFC 3339, to the millisecond as the engine gave it. */
  readonly ts: string | null
  readonly level: string
  readonly line: string
  /** Null for lines of an engine that belong to no task. */
  readonly execId: string | null
  readonly engine: string
  readonly fields: Readonly<Record<string, string>>
}

/** Levels of a line, least grave first. */
export const logLevels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const

/** Gravity of a level; a word that is none ranks as INFO. */
export function levelRank(level: string): number {
  const rank = (logLevels as readonly string[]).indexOf(level)
  return rank < 0 ? logLevels.indexOf('INFO') : rank
}

export function lineViewOf(entry: LogEntry, [tsNs, level, line, fields]: LogEntry['lines'][number]): LogLineView {
  return {
    ts: momentOf(Number(tsNs.slice(0, -6))),
    level,
    line,
    execId: entry.task ?? null,
    engine: entry.engine,
    fields: fields ?? {},
  }
}
