/** The HTTP side of every member: routes, who may come in, bodies, and errors in JSON. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import express, { type Express, type Request, type RequestHandler } from 'express'
import type { Authoriser } from '../../access/authoriser.ts'
import type { Role } from '../../access/token.ts'
import { ScopeError } from '../../errors.ts'
import { answerErrors, keepRequestId } from '../../http/error-answer.ts'
import { safeHeaders } from '../../http/safe-headers.ts'

/** What a route sees of a request: its body as it was parsed, and the parts of its path. */
export type Asked = {
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
  readonly path: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
}

/** Status and JSON; without a body nothing is sent but the status. */
export type Answer = {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** A body that is no JSON. */
  readonly text?: { readonly type: string; readonly content: string }
}

export type MemberRoute = {
  readonly method: 'get' | 'post' | 'delete'
  /** As Express writes it: `/hub/flow/:key`. */
  readonly path: string
  /** `open`: no token is asked for. */
  readonly role: Role | 'open'
  /** One line, for the OpenAPI document. */
  readonly summary: string
  /** Called for every node or process: a POST without parts in its path that is answered ahead of Express. */
  readonly isHot?: boolean
  readonly answer: (asked: Asked) => Promise<Answer> | Answer
}

/** Who may come in. */
export type EntryOptions = {
  readonly authoriser: Authoriser
  /** A token must reach it. */
  readonly namespace: string
}

export type MemberAppOptions = EntryOptions & {
  readonly routes: readonly MemberRoute[]
  readonly bodyBytesMax: number
  /** A fault of ours. */
  readonly onFault: (error: unknown, requestId: string) => void
  /** Aborted when the door closes: requests of many messages end then. */
  readonly leaving?: AbortSignal
}

/** Makes the app of a member. */
export function memberApp(options: MemberAppOptions): Express {
  const { routes, bodyBytesMax, onFault } = options
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.set('trust proxy', false)
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.use(keepRequestId, safeHeaders())
  const body = bodyReader(bodyBytesMax)
  for (const path of new Set(routes.map((route) => route.path))) {
    const own = routes.filter((route) => route.path === path)
    for (const route of own) {
      const enter: RequestHandler = (request, _response, next) => {
        checkEntry(route.role, request, options)
        next()
      }
      // Who may not come in is told so before the body is read.
      app[route.method](path, ...(route.method === 'post' ? [enter, body] : [enter]), handlerOf(route))
    }
    app.all(path, refuseMethod(own))
  }
  app.use(() => {
    throw new ScopeError('NOT_FOUND')
  }, answerErrors(onFault))
  return app
}

/** Lets in whom the role allows. @throws ScopeError with what is missing */
export function checkEntry(role: Role | 'open', request: IncomingMessage, { authoriser, namespace }: EntryOptions): void {
  if (role === 'open') return
  const { namespaces } = authoriser.check(request.headers.authorization, role, request.socket.remoteAddress)
  if (namespaces !== '*' && !namespaces.has(namespace)) throw new ScopeError('NAMESPACE_FORBIDDEN')
}

function bodyReader(limit: number): RequestHandler {
  const parse = express.json({ limit, strict: false, type: isJson })
  const check: RequestHandler = (request, response, next) => {
    const length = request.headers['content-length']
    const isEmpty = length === '0' || (length === undefined && request.headers['transfer-encoding'] === undefined)
    if (isEmpty) throw new ScopeError('BODY_EMPTY')
    if (!isJson(request)) throw new ScopeError('CONTENT_TYPE_UNSUPPORTED')
    parse(request, response, (error?: unknown) => next(error === undefined ? undefined : bodyError(error)))
  }
  return check
}

/** Whether the body says that it is JSON, or nothing. */
export const isJson = ({ headers }: { headers: Record<string, unknown> }): boolean =>
  /^application\/([\w.+-]+\+)?json *(;|$)/i.test(String(headers['content-type'] ?? 'application/json'))

/** The body parser's own errors in our words. */
function bodyError(error: unknown): unknown {
  const type = error instanceof Error && 'type' in error ? error.type : undefined
  const options = { cause: error }
  switch (type) {
    case 'entity.too.large':
      return new ScopeError('BODY_TOO_LARGE', undefined, options)
    case 'entity.parse.failed':
      return new ScopeError('BODY_NOT_JSON', undefined, options)
    case 'charset.unsupported':
      return new ScopeError('BODY_NOT_UTF8', undefined, options)
    case 'encoding.unsupported':
      return new ScopeError('ENCODING_UNSUPPORTED', undefined, options)
    case 'request.aborted':
    case 'request.size.invalid':
      return new ScopeError('REQUEST_INVALID', 'The body did not arrive whole.', options)
    default:
      // zlib's, and whatever else the sender's bytes can bring about.
      return error instanceof Error && 'status' in error ? new ScopeError('ENCODING_CORRUPT', undefined, options) : error
  }
}

function handlerOf(route: MemberRoute): RequestHandler {
  return async (request, response) => {
    const {
      status,
      body,
      headers = {},
      text,
    } = await route.answer({
      headers: request.headers,
      body: request.body as unknown,
      path: request.params as Readonly<Record<string, string>>,
      query: queryOf(request),
    })
    response.setHeader('cache-control', 'no-store')
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    response.status(status)
    if (text !== undefined) response.setHeader('content-type', text.type).end(text.content)
    else if (body === undefined) response.end()
    else response.json(body)
  }
}

/** The first value of each argument. */
function queryOf({ query }: Request): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => {
      const first: unknown = Array.isArray(value) ? value[0] : value
      return typeof first === 'string' ? [[name, first]] : []
    }),
  )
}

function refuseMethod(routes: readonly MemberRoute[]): RequestHandler {
  const methods = routes.map(({ method }) => method.toUpperCase())
  const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods
  return (_request, response) => {
    response.setHeader('allow', allowed.join(', '))
    throw new ScopeError('METHOD_NOT_ALLOWED')
  }
}
