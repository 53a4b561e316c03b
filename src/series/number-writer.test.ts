import fc from 'fast-check'
import { expect, test } from 'vitest'
import { valueCharsMax } from './exposition-text.ts'
import { writeNumberBefore } from './number-writer.ts'

function written(value: number): string {
  const bytes = Buffer.alloc(valueCharsMax + 1, '#')
  const begin = writeNumberBefore(bytes, valueCharsMax, value)
  expect(bytes[valueCharsMax]).toBe('#'.charCodeAt(0))
  return bytes.toString('latin1', begin, valueCharsMax)
}

const thousandths = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).map((value) => value / 1000)

test.each([
  0,
  1,
  9,
  10,
  999_999_999,
  1_000_000_000,
  1_000_000_001,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  68_719_476_736,
  2 ** 53 - 1,
  2 ** 53,
  1e21,
  0.1,
  0.5,
  0.01,
  0.001,
  0.0005,
  1.005,
  0.1 + 0.2,
  1_741_075_200.123,
  999_999_999_999.999,
  1_000_000_000_000.001,
  123.4565,
  -1,
  -0.5,
  5e-324,
  -0.0000012345678901234567,
  Number.MAX_VALUE,
])('%d is written as JavaScript writes it', (value) => {
  expect(written(value)).toBe(String(value))
})

test('every number is written as JavaScript writes it', () => {
  const numbers = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
    thousandths,
    fc.float({ noNaN: true, noDefaultInfinity: true }),
  )
  fc.assert(
    fc.property(numbers, (value) => {
      expect(written(value)).toBe(String(value))
    }),
    { numRuns: 5000 },
  )
})
