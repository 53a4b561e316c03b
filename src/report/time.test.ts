import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { incarnationTimeMs, readTimeMs } from './time.ts'

describe('times from outside', () => {
  test('every time that JavaScript prints is read back', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }), (date) => {
        expect(readTimeMs(date.toISOString())).toBe(date.getTime())
        expect(readTimeMs(date.getTime())).toBe(date.getTime())
      }),
    )
  })

  test.each([
    ['2025-03-04T08:00:52Z', '2025-03-04T08:00:52.000Z'],
    ['2025-03-04t08:00:52.5z', '2025-03-04T08:00:52.500Z'],
    ['2025-03-04 08:00:52.123456789+01:30', '2025-03-04T06:30:52.123Z'],
    ['2025-03-04T08:00:52-05:00', '2025-03-04T13:00:52.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ])('%s is %s', (sent, utc) => {
    expect(readTimeMs(sent)).toBe(Date.parse(utc))
  })

  test.each([
    '2025-03-04T08:00:52',
    '2025-03-04',
    '2025-02-30T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-01-01T24:00:00Z',
    '+275760-09-13T00:00:00.000Z',
    'now',
    '',
    '1741075201000',
    1e18,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    true,
    {},
    null,
  ])('%j is no time', (sent) => {
    expect(readTimeMs(sent)).toBeUndefined()
  })

  test('an incarnation is a time when it is RFC 3339 or epoch milliseconds, else a word', () => {
    expect(incarnationTimeMs('2025-03-04T07:58:41.000Z')).toBe(1_741_075_121_000)
    expect(incarnationTimeMs('1741075121000')).toBe(1_741_075_121_000)
    expect(incarnationTimeMs('d81b44ce-spark')).toBeUndefined()
    expect(incarnationTimeMs('20250304075841000')).toBeUndefined()
  })
})
