/** From the bytes of a body to the items in it, in pieces that leave the event loop free in between. */
import { isAscii, isUtf8 } from 'node:buffer'
import { ScopeError } from '../errors.ts'
import type { BodyFormat } from './content-type.ts'
import { isBlank, type Scan, type ScanLimits, scanJson } from './scan.ts'

export type ItemLimits = ScanLimits & { readonly reportsMax: number }

/** One item of a request: what was parsed, or why a line of NDJSON could not be. */
export type Item = { readonly value: unknown } | { readonly fault: 'BODY_NOT_JSON' | 'BODY_TOO_DEEP' }

/**
 * The items of a body, piece by piece; each piece is at most as large as the limits say, unless one item alone is larger.
 * @throws ScopeError when the whole body cannot be read, or holds too many items. Some pieces may have been given by then.
 */
export function piecesOf(body: Buffer, format: BodyFormat, limits: ItemLimits): Iterable<readonly Item[]> {
  const bytes = withoutMark(body)
  if (!isUtf8(bytes)) throw new ScopeError('BODY_NOT_UTF8')
  return format === 'ndjson' ? linePieces(bytes, limits) : jsonPieces(bytes, limits)
}

function withoutMark(body: Buffer): Buffer {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body
}

function textOf(bytes: Buffer): string {
  // A one-byte text is parsed faster.
  return isAscii(bytes) ? bytes.toString('latin1') : bytes.toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // The parser's own words quote the body: they stay with us.
    throw new ScopeError('BODY_NOT_JSON', undefined, { cause: error })
  }
}

function tooDeep(limits: ItemLimits): ScopeError {
  return new ScopeError('BODY_TOO_DEEP', `The body is nested deeper than ${limits.depthMax}.`)
}

function tooMany(limits: ItemLimits): ScopeError {
  return new ScopeError('TOO_MANY_REPORTS', `The request holds more than ${limits.reportsMax} reports.`)
}

function jsonPieces(bytes: Buffer, limits: ItemLimits): Iterable<readonly Item[]> {
  const scan = scanJson(bytes, limits)
  if (scan.shape === 'blank') throw new ScopeError('BODY_EMPTY')
  if (scan.isTooDeep) throw tooDeep(limits)
  if (scan.items > limits.reportsMax) throw tooMany(limits)
  return scan.cuts.length === 0 ? [wholeOf(bytes)] : cutPieces(bytes, scan)
}

function wholeOf(bytes: Buffer): readonly Item[] {
  const value = parse(textOf(bytes))
  if (Array.isArray(value)) return value.map((item: unknown) => ({ value: item }))
  if (typeof value !== 'object' || value === null) throw new ScopeError('BODY_NOT_A_REPORT')
  return [{ value }]
}

/** A large array is parsed piece by piece; the pieces together are JSON exactly when each of them is, and the ends fit. */
function* cutPieces(bytes: Buffer, scan: Scan): Iterable<readonly Item[]> {
  const open = bytes.indexOf('[')
  const close = bytes.lastIndexOf(']')
  if (!isAllBlank(bytes, close + 1)) throw new ScopeError('BODY_NOT_JSON')
  let start = open + 1
  for (const end of [...scan.cuts, close]) {
    const values = parse(`[${textOf(bytes.subarray(start, end))}]`) as readonly unknown[]
    // Nothing between two commas, or before the closing bracket.
    if (values.length === 0) throw new ScopeError('BODY_NOT_JSON')
    yield values.map((value) => ({ value }))
    start = end + 1
  }
}

function isAllBlank(bytes: Buffer, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (!isBlank(bytes[i])) return false
  return true
}

const lineFeed = 0x0a

function* linePieces(bytes: Buffer, limits: ItemLimits): Iterable<readonly Item[]> {
  let piece: Item[] = []
  let pieceStart = 0
  let items = 0
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(lineFeed, start)
    const end = feed === -1 ? bytes.length : feed
    const item = lineItem(bytes, start, end, limits)
    start = end + 1
    if (item === undefined) continue
    if (++items > limits.reportsMax) throw tooMany(limits)
    piece.push(item)
    if (piece.length < limits.pieceItemsMax && end - pieceStart < limits.pieceBytesMax) continue
    yield piece
    piece = []
    pieceStart = end
  }
  if (items === 0) throw new ScopeError('BODY_EMPTY')
  yield piece
}

/** @returns `undefined` for a blank line. */
function lineItem(bytes: Buffer, start: number, end: number, limits: ItemLimits): Item | undefined {
  const scan = scanJson(bytes, limits, start, end)
  if (scan.shape === 'blank') return undefined
  if (scan.isTooDeep) return { fault: 'BODY_TOO_DEEP' }
  try {
    return { value: JSON.parse(textOf(bytes.subarray(start, end))) }
  } catch {
    return { fault: 'BODY_NOT_JSON' }
  }
}
