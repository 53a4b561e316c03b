import { describe, expect, test } from 'vitest'
import { isBlocked, isTenant, kindOf, pushResult, retryAfterMsOf } from './loki-answer.ts'

const nowMs = Date.UTC(2025, 2, 4, 8)

describe('an answer to a push', () => {
  test.each([
    [204, 'stored'],
    [200, 'again'],
    [202, 'again'],
    [260, 'again'],
    [302, 'misconfigured'],
    [400, 'refused-for-good'],
    [401, 'misconfigured'],
    [403, 'misconfigured'],
    [404, 'misconfigured'],
    [405, 'misconfigured'],
    [408, 'again'],
    [413, 'too-large'],
    [429, 'again'],
    [500, 'again'],
    [503, 'again'],
    [504, 'again'],
  ])('%i means %s', (status, kind) => {
    expect(kindOf(status)).toBe(kind)
  })

  test('with a 2xx that stores nothing says that the tenant is blocked', () => {
    expect(isBlocked(pushResult(260, 'blocked', undefined, nowMs))).toBe(true)
    expect(isBlocked(pushResult(503, '', undefined, nowMs))).toBe(false)
  })

  test("gives Loki's words as one short printable line", () => {
    const { reason } = pushResult(400, `a\u001b[31mb\r\nc${'x'.repeat(5_000)}`, undefined, nowMs)
    expect(reason).toMatch(/^Loki answered 400: a \[31mb cx+$/)
    expect(reason.length).toBeLessThanOrEqual(500)
  })
})

test.each([
  ['30', 30_000],
  ['0', 0],
  [new Date(nowMs + 7_000).toUTCString(), 7_000],
  [new Date(nowMs - 7_000).toUTCString(), 0],
  ['86400', 600_000],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After %s is a wait of %s ms', (header, ms) => {
  expect(retryAfterMsOf(header, nowMs)).toBe(ms)
})

test.each([
  ["team-a_1!.*'()", true],
  ['x'.repeat(150), true],
  ['', false],
  ['.', false],
  ['..', false],
  ['a|b', false],
  ['a/b', false],
  ['x'.repeat(151), false],
])('the tenant %s is fit: %s', (tenant, isFit) => {
  expect(isTenant(tenant)).toBe(isFit)
})
