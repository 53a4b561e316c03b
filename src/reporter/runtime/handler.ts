import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Problems, textOf } from '../problems.ts'
import { tokenCheck } from './access.ts'
import type { MessageLog, TopicQuery } from './message-log.ts'
import { type Monitor, parseMessagesRequest, RequestFault, readBody, topicQuery } from './request.ts'
import type { RuntimeSettings } from './settings.ts'
import { streamAnswer } from './stream-answer.ts'

/** The heartbeat handler: answers monitors. Mounts into Express as it is, and is all a plain `http` server needs. */
export type RuntimeHandler = (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void) => void

/** What the handler answers for. */
export type RuntimeHandlerParts = {
  readonly runtimeId: string
  readonly log: MessageLog
  readonly settings: RuntimeSettings
  readonly problems: Problems
  readonly token: string | undefined
  /** A monitor has everything, the end too: the runtime may go. Called once. */
  readonly onShutdown: () => void
  /** Somebody asked for the run to be stopped. Called at each request until the shutdown. */
  readonly onKill: () => void
  /** A monitor has fetched. */
  readonly onFetch: (monitor: Monitor | undefined) => void
}

/** Counts of the handler. */
export type HandlerStats = {
  fetches: number
  /** Requests that were answered with an error. */
  refusedRequests: number
  /** Answers that broke off: the reader went, or was too slow. */
  cutAnswers: number
}

type Route = { readonly method: 'GET' | 'POST'; readonly run: () => Promise<void> | void }

const prefix = '/v1/runtime/'

/** Makes the handler of one runtime. */
export function runtimeHandler(parts: RuntimeHandlerParts): RuntimeHandler & { stats: HandlerStats } {
  const stats: HandlerStats = { fetches: 0, refusedRequests: 0, cutAnswers: 0 }
  const exchange = new Exchange(parts, stats)
  const handle: RuntimeHandler = (request, response, next) => {
    const url = urlOf(request.url)
    if (!url.pathname.startsWith(prefix) && next !== undefined) next()
    else void exchange.answer(url, request, response)
  }
  return Object.assign(handle, { stats })
}

class Exchange {
  readonly #parts: RuntimeHandlerParts
  readonly #stats: HandlerStats
  readonly #checkToken: (request: IncomingMessage) => void
  #isShutDown = false
  #underway = 0
  #warnedMs = Number.NEGATIVE_INFINITY

  constructor(parts: RuntimeHandlerParts, stats: HandlerStats) {
    this.#parts = parts
    this.#stats = stats
    this.#checkToken = tokenCheck(parts.token)
  }

  /** Never rejects: what goes wrong is answered, or, once the answer has begun, cut off. */
  async answer(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      // A page in somebody's browser may post to this machine; monitors are no browsers.
      if (request.headers.origin !== undefined) throw new RequestFault(403, 'ORIGIN_FORBIDDEN', 'browsers are not served')
      this.#checkToken(request)
      const route = this.#routeOf(url, request, response)
      if (route === undefined) throw new RequestFault(404, 'NOT_FOUND', 'there is nothing here')
      if (request.method !== route.method) {
        response.setHeader('allow', route.method)
        throw new RequestFault(405, 'METHOD_NOT_ALLOWED', `this route takes ${route.method}`)
      }
      await route.run()
    } catch (error) {
      if (response.headersSent || response.destroyed) {
        this.#stats.cutAnswers++
        response.destroy()
      } else this.#refuse(response, error)
    }
  }

  #routeOf(url: URL, request: IncomingMessage, response: ServerResponse): Route | undefined {
    const path = url.pathname.slice(prefix.length)
    if (path === 'messages') return { method: 'POST', run: () => this.#batch(request, response) }
    if (path === 'shutdown') return { method: 'POST', run: () => this.#shutdown(request, response) }
    if (path === 'kill') return { method: 'POST', run: () => this.#kill(request, response) }
    const topic = /^topics\/([^/]+)\/messages$/.exec(path)?.[1]
    return topic === undefined ? undefined : { method: 'GET', run: () => this.#perTopic(topic, url.searchParams, response) }
  }

  async #batch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#refuseAfterEnd()
    const { monitor, queries } = parseMessagesRequest(await readBody(request, this.#parts.settings))
    await this.#fetch(monitor, queries, response)
  }

  async #perTopic(encoded: string, search: URLSearchParams, response: ServerResponse): Promise<void> {
    this.#refuseAfterEnd()
    const limit = search.get('limit')
    const isNumber = limit === null || /^\d{1,9}$/.test(limit)
    const query = topicQuery(decoded(encoded), search.get('after'), limit === null ? undefined : isNumber ? Number(limit) : limit)
    await this.#fetch(undefined, [query], response)
  }

  async #fetch(monitor: Monitor | undefined, queries: readonly TopicQuery[], response: ServerResponse): Promise<void> {
    const { runtimeId, log, settings } = this.#parts
    if (this.#underway >= settings.answersMax) throw new RequestFault(503, 'BUSY', 'too many answers are under way')
    this.#warnOfUnknown(queries)
    this.#stats.fetches++
    this.#parts.onFetch(monitor)
    this.#underway++
    try {
      await streamAnswer(response, { runtimeId, epoch: log.epoch }, log.read(queries), settings.answerTimeoutMs)
    } finally {
      this.#underway--
    }
  }

  async #shutdown(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await readBody(request, this.#parts.settings)
    const isFirst = !this.#isShutDown
    this.#isShutDown = true
    if (isFirst) response.once('close', () => this.#parts.problems.guard(this.#parts.onShutdown, undefined))
    sendJson(response, 202, { runtimeId: this.#parts.runtimeId })
  }

  async #kill(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#refuseAfterEnd()
    await readBody(request, this.#parts.settings)
    response.once('close', () => this.#parts.problems.guard(this.#parts.onKill, undefined))
    sendJson(response, 202, { runtimeId: this.#parts.runtimeId })
  }

  #refuseAfterEnd(): void {
    if (this.#isShutDown) throw new RequestFault(410, 'RUNTIME_ENDED', 'the runtime has ended')
  }

  #warnOfUnknown(queries: readonly TopicQuery[]): void {
    const unknown = queries.filter(({ topic }) => !this.#parts.log.has(topic)).map(({ topic }) => topic)
    const nowMs = performance.now()
    if (unknown.length === 0 || nowMs - this.#warnedMs < this.#parts.settings.warningGapMs) return
    this.#warnedMs = nowMs
    this.#parts.problems.tellAgain('TOPIC_UNKNOWN', `asked for topics that do not exist: ${unknown.slice(0, 8).join(', ')}`)
  }

  #refuse(response: ServerResponse, error: unknown): void {
    this.#stats.refusedRequests++
    const isKnown = error instanceof RequestFault
    const fault = isKnown ? error : new RequestFault(500, 'INTERNAL', 'a fault of the runtime')
    if (!isKnown) this.#parts.problems.tell('INTERNAL', `answering a monitor failed: ${textOf(error)}`)
    if (fault.status === 503) response.setHeader('retry-after', '1')
    if (fault.status === 401) response.setHeader('www-authenticate', 'Bearer')
    // What is left of a refused body would be taken for the next request.
    if (!response.req.complete) response.setHeader('connection', 'close')
    sendJson(response, fault.status, { error: { code: fault.code, message: fault.message } })
  }
}

/** The path and arguments of a request; what is no address is one that nothing stands at. */
function urlOf(text: string | undefined): URL {
  const base = 'http://runtime'
  return URL.canParse(text ?? '', base) ? new URL(text ?? '', base) : new URL(base)
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.end(bytes)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
