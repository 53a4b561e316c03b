import type { ErrorRequestHandler, RequestHandler } from 'express'
import { ScopeError } from '../errors.ts'
import { requestIdOf } from './request-id.ts'

const messageMax = 700

/** Gives every answer an id, from the very first. */
export const keepRequestId: RequestHandler = (request, response, next) => {
  response.setHeader('x-request-id', requestIdOf(request.headers['x-request-id']))
  next()
}

/** For everything no route has answered. */
export const answerNotFound: RequestHandler = () => {
  throw new ScopeError('NOT_FOUND')
}

/** Turns every failure into `{"error":{code,message,path?}}`. What is no ScopeError is a fault of ours, told to `onFault`. */
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
    response.status(known.status).json({ error: errorBody(known) })
  }
}

function errorBody(error: ScopeError): { code: string; message: string; path?: string } {
  const message = error.message.length > messageMax ? `${error.message.slice(0, messageMax)}…` : error.message
  return { code: error.code, message, ...(error.path === undefined ? {} : { path: error.path }) }
}

function knownError(error: unknown): ScopeError {
  if (error instanceof ScopeError) return error
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  // The router's own: a path with a percent sign that begins no byte.
  if (status === 400) return new ScopeError('REQUEST_INVALID', 'The path cannot be decoded.', { cause: error, path: 'path' })
  return new ScopeError('INTERNAL', undefined, { cause: error })
}
