/** Answers of Express apps when something went wrong: JSON always, a request id always, never a stack. */
import type { ErrorRequestHandler, RequestHandler } from 'express'
import { ScopeError } from '../errors.ts'
import { type ErrorBody, errorBody, errorHeaders } from './error-body.ts'
import { requestIdOf } from './request-id.ts'

/** Gives every answer an id, from the very first. */
export const keepRequestId: RequestHandler = (request, response, next) => {
  response.setHeader('x-request-id', requestIdOf(request.headers['x-request-id']))
  next()
}

/** For everything no route has answered. */
export const answerNotFound: RequestHandler = () => {
  throw new ScopeError('NOT_FOUND')
}

/** What a failure is answered with. */
export type ErrorAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ErrorBody
}

/** Turns every failure into an answer. What is a fault of ours, status 500, is told to `onFault`. */
export function answerErrors(onFault: (error: unknown, requestId: string) => void): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, _request, response, _next) => {
    const { status, headers, body } = errorAnswer(error)
    if (status === 500) onFault(error, String(response.getHeader('x-request-id')))
    if (response.headersSent) {
      response.destroy()
      return
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    response.status(status).json(body)
  }
}

/** What an error is answered with; one without a name is a fault of ours. */
export function errorAnswer(error: unknown): ErrorAnswer {
  const known = knownError(error)
  return { status: known.status, headers: { 'cache-control': 'no-store', ...errorHeaders(known) }, body: errorBody(known) }
}

function knownError(error: unknown): ScopeError {
  if (error instanceof ScopeError) return error
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  // The router's own: a path with a percent sign that begins no byte.
  if (status === 400) return new ScopeError('REQUEST_INVALID', 'The path cannot be decoded.', { cause: error, path: 'path' })
  return new ScopeError('INTERNAL', undefined, { cause: error })
}
