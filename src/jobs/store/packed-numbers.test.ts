import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packed, unpacked } from './packed-numbers.ts'

const edges = [
  0,
  -0,
  1,
  -1,
  -2,
  0xfb,
  0xfc,
  0xff,
  0x100,
  0xffff,
  0x1_0000,
  0xffff_ffff,
  0x1_0000_0000,
  2 ** 53,
  0.5,
  1e-300,
  -1e300,
]

test('numbers are the same again, bit for bit', () => {
  const number = fc.oneof(fc.constantFrom(...edges), fc.double({ noNaN: true }), fc.nat(), fc.integer({ min: 0, max: 300 }))
  fc.assert(
    fc.property(fc.array(number, { maxLength: 200 }), (numbers) => {
      expect(unpacked(packed(numbers))).toEqual(numbers)
    }),
  )
})

test('small whole numbers take a byte, and the text holds no more than base64 and its mark', () => {
  expect(packed([])).toBe('.')
  expect(packed([0, 1, 2])).toBe('.AAEC')
  expect(packed(edges)).toMatch(/^\.[A-Za-z0-9+/]+=*$/)
})

test('what earlier builds wrote is read', () => {
  expect(unpacked('0.5,3,1764000000000')).toEqual([0.5, 3, 1_764_000_000_000])
  const floats = Buffer.from(new Float64Array([0.5, -1, 1_764_000_000_000]).buffer).toString('base64')
  expect(unpacked(floats)).toEqual([0.5, -1, 1_764_000_000_000])
})

test('a text that ends amid a number is refused', () => {
  expect(() => unpacked(`.${Buffer.from([0xff, 1, 2]).toString('base64')}`)).toThrow(RangeError)
})
