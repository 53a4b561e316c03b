import { expect, test } from 'vitest'
import { ScopeError } from '../errors.ts'
import { errorBody, errorHeaders } from './error-body.ts'

test('an error is answered by its code, message and place', () => {
  expect(errorBody(new ScopeError('REPORT_INVALID', 'must be an object', { path: 'engine' }))).toEqual({
    error: { code: 'REPORT_INVALID', message: 'must be an object', path: 'engine' },
  })
  expect(errorBody(new ScopeError('REPORT_INVALID', 'must be an object', { path: '' })).error).not.toHaveProperty('path')
})

test.each(['x', '"', '\u0001', 'ü', '😀'])('however much of %j it is made of, it is at most 1 KiB', (piece) => {
  const long = piece.repeat(2_000)
  const body = errorBody(new ScopeError('CONTENT_TYPE_UNSUPPORTED', long, { path: long }))
  expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThanOrEqual(1_024)
  expect(body.error.message).toMatch(/…$/)
  expect(long.startsWith(body.error.message.slice(0, 50))).toBe(true)
})

test('when to come back is as the error says, else as the door does', () => {
  expect(errorHeaders(new ScopeError('BUSY', undefined, { retryAfterSeconds: 1.2 }), () => 5)).toEqual({ 'retry-after': '2' })
  expect(errorHeaders(new ScopeError('BUSY'), () => 5)).toEqual({ 'retry-after': '5' })
  expect(errorHeaders(new ScopeError('BUSY'))).toEqual({})
  expect(errorHeaders(new ScopeError('NOT_FOUND'), () => 5)).toEqual({})
  expect(errorHeaders(new ScopeError('TOKEN_MISSING'))).toEqual({ 'www-authenticate': 'Bearer' })
})
