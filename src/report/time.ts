/** Times as they come from outside. */

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/
const fractionAt = 20

/** The furthest that a JavaScript date reaches, epoch milliseconds. */
const dateMsMax = 8.64e15

/**
 * Epoch milliseconds of an RFC 3339 text (a zone is required) or of a number of epoch milliseconds.
 * Anything else, also a day that is in no calendar and a time before 1970, is `undefined`.
 */
export function readTimeMs(value: unknown): number | undefined {
  if (typeof value === 'number') return value >= 0 && value <= dateMsMax ? Math.trunc(value) + 0 : undefined
  if (typeof value !== 'string' || value.length > 40 || !rfc3339.test(value)) return undefined
  const clockMs = clockMsOf(value)
  if (clockMs === undefined) return undefined
  const timeMs = clockMs + fractionMsOf(value) - zoneMsOf(value)
  return timeMs >= 0 ? timeMs : undefined
}

// Read by hand: Date.parse takes 30th of February, and twice as long.
function clockMsOf(text: string): number | undefined {
  const year = digits(text, 0) * 100 + digits(text, 2)
  const month = digits(text, 5)
  const day = digits(text, 8)
  const hour = digits(text, 11)
  const minute = digits(text, 14)
  const second = digits(text, 17)
  if (year < 1969 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return undefined
  if (day > 28 && day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function fractionMsOf(text: string): number {
  if (text[fractionAt - 1] !== '.') return 0
  let ms = 0
  for (let i = fractionAt, weight = 100; weight >= 1; i++, weight /= 10) {
    const digit = text.charCodeAt(i) - 48
    if (!(digit >= 0 && digit <= 9)) break
    ms += digit * weight
  }
  return ms
}

function zoneMsOf(text: string): number {
  const sign = text[text.length - 6]
  if (sign !== '+' && sign !== '-') return 0
  const minutes = digits(text, text.length - 5) * 60 + digits(text, text.length - 2)
  return (sign === '+' ? minutes : -minutes) * 60_000
}

function digits(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48
}

/** The time that an incarnation names: RFC 3339, or digits meaning epoch milliseconds. `undefined` = a word that has no order. */
export function incarnationTimeMs(incarnation: string): number | undefined {
  return /^\d{1,16}$/.test(incarnation) ? readTimeMs(Number(incarnation)) : readTimeMs(incarnation)
}
