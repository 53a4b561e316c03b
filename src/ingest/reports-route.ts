/** `POST /api/v1/reports`, on plain `node:http`: the hot door. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ErrorCode, errorTable, ScopeError } from '../errors.ts'
import { errorBody } from '../http/error-body.ts'
import { requestIdOf } from '../http/request-id.ts'
import type { ReportLimits } from '../report/limits.ts'
import { type ParseReport, reportParser } from '../report/parse.ts'
import type { LogPressure, Report, ReportResult } from '../report/report.ts'
import { answerHeaders, refuseUnread, sendError, sendJson } from './answer.ts'
import { type BodyLimits, checkDeclaredLength, encodingOf, inflate, RequestAborted, readBody } from './body.ts'
import { formatOf } from './content-type.ts'
import { type BytesInFlight, InFlight } from './in-flight.ts'
import { type ItemLimits, piecesOf } from './items.ts'
import { type Access, type Answer, answerOf, readBatch } from './judge.ts'
import type { IngestObserver } from './observer.ts'

export type IngestLimits = BodyLimits & ItemLimits & { readonly inFlightBytesMax: number }

const defaultIngestLimits: IngestLimits = Object.freeze({
  bodyBytesMax: 4 * 1024 * 1024,
  inflationRatioMax: 100,
  freeInflationBytes: 64 * 1024,
  inFlightBytesMax: 64 * 1024 * 1024,
  depthMax: 32,
  reportsMax: 1_000,
  pieceItemsMax: 256,
  pieceBytesMax: 256 * 1024,
})

/** An answer that somebody else gave. */
export type OwnAnswer = { readonly status: number; readonly body: unknown }

export type ReportsRouteDeps = {
  /** Who may write what. @throws ScopeError TOKEN_MISSING, TOKEN_INVALID, ROLE_MISSING, RATE_LIMITED */
  readonly authorise: (req: IncomingMessage) => Access | Promise<Access>
  /** Applies the reports of one request, a result for each in the same order. @throws ScopeError REDIS_UNAVAILABLE */
  readonly apply: (reports: readonly Report[]) => Promise<readonly ReportResult[]>
  readonly logPressure: () => LogPressure
  /** The process is on its way out. */
  readonly isDraining: () => boolean
  /** The event loop or the heap is beyond its soft limit: requests are turned away before their bodies are read. */
  readonly isOverloaded?: () => boolean
  readonly observer: IngestObserver
  /** Reads items that are no reports as they stand. */
  readonly parserFor?: (req: IncomingMessage, parse: ParseReport) => ParseReport
  /** Answers in our place once everything is done, or has been refused. @throws ScopeError */
  readonly answerBy?: (req: IncomingMessage, body: Buffer) => Promise<OwnAnswer>
  readonly limits?: Partial<IngestLimits>
  readonly reportLimits?: ReportLimits
  /** Our clock, epoch milliseconds. */
  readonly nowMs?: () => number
}

/**
 * Makes the handler. It answers every request itself; the promise it gives fails only by a fault of our own,
 * after the sender was answered 500: let that end the process.
 */
export function reportsRoute(deps: ReportsRouteDeps): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const door = new Door(deps)
  return (req, res) => door.handle(req, res)
}

class Door {
  readonly #deps: ReportsRouteDeps
  readonly #limits: IngestLimits
  readonly #parse: ParseReport
  readonly #inFlight: InFlight
  readonly #nowMs: () => number

  constructor(deps: ReportsRouteDeps) {
    this.#deps = deps
    this.#limits = { ...defaultIngestLimits, ...deps.limits }
    this.#parse = reportParser(deps.reportLimits)
    this.#inFlight = new InFlight(this.#limits.inFlightBytesMax)
    this.#nowMs = deps.nowMs ?? Date.now
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const startedAtMs = performance.now()
    const requestId = requestIdOf(req.headers['x-request-id'])
    try {
      if (req.method !== 'POST') return this.#refuseMethod(req, res, requestId)
      await this.#take(req, res, requestId)
    } catch (error) {
      if (error instanceof RequestAborted) return
      if (error instanceof ScopeError) return this.#refuse(req, res, error, requestId)
      this.#refuse(req, res, new ScopeError('INTERNAL', undefined, { cause: error }), requestId)
      throw error
    } finally {
      this.#deps.observer.requestSeconds((performance.now() - startedAtMs) / 1_000)
    }
  }

