/** Talks to one Loki. Whatever answers is untrusted: every answer has a size and a time. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Pool } from 'undici'
import { ScopeError } from '../errors.ts'
import { cleanText, isTenant, type PushResult, pushResult, retryAfterMsOf } from './loki-answer.ts'
import {
  type FoundLine,
  foundLines,
  type JobLogPage,
  type JobLogQuery,
  jobLogQl,
  openInstant,
  type Position,
  pageOf,
  parsePosition,
  unseen,
  withWholeInstant,
} from './loki-query.ts'

export type LokiAuth =
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }

export type LokiClientOptions = {
  /** Base address, also with a path in front of `/loki/api/v1`; `user:password@` in it is taken as basic auth. */
  readonly url: string
  /** `X-Scope-OrgID`: 1..150 of `A-Za-z0-9!-_.*'()`, not `.` or `..`. */
  readonly tenant?: string | undefined
  readonly auth?: LokiAuth | undefined
  /** From the first byte out to the last byte in; default 10,000. */
  readonly deadlineMs?: number | undefined
}

/** The part of the client that the shipper needs. */
export type Pusher = { push(body: string, signal?: AbortSignal): Promise<PushResult> }

export type LokiClient = Pusher & {
  /** Sends a push body. Never throws for anything that Loki, or what stands in its place, may do. */
  push(body: string, signal?: AbortSignal): Promise<PushResult>
  /**
   * One page of a job's lines.
   * @throws ScopeError REQUEST_INVALID for a bad cursor, LOKI_UNAVAILABLE when Loki gives no usable answer
   */
  queryJob(query: JobLogQuery): Promise<JobLogPage>
  /** Whether Loki says that it is ready, and why not. Never throws. */
  ready(): Promise<{ readonly ready: boolean; readonly reason?: string }>
  close(): Promise<void>
}

/** Of an answer to a push that many bytes are read, of one to a query (at most 5,000 lines) more. */
const pushAnswerBytesMax = 64 * 1024
const queryAnswerBytesMax = 32 * 1024 * 1024
const linesMaxOfLoki = 5_000
/** Loki refuses queries over more than 30 d 1 h. */
const querySpanMsMax = 30 * 86_400_000
const gzipped = promisify(gzip)

type Answer = {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: string
  readonly isWhole: boolean
}
type Call = { method: 'GET' | 'POST'; path: string; body?: Buffer; bytesMax: number; signal?: AbortSignal | undefined }

/** @throws ScopeError REQUEST_INVALID for an address or a tenant that cannot be used */
export function createLokiClient(options: LokiClientOptions): LokiClient {
  return new HttpLokiClient(options)
}

class HttpLokiClient implements LokiClient {
  readonly #pool: Pool
  readonly #basePath: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #deadlineMs: number

  constructor(options: LokiClientOptions) {
    const url = addressOf(options.url)
    this.#deadlineMs = options.deadlineMs ?? 10_000
    this.#basePath = url.pathname.replace(/\/+$/, '')
    this.#headers = headersOf(options, url)
    this.#pool = new Pool(url.origin, {
      connections: 4,
      pipelining: 1,
      connectTimeout: Math.min(5_000, this.#deadlineMs),
      headersTimeout: this.#deadlineMs,
      bodyTimeout: this.#deadlineMs,
      keepAliveTimeout: 30_000,
    })
  }

  async push(body: string, signal?: AbortSignal): Promise<PushResult> {
    const packed = await gzipped(body, { level: 1 })
    try {
      const call = { method: 'POST', path: '/loki/api/v1/push', body: packed, bytesMax: pushAnswerBytesMax, signal } as const
      const answer = await this.#call(call)
      return pushResult(answer.status, answer.body, answer.retryAfter, Date.now())
    } catch (error) {
      return { kind: 'again', ...troubleOf(error) }
    }
  }

  async queryJob(query: JobLogQuery): Promise<JobLogPage> {
    const position = query.after === undefined ? undefined : parsePosition(query.after)
    const known = position?.upTo === undefined ? (position?.keys.length ?? 0) : linesMaxOfLoki
    const wanted = Math.min(linesMaxOfLoki, query.limit + known + 1)
    const { found, isCut } = await this.#find(query, rangeOf(query, position), wanted)
    if (!isCut) return pageOf(found, position, query, false)
    // More lines in one nanosecond than Loki returns at once: the only way on is past it.
    const isStuck = position !== undefined && unseen(found, position, query.order).length === 0
    if (isStuck) return await this.queryJob({ ...query, after: stepped(position.ns, query.order) })
    const ns = openInstant(found, position, query)
    if (ns === undefined) return pageOf(found, position, query, true)
    const whole = await this.#find(query, instantRange(ns), linesMaxOfLoki)
    return pageOf(withWholeInstant(found, whole.found, ns), position, query, true)
  }

  async ready(): Promise<{ readonly ready: boolean; readonly reason?: string }> {
    try {
      const answer = await this.#call({ method: 'GET', path: '/ready', bytesMax: pushAnswerBytesMax })
      if (answer.status === 200) return { ready: true }
      return { ready: false, reason: `Loki answered ${answer.status}: ${cleanText(answer.body)}` }
    } catch (error) {
      return { ready: false, reason: troubleOf(error).reason }
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  /** Asks for fewer lines when an answer is too large to be read whole. */
  async #find(query: JobLogQuery, range: Range, wanted: number): Promise<{ found: FoundLine[]; isCut: boolean }> {
    for (let limit = wanted; ; limit = Math.ceil(limit / 4)) {
      const answer = await this.#query(query, range, limit)
      if (answer.isWhole) {
        const found = foundLines(answer.body, query.order)
        return { found, isCut: found.length >= limit }
      }
      if (limit === 1) throw new ScopeError('LOKI_UNAVAILABLE', 'Loki did not answer whole.')
    }
  }

  async #query(query: JobLogQuery, range: Range, limit: number): Promise<Answer> {
    const parameters = new URLSearchParams({
      query: jobLogQl(query),
      start: String(range.start),
      end: String(range.end),
      limit: String(limit),
      direction: query.order === 'asc' ? 'forward' : 'backward',
    })
    const path = `/loki/api/v1/query_range?${parameters}`
    let answer: Answer
    try {
      answer = await this.#call({ method: 'GET', path, bytesMax: queryAnswerBytesMax })
    } catch (error) {
      throw new ScopeError('LOKI_UNAVAILABLE', troubleOf(error).reason, { cause: error })
    }
    if (answer.status === 200) return answer
    const retryAfterMs = retryAfterMsOf(answer.retryAfter, Date.now())
    throw new ScopeError('LOKI_UNAVAILABLE', `Loki answered ${answer.status} to a query: ${cleanText(answer.body)}`, {
      ...(retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }),
    })
  }

  async #call({ method, path, body, bytesMax, signal }: Call): Promise<Answer> {
    const deadline = AbortSignal.timeout(this.#deadlineMs)
    const response = await this.#pool.request({
      method,
      path: this.#basePath + path,
      headers: body === undefined ? this.#headers : { ...this.#headers, ...bodyHeaders },
      body: body ?? null,
      signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
    })
    const retryAfter = response.headers['retry-after']
    return {
      status: response.statusCode,
      retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
      ...(await readCapped(response.body, bytesMax)),
    }
  }
}

