/** What a server on an open port must have: time limits, and answers to requests that are no HTTP. */
import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ScopeError } from '../errors.ts'
import { requestIdOf } from '../http/request-id.ts'
import { rawErrorAnswer, refuseUnread } from './answer.ts'

const headersMax = 100

/** To be given to `createServer`. A missing Host is answered by {@link guarded}, as JSON. */
export const serverOptions: ServerOptions = Object.freeze({
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
  requireHostHeader: false,
})

export type ConnectionLimits = {
  /** Open connections; further ones are closed at once. Descriptors that Redis and Loki need are not in it. */
  readonly connectionsMax?: number
  readonly requestsPerSocketMax?: number
  /** A connection on which nothing moves for so long is closed. Streams of events set their own. */
  readonly idleMs?: number
}

/** The response in progress on each connection, so that a broken request never writes into another one's answer. */
type InProgress = { count: number; newest: ServerResponse }

/** Sets the limits that are no options of `createServer`, and answers what the parser refuses with raw JSON. */
export function connectionGuards(server: Server, limits: ConnectionLimits = {}): void {
  server.maxRequestsPerSocket = limits.requestsPerSocketMax ?? 10_000
  // One more than allowed: Node leaves out what is beyond, and the guard must see that there was more.
  server.maxHeadersCount = headersMax + 1
  server.timeout = limits.idleMs ?? 70_000
  if (limits.connectionsMax !== undefined) server.maxConnections = limits.connectionsMax

  const inProgress = new WeakMap<Duplex, InProgress>()
  server.prependListener('request', (req: IncomingMessage, res: ServerResponse) => {
    const { socket } = req
    inProgress.set(socket, { count: (inProgress.get(socket)?.count ?? 0) + 1, newest: res })
    res.once('close', () => {
      const entry = inProgress.get(socket)
      if (entry !== undefined) entry.count--
    })
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const { count, newest } = inProgress.get(socket) ?? { count: 0, newest: undefined }
    const isAnswerable =
      socket.writable && error.code !== 'ECONNRESET' && (count === 0 || (count === 1 && newest?.headersSent === false))
    if (isAnswerable) socket.end(rawErrorAnswer(clientErrorOf(error)), () => socket.destroy())
    else closeAfterWriting(socket)
  })
}

/** An answer that was just written is still on its way: it goes out first. */
function closeAfterWriting(socket: Duplex): void {
  if (socket instanceof Socket && socket.writable) socket.destroySoon()
  else socket.destroy()
}

function clientErrorOf(error: NodeJS.ErrnoException): ScopeError {
  if (error.code === 'HPE_HEADER_OVERFLOW') return new ScopeError('HEADERS_TOO_LARGE')
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ScopeError('REQUEST_TIMEOUT')
  return new ScopeError('REQUEST_INVALID', 'The request is not valid HTTP.')
}

/** Refuses, before any routing, requests that another server in the chain might read in another way. */
export function guarded(listener: RequestListener): RequestListener {
  return (req, res) => {
    const fault = faultOf(req)
    if (fault === undefined) return listener(req, res)
    res.setHeader('connection', 'close')
    refuseUnread(req, res, fault, requestIdOf(req.headers['x-request-id']))
  }
}

function faultOf(req: IncomingMessage): ScopeError | undefined {
  if (req.rawHeaders.length > headersMax * 2) return new ScopeError('HEADERS_TOO_LARGE', `More than ${headersMax} headers.`)
  const encoding = req.headers['transfer-encoding']
  if (encoding !== undefined && encoding !== 'chunked') {
    return new ScopeError('REQUEST_INVALID', 'Transfer-Encoding must be chunked.')
  }
  const hosts = countOf(req.rawHeaders, 'host')
  if (hosts > 1 || (hosts === 0 && req.httpVersion !== '1.0')) {
    return new ScopeError('REQUEST_INVALID', 'The request needs exactly one Host header.')
  }
  return undefined
}

function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i]
    if (header?.length === name.length && header.toLowerCase() === name) count++
  }
  return count
}
