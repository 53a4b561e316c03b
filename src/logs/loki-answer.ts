/** What Loki's answer to a push means. Pure. */
import { toUSVString } from 'node:util'

/**
 * - `stored`: done
 * - `again`: not now; the same bytes later
 * - `refused-for-good`: never these bytes again
 * - `too-large`: in smaller parts
 * - `misconfigured`: address, token or tenant are wrong, the lines are not
 */
export type PushKind = 'stored' | 'again' | 'refused-for-good' | 'too-large' | 'misconfigured'

export type PushResult = {
  readonly kind: PushKind
  /** Loki's own words, at most 500 characters, or what went wrong on the way. */
  readonly reason: string
  /** HTTP status, absent when there was no answer. */
  readonly status?: number
  /** Bounded word for series: the status, `timeout` or `unreachable`. */
  readonly code: string
  readonly retryAfterMs?: number
}

const reasonMax = 500
/** A longer wait is not believed: the answer is input like any other. */
const retryAfterMsMax = 10 * 60_000

/**
 * Every 2xx but 204 means "not stored": Loki blocks a tenant by a status of the operator's choice (260).
 * A 4xx that Loki never gives comes from something else at that address.
 */
export function kindOf(status: number): PushKind {
  if (status === 204) return 'stored'
  if (status < 300 || status >= 500) return 'again'
  switch (status) {
    case 400:
      return 'refused-for-good'
    case 413:
      return 'too-large'
    case 408:
    case 425:
    case 429:
      return 'again'
    default:
      return 'misconfigured'
  }
}

/** Whether the tenant is refused by policy: nothing is lost, nothing gets through, somebody has to act. */
export function isBlocked(result: PushResult): boolean {
  return result.kind === 'again' && result.status !== undefined && result.status < 300
}

/** The answer to a push, judged. */
export function pushResult(status: number, body: string, retryAfter: string | undefined, nowMs: number): PushResult {
  const kind = kindOf(status)
  const words = cleanText(body)
  const reason = kind === 'stored' ? '' : `Loki answered ${status}${words === '' ? '' : `: ${words}`}`.slice(0, reasonMax)
  const retryAfterMs = kind === 'again' ? retryAfterMsOf(retryAfter, nowMs) : undefined
  return { kind, reason, status, code: String(status), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/** Reads `Retry-After`: seconds or a date. */
export function retryAfterMsOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), retryAfterMsMax) : undefined
}

/** One line of printable text: what Loki says is shown to people. */
export function cleanText(text: string): string {
  const printable = text
    .slice(0, 4096)
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
  return toUSVString(printable.slice(0, reasonMax))
}

/** Loki's own rule for tenants: 1..150 of a small set, and not a path. */
export function isTenant(tenant: string): boolean {
  return /^[A-Za-z0-9!\-_.*'()]{1,150}$/.test(tenant) && tenant !== '.' && tenant !== '..'
}
