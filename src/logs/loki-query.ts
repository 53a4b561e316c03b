/** Reading a job's lines back out of Loki: the query, the answer, and a cursor that loses no line. Pure. */
import { createHash } from 'node:crypto'
import { toUSVString } from 'node:util'
import { ScopeError } from '../errors.ts'
import { fieldNameOf } from './line-metadata.ts'

/** Which lines of a job are wanted. Ids may hold anything: they are quoted, never pasted. */
export type JobLogQuery = {
  readonly namespace: string
  readonly jobId: string
  /** 1..1,000 */
  readonly limit: number
  /** `nextCursor` or `cursor` of an earlier page in the same order. */
  readonly after?: string | undefined
  /** Only these levels, upper case. */
  readonly levels?: readonly string[] | undefined
  /** `asc` = oldest first. */
  readonly order: 'asc' | 'desc'
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

export type JobLogLine = {
  /** RFC 3339, the engine's own time where the line had to be moved for Loki. */
  readonly ts: string
  readonly level: string
  readonly line: string
  readonly execId?: string
  readonly engine: string
  readonly fields: Readonly<Record<string, string>>
}

export type JobLogPage = {
  readonly lines: readonly JobLogLine[]
  /** Present when there are more lines now. */
  readonly nextCursor?: string
  /** Where this page ended, to follow the lines that are still to come. */
  readonly cursor?: string
}

/** A line as Loki gave it. `key` tells lines of one nanosecond apart. */
export type FoundLine = {
  readonly ns: string
  readonly key: string
  readonly line: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * The last nanosecond that was returned, and the lines of it that were: all of `keys`, or, where these are too many
 * to name, every line up to `upTo` in the order of the page.
 */
export type Position = { readonly ns: string; readonly keys: readonly string[]; readonly upTo?: string }

const keyLength = 8
/** Lines of one nanosecond that a cursor names one by one; they are of one job, so one is the rule. */
const keysMax = 500

/** LogQL for a job. JSON's escapes are a subset of Go's, which LogQL uses. */
export function jobLogQl(query: Pick<JobLogQuery, 'namespace' | 'jobId' | 'levels'>): string {
  const matchers = [`service_name="enginescope"`, `namespace=${quoted(query.namespace)}`]
  const [only, ...more] = query.levels ?? []
  if (only !== undefined) {
    const alternatives = [only, ...more].map(escapedForRegex).join('|')
    matchers.push(more.length === 0 ? `level=${quoted(only)}` : `level=~${quoted(alternatives)}`)
  }
  return `{${matchers.join(', ')}} | job_id=${quoted(query.jobId)}`
}

/** @throws ScopeError REQUEST_INVALID for a text that is no cursor */
export function parsePosition(cursor: string): Position {
  const [, ns, names = '', upTo] = /^(\d{1,19})((?:\.[\w-]{8})*)(?:~([\w-]{8}))?$/.exec(cursor) ?? []
  const keys = names.split('.').slice(1)
  if (ns === undefined || keys.length > keysMax) {
    throw new ScopeError('REQUEST_INVALID', 'The cursor is not one that was given out.', { path: 'after' })
  }
  return { ns: ns.padStart(19, '0'), keys, ...(upTo === undefined ? {} : { upTo }) }
}

/**
 * Reads the lines out of Loki's answer, in order; lines of one nanosecond in an order of their own that never changes.
 * @throws ScopeError LOKI_UNAVAILABLE when it is not an answer of Loki
 */
export function foundLines(text: string, order: 'asc' | 'desc'): FoundLine[] {
  const found: FoundLine[] = []
  for (const stream of streamsOf(text)) {
    const labels = textsOf(stream['stream'])
    const labelText = JSON.stringify(Object.entries(labels).sort())
    for (const [ns, line] of valuesOf(stream['values'])) {
      const key = createHash('sha1').update(labelText).update(line).digest('base64url').slice(0, keyLength)
      found.push({ ns: ns.padStart(19, '0'), key, line, labels })
    }
  }
  const sign = order === 'asc' ? 1 : -1
  return found.sort((a, b) => sign * (compare(a.ns, b.ns) || compare(a.key, b.key)))
}

/**
 * Makes a page of the lines found behind a position.
 * @param found sorted; may hold lines that were returned before
 * @param isCut Loki had as many lines as it was asked for, so there may be more than were found
 */
export function pageOf(
  found: readonly FoundLine[],
  before: Position | undefined,
  query: Pick<JobLogQuery, 'limit' | 'order'>,
  isCut: boolean,
): JobLogPage {
  const fresh = unseen(found, before, query.order)
  const taken = fresh.slice(0, query.limit)
  const last = taken.at(-1)
  if (last === undefined) return { lines: [], ...(before === undefined ? {} : { cursor: cursorText(before) }) }
  const keysOf = (lines: readonly FoundLine[]) => lines.filter((line) => line.ns === last.ns).map((line) => line.key)
  const known: Position = before?.ns === last.ns ? before : { ns: last.ns, keys: [] }
  const isNamed = known.upTo === undefined && keysOf(found).length <= keysMax
  const cursor = cursorText(
    isNamed ? { ns: last.ns, keys: [...known.keys, ...keysOf(taken)] } : { ns: last.ns, keys: [], upTo: last.key },
  )
  return { lines: taken.map(jobLine), cursor, ...(isCut || fresh.length > query.limit ? { nextCursor: cursor } : {}) }
}

/**
 * The nanosecond in which a page would end although Loki, being cut short, may not have shown all lines of it. The
 * page must be made with all of them: which of them Loki shows first is not defined.
 */
export function openInstant(
  found: readonly FoundLine[],
  before: Position | undefined,
  query: Pick<JobLogQuery, 'limit' | 'order'>,
): string | undefined {
  const ns = unseen(found, before, query.order).slice(0, query.limit).at(-1)?.ns
  return ns === found.at(-1)?.ns ? ns : undefined
}

/** Puts all lines of a nanosecond, the last one found, in the place of those that were found of it. */
export function withWholeInstant(found: readonly FoundLine[], whole: readonly FoundLine[], ns: string): FoundLine[] {
  return [...found.filter((line) => line.ns !== ns), ...whole]
}

/** Those lines that an earlier page did not return. */
export function unseen(found: readonly FoundLine[], before: Position | undefined, order: 'asc' | 'desc'): readonly FoundLine[] {
  if (before === undefined) return found
  const seen = new Set(before.keys)
  const sign = order === 'asc' ? 1 : -1
  const isSeen = (key: string) => seen.has(key) || (before.upTo !== undefined && sign * compare(key, before.upTo) <= 0)
  return found.filter((line) => line.ns !== before.ns || !isSeen(line.key))
}

/** RFC 3339 of a time in ns: milliseconds, and more digits only where there are any. */
export function isoOfNs(ns: string): string {
  const digits = ns.padStart(7, '0')
  const ms = Number(digits.slice(0, -6))
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return ns
  const rest = digits.slice(-6)
  const iso = new Date(ms).toISOString()
  return rest === '000000' ? iso : `${iso.slice(0, -1)}${rest}Z`
}

function jobLine({ ns, line, labels }: FoundLine): JobLogLine {
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(labels)) {
    const field = fieldNameOf(name)
    if (field !== undefined) fields[field] = value
  }
  const task = labels['task']
  return {
    ts: isoOfNs(labels['original_ts'] ?? ns),
    level: labels['level'] ?? 'UNKNOWN',
    line,
    ...(task === undefined ? {} : { execId: task }),
    engine: labels['engine'] ?? '',
    fields,
  }
}

function streamsOf(text: string): Record<string, unknown>[] {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch (cause) {
    throw notLoki(cause)
  }
  const result = isObject(answer) && isObject(answer['data']) ? answer['data']['result'] : undefined
  if (!Array.isArray(result) || !result.every(isObject)) throw notLoki()
  return result
}

function valuesOf(values: unknown): [ns: string, line: string][] {
  if (!Array.isArray(values)) throw notLoki()
  return values.map((value: unknown) => {
    const [ns, line]: unknown[] = Array.isArray(value) ? value : []
    if (typeof ns !== 'string' || typeof line !== 'string' || !/^\d{1,19}$/.test(ns)) throw notLoki()
    return [ns, line]
  })
}

function textsOf(labels: unknown): Record<string, string> {
  if (!isObject(labels)) throw notLoki()
  return Object.fromEntries(Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

function notLoki(cause?: unknown): ScopeError {
  return new ScopeError('LOKI_UNAVAILABLE', 'What answered is not Loki.', { cause })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function cursorText({ ns, keys, upTo }: Position): string {
  return [ns, ...keys].join('.') + (upTo === undefined ? '' : `~${upTo}`)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function quoted(text: string): string {
  return JSON.stringify(toUSVString(text))
}

function escapedForRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
