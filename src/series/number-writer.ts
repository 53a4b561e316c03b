const zero = 0x30
const point = 0x2e
const e9 = 1_000_000_000
/** Below this a number with three decimals has at most 15 digits, and is the shortest text of its double. */
const thousandthsMax = 1e15

/**
 * Writes a finite number so that it ends before `end`, exactly as `String` has it, and answers where it begins. Whole numbers and
 * those with up to three decimals (sizes, counts, times in milliseconds) are written without making a string.
 */
export function writeNumberBefore(bytes: Uint8Array, end: number, value: number): number {
  if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
    if (Number.isInteger(value)) return writeWhole(bytes, end, value)
    const thousandths = Math.round(value * 1000)
    if (thousandths < thousandthsMax && thousandths / 1000 === value) return writeThousandths(bytes, end, thousandths)
  }
  return writeText(bytes, end, String(value))
}

/** @param value a whole number from 0 to the largest safe one. */
function writeWhole(bytes: Uint8Array, end: number, value: number): number {
  if (value < e9) return writeDigits(bytes, end, value, 1)
  const high = Math.floor(value / e9)
  return writeDigits(bytes, writeDigits(bytes, end, value - high * e9, 9), high, 1)
}

function writeThousandths(bytes: Uint8Array, end: number, thousandths: number): number {
  const whole = Math.floor(thousandths / 1000)
  let decimals = thousandths - whole * 1000
  let count = 3
  while (decimals % 10 === 0) {
    decimals /= 10
    count -= 1
  }
  const at = writeDigits(bytes, end, decimals, count) - 1
  bytes[at] = point
  return writeWhole(bytes, at, whole)
}

/** @param value below 2^31; with fewer digits than `digitsMin` it is led by zeros. */
function writeDigits(bytes: Uint8Array, end: number, value: number, digitsMin: number): number {
  let at = end
  let rest = value | 0
  for (let digits = 0; digits < digitsMin || rest > 0; digits++) {
    const next = (rest / 10) | 0
    at -= 1
    bytes[at] = zero + (rest - next * 10)
    rest = next
  }
  return at
}

function writeText(bytes: Uint8Array, end: number, text: string): number {
  const begin = end - text.length
  for (let i = 0; i < text.length; i++) bytes[begin + i] = text.charCodeAt(i)
  return begin
}
