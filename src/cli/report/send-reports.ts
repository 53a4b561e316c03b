import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type Answer, judge, retriableCodes, type Verdict } from '../../reporter/answer.ts'
import { backoffMs } from '../../reporter/backoff.ts'
import { reportRoute } from '../../reporter/options.ts'
import { httpTransport, type Transport } from '../../reporter/transport.ts'
import type { Target } from '../target.ts'

/** What became of one report. */
export type SentReport = {
  readonly index: number
  readonly outcome: string
  readonly code?: string
  readonly path?: string
  readonly message?: string
}

/** What became of all of them. */
export type SendOutcome = {
  /** Every report arrived and none was rejected. */
  readonly isTaken: boolean
  readonly counts: Readonly<Record<string, number>>
  /** Those that were not plainly applied. */
  readonly results: readonly SentReport[]
  /** Why the rest was not sent. */
  readonly failure?: string
}

const zip = promisify(gzip)
const requestTimeoutMs = 10_000
const batchReportsMax = 100
const batchBytesMax = 256 * 1024
const gzipAboveBytes = 1024

/** Sends reports in order, and asks a busy aggregator again until the time is over. Never rejects. */
export async function sendReports(reports: readonly unknown[], target: Target, timeoutMs: number): Promise<SendOutcome> {
  const route = reportRoute(target.url)
  if (route === undefined) return { isTaken: false, counts: {}, results: [], failure: `${target.url} is no usable address` }
  const endMs = performance.now() + timeoutMs
  const transport = httpTransport(route, target.token, Math.min(requestTimeoutMs, Math.max(1, timeoutMs)))
  const results: SentReport[] = []
  let applied = 0
  let failure: string | undefined
  let index = 0
  for (const batch of batchesOf(reports)) {
    const verdict = await deliver(batch, transport, endMs)
    if (verdict.kind !== 'settled') {
      failure = 'message' in verdict ? `the aggregator at ${target.url} ${verdict.message}` : 'not taken'
      break
    }
    const named = namedIn(verdict.answer, index)
    applied += batch.length - named.filter(({ outcome }) => outcome !== 'applied').length
    results.push(...named)
    index += batch.length
  }
  transport.close()
  const isTaken = failure === undefined && results.every(({ outcome }) => outcome !== 'rejected')
  return { isTaken, counts: countsOf(results, applied), results, ...(failure === undefined ? {} : { failure }) }
}

function* batchesOf(reports: readonly unknown[]): Generator<string[]> {
  let batch: string[] = []
  let bytes = 0
  for (const report of reports) {
    const json = JSON.stringify(report)
    const size = Buffer.byteLength(json)
    if (batch.length > 0 && (batch.length >= batchReportsMax || bytes + size > batchBytesMax)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(json)
    bytes += size
  }
  if (batch.length > 0) yield batch
}

async function deliver(batch: readonly string[], transport: Transport, endMs: number): Promise<Verdict> {
  const bytes = Buffer.from(`[${batch.join(',')}]`)
  let isCompressed = bytes.length > gzipAboveBytes
  for (let failures = 0; ; failures++) {
    const body = { bytes: isCompressed ? await zip(bytes, { level: 1 }) : bytes, isCompressed }
    const verdict = await attempt(transport, body, batch.length)
    if (verdict.kind === 'inflate') isCompressed = false
    else if (verdict.kind !== 'retry' || verdict.isSlow) return verdict
    else {
      const waitMs = backoffMs(failures, { baseMs: 200, maxMs: 30_000 }, verdict.retryAfterMs, Math.random)
      if (performance.now() + waitMs >= endMs) return verdict
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }
}

async function attempt(transport: Transport, body: { bytes: Buffer; isCompressed: boolean }, count: number): Promise<Verdict> {
  try {
    const verdict = judge(await transport.post(body), body.isCompressed)
    return verdict.kind === 'settled' ? (allForLater(verdict.answer, count) ?? verdict) : verdict
  } catch (error) {
    const why = error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : String(error)
    return { kind: 'retry', code: 'UNREACHABLE', message: `cannot be reached (${why})`, isSlow: false }
  }
}

/** Every report of the request was rejected, but may be sent again. */
function allForLater({ items, retryAfterMs }: Answer, count: number): Verdict | undefined {
  const rejected = [...items.values()].filter(({ outcome, code = '' }) => outcome === 'rejected' && retriableCodes.has(code))
  const [first] = rejected
  if (first === undefined || rejected.length < count) return undefined
  const { code = '', message = code } = first
  return {
    kind: 'retry',
    code,
    message: `takes none of it for now: ${message}`,
    isSlow: false,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

function namedIn(answer: Answer, offset: number): SentReport[] {
  return [...answer.items].map(([index, { outcome, code, path, message }]) => ({
    index: index + offset,
    outcome,
    ...(code === undefined ? {} : { code }),
    ...(path === undefined ? {} : { path }),
    ...(message === undefined ? {} : { message }),
  }))
}

function countsOf(results: readonly SentReport[], applied: number): Record<string, number> {
  const counts: Record<string, number> = { applied, late: 0, duplicate: 0, stale: 0, closed: 0, rejected: 0 }
  for (const { outcome } of results) if (outcome !== 'applied') counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}
