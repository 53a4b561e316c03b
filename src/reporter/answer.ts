import type { SeqRanges } from './ring.ts'

/** What came back over HTTP. */
export type HttpAnswer = { readonly status: number; readonly retryAfterMs?: number; readonly body: string }

/** What the aggregator says of one report; an item it does not name was plainly applied. */
export type ItemAnswer = {
  readonly outcome: string
  readonly code?: string
  readonly path?: string
  readonly message?: string
  readonly missing: SeqRanges
  /** Lines of this report that were not taken. */
  readonly logLinesRefused: number
}

/** The answer to one request. */
export type Answer = {
  readonly items: ReadonlyMap<number, ItemAnswer>
  readonly logs: 'ok' | 'tight' | 'full'
  readonly retryAfterMs: number | undefined
}

/** What an answer means for the request. */
export type Verdict =
  | { readonly kind: 'settled'; readonly answer: Answer }
  /** The body as a whole is not wanted: smaller ones may be. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** The body is not wanted compressed. */
  | { readonly kind: 'inflate' }
  | {
      readonly kind: 'retry'
      readonly code: string
      readonly message: string
      readonly isSlow: boolean
      readonly retryAfterMs?: number
    }

/** Codes of rejected items that may be sent again as they are. */
export const retriableCodes: ReadonlySet<string> = new Set([
  'OPEN_JOBS_LIMIT',
  'RATE_LIMITED',
  'BUSY',
  'REDIS_UNAVAILABLE',
  'INTERNAL',
])

const mayHoldResults: ReadonlySet<number> = new Set([200, 400, 403, 413, 429])
const missingMax = 64

/** Judges an answer. Whatever it holds is taken with care: a proxy may have written it. */
export function judge(http: HttpAnswer, isCompressed: boolean): Verdict {
  const body = recordOf(parsed(http.body))
  if (mayHoldResults.has(http.status) && Array.isArray(body?.['results'])) {
    return { kind: 'settled', answer: answerOf(body, body['results'], http.retryAfterMs) }
  }
  const { status } = http
  const error = recordOf(body?.['error'])
  const code = wordOf(error?.['code']) ?? `HTTP_${status}`
  const message = `answered ${status}${error === undefined ? '' : `: ${textOf(error['message'])}`}`
  if (status >= 200 && status < 300) return { kind: 'retry', code: 'ANSWER_UNREADABLE', message, isSlow: true }
  if (status === 415 && isCompressed) return { kind: 'inflate' }
  if (status === 400 || status === 413 || status === 415 || status === 422) return { kind: 'refused', code, message }
  const isSlow = status < 500 && status !== 408 && status !== 429
  return { kind: 'retry', code, message, isSlow, ...(http.retryAfterMs === undefined ? {} : { retryAfterMs: http.retryAfterMs }) }
}

/** `Retry-After` in milliseconds, given as seconds or as a date. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

function answerOf(body: Record<string, unknown>, results: readonly unknown[], headerMs: number | undefined): Answer {
  const items = new Map<number, ItemAnswer>()
  let askedMs = headerMs
  for (const result of results) {
    const item = recordOf(result)
    if (typeof item?.['index'] !== 'number') continue
    items.set(item['index'], itemOf(item))
    askedMs = secondsOf(item['retryAfterSeconds']) ?? askedMs
  }
  const logs = recordOf(body['logs'])
  const state = logs?.['state']
  return {
    items,
    logs: state === 'tight' || state === 'full' ? state : 'ok',
    retryAfterMs: secondsOf(logs?.['retryAfterSeconds']) ?? askedMs,
  }
}

function itemOf(item: Record<string, unknown>): ItemAnswer {
  const code = wordOf(item['code'])
  const refused = item['logLinesRefused']
  return {
    outcome: wordOf(item['outcome']) ?? 'applied',
    ...(code === undefined ? {} : { code }),
    ...(typeof item['path'] === 'string' ? { path: item['path'].slice(0, 200) } : {}),
    ...(typeof item['message'] === 'string' ? { message: item['message'].slice(0, 500) } : {}),
    missing: rangesOf(item['missing']),
    logLinesRefused: code !== 'LOGS_REFUSED' ? 0 : typeof refused === 'number' ? refused : Number.POSITIVE_INFINITY,
  }
}

function rangesOf(value: unknown): SeqRanges {
  if (!Array.isArray(value)) return []
  const isRange = (range: unknown): range is [number, number] =>
    Array.isArray(range) && range.length === 2 && range.every((end) => typeof end === 'number')
  return value.filter(isRange).slice(0, missingMax)
}

function secondsOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value * 1000 : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
}

/** A word of a bounded alphabet, or nothing: it becomes a key of the statistics. */
function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z_]{1,64}$/.test(value) ? value : undefined
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 300) : ''
}
