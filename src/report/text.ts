/** Text from outside made safe to print, to store and to use as a label, and cut to size. */
import { createHash } from 'node:crypto'

/** Control characters but for the allowed ones, lone surrogates, noncharacters, and marks that turn the direction of text. */
function harmfulBut(allowed: string): string {
  return `[^\\P{Cc}${allowed}]|[\\p{Cs}\\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069]`
}

const harmful = new RegExp(harmfulBut('\n\t'), 'u')
const everyHarmful = new RegExp(harmful, 'gu')

// A log line keeps carriage returns and colours: whoever shows it makes them visible or takes them out.
const harmfulInLine = new RegExp(harmfulBut('\n\t\r\u001b'), 'u')
const everyHarmfulInLine = new RegExp(harmfulInLine, 'gu')

/** The text with every harmful character replaced by U+FFFD; the very same string when there is none. */
export function cleanText(text: string): string {
  return harmful.test(text) ? text.replace(everyHarmful, '\ufffd') : text
}

/** As {@link cleanText}, for log lines: carriage returns and escape sequences stay. */
export function cleanLine(text: string): string {
  return harmfulInLine.test(text) ? text.replace(everyHarmfulInLine, '\ufffd') : text
}

const hashLength = 8

/** At most `lengthMax` UTF-16 units. A longer text ends in `~` and 8 hex digits of its hash, so that two long texts stay two. */
export function cutWithHash(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text
  const hash = createHash('sha256').update(text).digest('hex').slice(0, hashLength)
  return `${headOf(text, lengthMax - hashLength - 1)}~${hash}`
}

/** At most `bytesMax` bytes of UTF-8. A longer text ends in `…[cut N bytes]`, N being what is missing. */
export function cutWithMarker(text: string, bytesMax: number): string {
  // One UTF-16 unit is at most three bytes: most texts need no counting.
  if (text.length * 3 <= bytesMax) return text
  const bytes = Buffer.from(text)
  if (bytes.length <= bytesMax) return text
  const markerBytes = Buffer.byteLength(`…[cut ${bytes.length} bytes]`)
  let end = Math.max(0, bytesMax - markerBytes)
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return `${bytes.toString('utf8', 0, end)}…[cut ${bytes.length - end} bytes]`
}

const echoLengthMax = 64

/** Input quoted for an error message: JSON text of at most 64 characters of it, harmful characters replaced. */
export function echo(input: string): string {
  const text = cleanText(headOf(input, echoLengthMax)).replaceAll('\n', ' ').replaceAll('\t', ' ')
  return JSON.stringify(input.length > echoLengthMax ? `${text}…` : text)
}

/** The first `length` UTF-16 units, one fewer where that would split a surrogate pair. */
function headOf(text: string, length: number): string {
  if (text.length <= length) return text
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}
