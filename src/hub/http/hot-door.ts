/** Routes that are called for every node or process are answered ahead of Express, which costs more than what they do. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { ScopeError } from '../../errors.ts'
import { errorAnswer } from '../../http/error-answer.ts'
import { requestIdOf } from '../../http/request-id.ts'
import { isLines, linesType } from './lines.ts'
import { answerLines } from './lines-door.ts'
import { checkEntry, isJson, type MemberAppOptions, type MemberRoute } from './member-app.ts'

/**
 * Answers plain requests to hot routes: a POST with a JSON body of a known length that is not encoded. Whatever else comes in,
 * and everything that is wrong with the way it was sent, is for `rest`, with the same answers. Of a hot route many messages may
 * come in one request too, as lines.
 */
export function hotDoor(options: MemberAppOptions, rest: RequestListener): RequestListener {
  const hot = new Map(options.routes.flatMap((route) => (route.isHot === true ? [[route.path, route] as const] : [])))
  return (request, response) => {
    const route = request.method === 'POST' ? hot.get(request.url ?? '') : undefined
    if (route === undefined) rest(request, response)
    else if (isPlain(request, options.bodyBytesMax)) void answer(route, request, response, options)
    else if (isLines(request) && request.headers['content-encoding'] === undefined) openLines(route, request, response, options)
    else rest(request, response)
  }
}

const acceptPost = `application/json, ${linesType}`

function isPlain({ headers }: IncomingMessage, bodyBytesMax: number): boolean {
  const bytes = Number(headers['content-length'] ?? 0)
  const type = headers['content-type'] ?? ''
  const isUtf8 = !/charset/i.test(type) || /charset="?utf-8"?$/i.test(type)
  return bytes > 0 && bytes <= bodyBytesMax && headers['content-encoding'] === undefined && isUtf8 && isJson({ headers })
}

async function answer(
  route: MemberRoute,
  request: IncomingMessage,
  response: ServerResponse,
  options: MemberAppOptions,
): Promise<void> {
  const requestId = requestIdOf(request.headers['x-request-id'])
  // Who leaves invites nobody to lines.
  const invitation = options.leaving?.aborted === true ? {} : { 'accept-post': acceptPost }
  const about = { ...invitation, 'x-request-id': requestId }
  try {
    // Who may not come in is told so before the body is read.
    checkEntry(route.role, request, options)
    const body = parsed(await textOf(request))
    const { status, body: said, headers = {} } = await route.answer({ headers: request.headers, body, path: {}, query: {} })
    send(response, status, said, { ...headers, 'cache-control': 'no-store', ...about })
  } catch (error) {
    const { status, body, headers } = errorAnswer(error)
    if (status === 500) options.onFault(error, requestId)
    request.resume()
    send(response, status, body, { ...headers, ...about })
  }
}

/** Who may come in is asked again for each message: a token may have been taken back since. */
function openLines(route: MemberRoute, request: IncomingMessage, response: ServerResponse, options: MemberAppOptions): void {
  const requestId = requestIdOf(request.headers['x-request-id'])
  const failed = (error: unknown) => {
    const answered = errorAnswer(error)
    if (answered.status === 500) options.onFault(error, requestId)
    return answered
  }
  try {
    checkEntry(route.role, request, options)
  } catch (error) {
    const { status, body, headers } = failed(error)
    request.resume()
    send(response, status, body, { ...headers, 'x-request-id': requestId })
    return
  }
  // A key of the request would be that of every message.
  const { 'idempotency-key': _, ...headers } = request.headers
  const answerOne = async (body: unknown, length: number) => {
    try {
      checkEntry(route.role, request, options)
      if (length > options.bodyBytesMax) throw new ScopeError('BODY_TOO_LARGE')
      const { status, headers: said, body: told } = await route.answer({ headers, body, path: {}, query: {} })
      return { status, ...(said === undefined ? {} : { headers: said }), ...(told === undefined ? {} : { body: told }) }
    } catch (error) {
      return failed(error)
    }
  }
  answerLines(request, response, answerOne, options.leaving)
}

function send(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>>): void {
  if (response.headersSent || response.destroyed) return
  const all = { ...headers, 'x-content-type-options': 'nosniff' }
  if (body === undefined) {
    response.writeHead(status, all).end()
    return
  }
  const text = JSON.stringify(body)
  const about = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) }
  response.writeHead(status, { ...about, ...all }).end(text)
}

/** The parser has seen to it that no more comes than was said. */
function textOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let isWhole = false
    // Every request is closed in the end: an error is made of those alone that were cut off.
    const fail = () => {
      if (!isWhole) reject(new ScopeError('REQUEST_INVALID', 'The body did not arrive whole.'))
    }
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => {
      isWhole = true
      resolve(Buffer.concat(chunks).toString('utf8'))
    })
    request.once('error', fail)
    request.once('close', fail)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  } catch (error) {
    throw new ScopeError('BODY_NOT_JSON', undefined, { cause: error })
  }
}