const bodyHeaders = { 'content-type': 'application/json', 'content-encoding': 'gzip' }

/** Reads so far as it may. The status is known by then, so an answer that breaks off still says what it says. */
async function readCapped(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<{ body: string; isWhole: boolean }> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  let isWhole = true
  try {
    for await (const chunk of body) {
      chunks.push(chunk.subarray(0, bytesMax - bytes))
      bytes += chunk.length
      isWhole = bytes <= bytesMax
      if (!isWhole) break
    }
  } catch {
    isWhole = false
  }
  return { body: Buffer.concat(chunks).toString(), isWhole }
}

function troubleOf(error: unknown): { reason: string; code: string } {
  const facts = error instanceof Error ? error : new Error(String(error))
  const code = 'code' in facts && typeof facts.code === 'string' ? facts.code : facts.name
  const isLate = facts.name === 'TimeoutError' || /TIMEOUT|ETIMEDOUT/.test(code)
  return isLate
    ? { code: 'timeout', reason: 'Loki did not answer in time.' }
    : { code: 'unreachable', reason: `Loki cannot be reached: ${cleanText(facts.message || code)}` }
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new ScopeError('REQUEST_INVALID', 'The address of Loki is not an http or https URL.', { path: 'ENGINESCOPE_LOKI_URL' })
}

function headersOf(options: LokiClientOptions, url: URL): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': 'enginescope' }
  if (options.tenant !== undefined) {
    if (!isTenant(options.tenant)) {
      const says = "A tenant is 1..150 of A-Za-z0-9!-_.*'(), and neither . nor .."
      throw new ScopeError('REQUEST_INVALID', says, { path: 'ENGINESCOPE_LOKI_TENANT' })
    }
    headers['x-scope-orgid'] = options.tenant
  }
  const authorization = authorizationOf(options.auth ?? authInUrl(url))
  if (authorization !== undefined) headers['authorization'] = authorization
  return headers
}

function authInUrl(url: URL): LokiAuth | undefined {
  if (url.username === '') return undefined
  return { kind: 'basic', user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
}

function authorizationOf(auth: LokiAuth | undefined): string | undefined {
  if (auth === undefined) return undefined
  if (auth.kind === 'bearer') return `Bearer ${auth.token}`
  return `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}`
}

/** ns; Loki's `start` is inclusive and its `end` is not. */
type Range = { readonly start: bigint; readonly end: bigint }

/** The position's own nanosecond is asked for again. */
function rangeOf(query: JobLogQuery, position: Position | undefined): Range {
  const toMs = query.toMs ?? Date.now() + 10 * 60_000
  const fromMs = Math.max(query.fromMs ?? 0, toMs - querySpanMsMax, 0)
  let start = BigInt(Math.floor(fromMs)) * 1_000_000n
  let end = BigInt(Math.ceil(toMs)) * 1_000_000n
  if (position !== undefined && query.order === 'asc') start = larger(start, BigInt(position.ns))
  if (position !== undefined && query.order === 'desc') end = smaller(end, BigInt(position.ns) + 1n)
  return { start, end: larger(end, start + 1n) }
}

function instantRange(ns: string): Range {
  return { start: BigInt(ns), end: BigInt(ns) + 1n }
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function stepped(ns: string, order: 'asc' | 'desc'): string {
  return String(order === 'asc' ? BigInt(ns) + 1n : BigInt(ns) - 1n)
}
