import { randomUUID } from 'node:crypto'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import { ScopeError } from '../../errors.ts'

const messageMax = 700

/** Gives every answer an id: the sender's if it is 1..64 of `A-Za-z0-9._-`, else a new one. */
export const keepRequestId: RequestHandler = (request, response, next) => {
  const given = request.headers['x-request-id']
  const isUsable = typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given)
  response.setHeader('x-request-id', isUsable ? given : randomUUID())
  next()
}

/** Turns every failure into `{"error":{code,message,path?}}`, as the aggregator does. */
export function answerErrors(onFault: (error: unknown, requestId: string) => void): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, _request, response, _next) => {
    const known = knownError(error)
    if (known.code === 'INTERNAL') onFault(error, String(response.getHeader('x-request-id')))
    if (response.headersSent) {
      response.destroy()
      return
    }
    if (known.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(Math.ceil(known.retryAfterSeconds)))
    if (known.status === 401) response.setHeader('www-authenticate', 'Bearer')
    response.setHeader('cache-control', 'no-store')
    response.status(known.status).json({ error: bodyOf(known) })
  }
}

function bodyOf({ code, message, path }: ScopeError): { code: string; message: string; path?: string } {
  const short = message.length > messageMax ? `${message.slice(0, messageMax)}…` : message
  return { code, message: short, ...(path === undefined ? {} : { path }) }
}

function knownError(error: unknown): ScopeError {
  if (error instanceof ScopeError) return error
  // The router's own: a path with a percent sign that begins no byte.
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  if (status === 400) return new ScopeError('REQUEST_INVALID', 'The path cannot be decoded.', { cause: error, path: 'path' })
  return new ScopeError('INTERNAL', undefined, { cause: error })
}
