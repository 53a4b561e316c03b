/**
 * Numbers as text: base64 of bytes, in which a small whole number takes one and any other at most nine. Ten times cheaper to write than
 * decimals, exact, and half as long as 64-bit floats alone.
 */

const bytesPerFloat = 8
const bytesPerNumberMax = 1 + bytesPerFloat

/** Stands before what is written so. An earlier build wrote floats alone, and one before that decimals between commas. */
const mark = '.'

/** The first byte of a number: below these it is the number itself. What follows the others has its little end first. */
const minusOne = 0xfc
const inTwoBytes = 0xfd
const inFourBytes = 0xfe
const inFloat = 0xff

/** Grows to the longest list. */
let scratch = Buffer.alloc(64 * bytesPerNumberMax)

export function packed(numbers: readonly number[]): string {
  const bytesMax = numbers.length * bytesPerNumberMax
  if (bytesMax > scratch.length) scratch = Buffer.alloc(2 * bytesMax)
  let end = 0
  for (let i = 0; i < numbers.length; i++) end = writeNumber(scratch, end, numbers[i] as number)
  return `${mark}${scratch.toString('base64', 0, end)}`
}

function writeNumber(bytes: Buffer, at: number, value: number): number {
  const whole = value >>> 0
  if (whole !== value || Object.is(value, -0)) {
    bytes[at] = value === -1 ? minusOne : inFloat
    return value === -1 ? at + 1 : bytes.writeDoubleLE(value, at + 1)
  }
  if (whole < minusOne) {
    bytes[at] = whole
    return at + 1
  }
  bytes[at] = whole <= 0xffff ? inTwoBytes : inFourBytes
  return whole <= 0xffff ? bytes.writeUInt16LE(whole, at + 1) : bytes.writeUInt32LE(whole, at + 1)
}

/** Reads what earlier builds wrote as well. @throws RangeError when it ends amid a number */
export function unpacked(text: string): number[] {
  if (text.startsWith(mark)) return numbersIn(Buffer.from(text.slice(mark.length), 'base64'))
  if (text.includes(',')) return text.split(',').map(Number)
  const bytes = Buffer.from(text, 'base64')
  return Array.from({ length: Math.floor(bytes.length / bytesPerFloat) }, (_, i) => bytes.readDoubleLE(i * bytesPerFloat))
}

function numbersIn(bytes: Buffer): number[] {
  const numbers: number[] = []
  let at = 0
  while (at < bytes.length) {
    const first = bytes[at] as number
    numbers.push(numberAt(bytes, at + 1, first))
    at += 1 + bytesBehind(first)
  }
  return numbers
}

function numberAt(bytes: Buffer, at: number, first: number): number {
  switch (first) {
    case minusOne:
      return -1
    case inTwoBytes:
      return bytes.readUInt16LE(at)
    case inFourBytes:
      return bytes.readUInt32LE(at)
    case inFloat:
      return bytes.readDoubleLE(at)
    default:
      return first
  }
}

function bytesBehind(first: number): number {
  if (first <= minusOne) return 0
  if (first === inTwoBytes) return 2
  return first === inFourBytes ? 4 : bytesPerFloat
}
