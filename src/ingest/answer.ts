/** Answers written straight to `node:http`: JSON always, a request id always, never a stack. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ScopeError } from '../errors.ts'
import { errorBody, errorHeaders } from '../http/error-body.ts'

/** Whole seconds from 1 to 5: senders that were turned away together do not come back together. */
function jitteredRetrySeconds(): number {
  return 1 + Math.floor(Math.random() * 5)
}

/** Headers that the sender needs to act on this error. */
export function answerHeaders(error: ScopeError): OutgoingHttpHeaders {
  const headers = errorHeaders(error, jitteredRetrySeconds)
  if (error.status === 413 || error.code === 'SHUTTING_DOWN') return { ...headers, connection: 'close' }
  return error.status === 415 ? { ...headers, 'accept-encoding': 'gzip, br' } : headers
}

/** Sends `body` as JSON. Does nothing when an answer has begun or the sender is gone. */
export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  requestId: string,
  headers: OutgoingHttpHeaders = {},
): void {
  if (res.headersSent || res.destroyed) return
  const text = JSON.stringify(body)
  res.writeHead(status, { ...jsonHeaders(text, requestId), ...headers })
  res.end(text)
}

/** Sends the table's status for this error, with the headers that go with it. */
export function sendError(res: ServerResponse, error: ScopeError, requestId: string, headers: OutgoingHttpHeaders = {}): void {
  sendJson(res, error.status, errorBody(error), requestId, { ...answerHeaders(error), ...headers })
}

/** What is still read of a body that was refused, so that its sender gets to see the answer before the connection closes. */
const drainBytesMax = 8 * 1024 * 1024
const drainMsMax = 1_000

/**
 * Sends an error for a request whose body was not read, or not to its end. A body that is known to be small is passed over and the
 * connection kept; else the answer goes out at once and the connection is closed soon after: closing it under a sender that is
 * still writing would take the answer away from it.
 */
export function refuseUnread(req: IncomingMessage, res: ServerResponse, error: ScopeError, requestId: string): void {
  if (res.headersSent || res.destroyed) return
  const isShort = req.headers['transfer-encoding'] === undefined && Number(req.headers['content-length'] ?? 0) <= 65_536
  if (req.complete || (isShort && error.status !== 413)) {
    req.resume()
    sendError(res, error, requestId)
    return
  }
  const text = JSON.stringify(errorBody(error))
  res.writeHead(error.status, { ...jsonHeaders(text, requestId), ...answerHeaders(error), connection: 'close' })
  res.write(text)
  drainThenEnd(req, res)
}

function drainThenEnd(req: IncomingMessage, res: ServerResponse): void {
  let drained = 0
  const end = () => {
    clearTimeout(timer)
    if (!res.writableEnded) res.end()
  }
  const timer = setTimeout(end, drainMsMax)
  timer.unref()
  req.on('data', (chunk: Buffer) => {
    drained += chunk.length
    if (drained > drainBytesMax) end()
  })
  req.once('end', end)
  req.once('close', end)
  req.resume()
}

function jsonHeaders(text: string, requestId: string): OutgoingHttpHeaders {
  return {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
  }
}

/** An error as raw HTTP, for requests that the parser refuses before there is a response object. */
export function rawErrorAnswer(error: ScopeError): string {
  const text = JSON.stringify(errorBody(error))
  const headers = { ...jsonHeaders(text, randomUUID()), connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${error.status} ${reasonOf(error)}\r\n${lines.join('')}\r\n${text}`
}

function reasonOf(error: ScopeError): string {
  if (error.status === 408) return 'Request Timeout'
  return error.status === 431 ? 'Request Header Fields Too Large' : 'Bad Request'
}
