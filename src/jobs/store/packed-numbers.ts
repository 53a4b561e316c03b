/**
 * Numbers as text: base64 of 64-bit floats, little end first. Ten times cheaper to write than decimals, and exact.
 */

const bytesPerNumber = 8

/** Grows to the longest list. */
let scratch = new Float64Array(64)
let scratchBytes = Buffer.from(scratch.buffer)

export function packed(numbers: readonly number[]): string {
  if (numbers.length > scratch.length) {
    scratch = new Float64Array(2 * numbers.length)
    scratchBytes = Buffer.from(scratch.buffer)
  }
  for (let i = 0; i < numbers.length; i++) scratch[i] = numbers[i] as number
  return scratchBytes.toString('base64', 0, numbers.length * bytesPerNumber)
}

/** Reads decimals between commas as well, as an earlier build wrote them. */
export function unpacked(text: string): number[] {
  if (text.includes(',')) return text.split(',').map(Number)
  const bytes = Buffer.from(text, 'base64')
  return Array.from({ length: Math.floor(bytes.length / bytesPerNumber) }, (_, i) => bytes.readDoubleLE(i * bytesPerNumber))
}