  async #take(req: IncomingMessage, res: ServerResponse, requestId: string): Promise<void> {
    const { authorise, isDraining, isOverloaded } = this.#deps
    if (isDraining()) throw new ScopeError('SHUTTING_DOWN')
    const access = await authorise(req)
    if (isOverloaded?.()) throw new ScopeError('BUSY')
    const format = formatOf(req.headers['content-type'])
    const encoding = encodingOf(req)
    checkDeclaredLength(req, this.#limits)
    const held = this.#inFlight.begin(Number(req.headers['content-length'] ?? 0))
    if (held === undefined) throw new ScopeError('BUSY')
    try {
      const sent = await readBody(req, this.#limits, held)
      if (sent.length === 0) throw new ScopeError('BODY_EMPTY')
      const body = await inflate(sent, encoding, this.#limits)
      this.#book(held, sent.length + (body === sent ? 0 : body.length))
      const parse = this.#deps.parserFor?.(req, this.#parse) ?? this.#parse
      const answer = await this.#answer(res, requestId, access, piecesOf(body, format, this.#limits), parse)
      if (this.#deps.answerBy === undefined) answer()
      else {
        const own = await this.#deps.answerBy(req, body)
        sendJson(res, own.status, own.body, requestId)
      }
    } finally {
      held.end()
    }
  }

  #book(held: BytesInFlight, bytes: number): void {
    if (!held.growTo(bytes)) throw new ScopeError('BUSY', 'Too many bytes of other requests are being worked on.')
  }

  /** Applies the reports. @returns what sends the answer */
  async #answer(
    res: ServerResponse,
    requestId: string,
    access: Access,
    pieces: ReturnType<typeof piecesOf>,
    parse: ParseReport,
  ): Promise<() => void> {
    const { apply, observer, logPressure } = this.#deps
    const batch = await readBatch(pieces, access, { parse, observer, nowMs: this.#nowMs })
    const applied = batch.reports.length === 0 ? [] : await apply(batch.reports)
    const answer = answerOf(batch, applied, observer)
    const pressure = logPressure()
    const body = pressure.state === 'ok' ? answer : { ...answer, logs: pressure }
    if (batch.size > 0 && answer.rejected === batch.size) {
      const error = errorOfAll(answer)
      return () => sendJson(res, error.status, { ...errorBody(error), ...body }, requestId, answerHeaders(error))
    }
    return () => sendJson(res, 200, body, requestId)
  }

  #refuse(req: IncomingMessage, res: ServerResponse, error: ScopeError, requestId: string): void {
    this.#deps.observer.rejection(error.code)
    if (req.complete) sendError(res, error, requestId)
    else refuseUnread(req, res, error, requestId)
  }

  #refuseMethod(req: IncomingMessage, res: ServerResponse, requestId: string): void {
    res.setHeader('allow', 'POST')
    this.#refuse(req, res, new ScopeError('METHOD_NOT_ALLOWED', 'Reports are sent with POST.'), requestId)
  }
}

/** One error for a request of which nothing was taken: the common one, or that the reports are invalid each in its own way. */
function errorOfAll(answer: Answer): ScopeError {
  const [first, ...others] = answer.results
  const code = first?.code
  if (code === undefined || !isErrorCode(code) || others.some((result) => result.code !== code)) {
    return new ScopeError('REPORT_INVALID', `All ${answer.rejected} reports were rejected; each is named in results.`)
  }
  const prefix = others.length === 0 ? '' : `All ${answer.rejected} reports were rejected, the first: `
  const at = first?.path ? `${first.path} ` : ''
  return new ScopeError(code, `${prefix}${at}${first?.message ?? errorTable[code].says}`, first?.path ? { path: first.path } : {})
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code)
}
