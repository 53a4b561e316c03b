/** `logs`: the lines of a report. */
import { emptyObject, isObject, type Parts, partsOf, type Read } from './fields.ts'
import type { ReportLimits } from './limits.ts'
import type { LogLine } from './report.ts'
import { foldWord } from './status-words.ts'
import { cleanLine, cutWithMarker } from './text.ts'
import { readTimeMs } from './time.ts'

/** Levels as they are kept, and the other names that engines use for them, compared as status words are. */
const levelWords = {
  TRACE: ['TRACE', 'FINEST', 'FINER', 'VERBOSE', 'ALL'],
  DEBUG: ['DEBUG', 'FINE', 'DBG'],
  INFO: ['INFO', 'INFORMATION', 'NOTICE', 'CONFIG', 'LOG'],
  WARN: ['WARN', 'WARNING'],
  ERROR: ['ERROR', 'ERR', 'SEVERE'],
  FATAL: ['FATAL', 'CRITICAL', 'CRIT', 'ALERT', 'EMERG', 'EMERGENCY', 'PANIC'],
} as const

const defaultLevel = 'INFO'
const wordLengthMax = 32

const byFoldedWord: ReadonlyMap<string, string> = new Map(
  Object.entries(levelWords).flatMap(([level, words]) => words.map((word): [string, string] => [foldWord(word), level])),
)

const readLevel: Read<string> = (value, path, notes) => {
  const level = typeof value === 'string' && value.length <= wordLengthMax ? levelOf(value) : undefined
  if (level === undefined && value !== '') notes.ignore(path)
  return level
}

function levelOf(word: string): string | undefined {
  return word === defaultLevel ? defaultLevel : byFoldedWord.get(foldWord(word))
}

const readTs: Read<number> = (value, path, notes) => {
  const timeMs = readTimeMs(value)
  if (timeMs === undefined) notes.ignore(path)
  return timeMs
}

type Sent = { readonly ts?: number; readonly level?: string; readonly line: string; readonly fields?: Record<string, string> }
type Draft = { -readonly [K in keyof LogLine]: LogLine[K] }

/** A line object without a `line` of text is left out and noted; a missing or unknown level is INFO. */
export function logsOf(limits: ReportLimits, readFields: Read<Record<string, string>>): Read<LogLine[]> {
  const parts: Parts<Sent> = { ts: readTs, level: readLevel, line: lineOf(limits), fields: readFields }
  const readParts = partsOf('logs', parts, limits)
  return (value, path, notes) => {
    if (!Array.isArray(value)) return emptyObject(value, path, notes)
    if (value.length > limits.logLinesMax) {
      notes.reject('REPORT_TOO_MANY_LINES', path, `has more than ${limits.logLinesMax} lines`)
      return undefined
    }
    const lines: LogLine[] = []
    for (const sent of value) {
      if (isObject(sent) && typeof sent['line'] === 'string') lines.push(lineFrom(readParts(sent, path, notes) ?? {}))
      else notes.ignore('logs.line')
    }
    return lines
  }
}

function lineFrom(sent: Partial<Sent>): LogLine {
  const draft: Draft = { level: sent.level ?? defaultLevel, line: sent.line ?? '' }
  if (sent.ts !== undefined) draft.tsMs = sent.ts
  if (sent.fields !== undefined && Object.keys(sent.fields).length > 0) draft.fields = sent.fields
  return draft
}

function lineOf(limits: ReportLimits): Read<string> {
  return (value, path, notes) => {
    const line = cutWithMarker(cleanLine(value as string), limits.logLineBytesMax)
    if (line !== value) notes.ignore(path)
    return line
  }
}
