/** One pass over the bytes of a body before it is parsed: how deep it nests, what it is, and where it may be cut. */

export type JsonShape = 'object' | 'array' | 'other' | 'blank'

export type Scan = {
  readonly shape: JsonShape
  /** Nested deeper than allowed; the scan stopped there. */
  readonly isTooDeep: boolean
  /** Of an array: its items, as counted by commas. */
  readonly items: number
  /** Of an array: offsets of the commas at which it may be cut into pieces of bounded size, in rising order. */
  readonly cuts: readonly number[]
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c

export type ScanLimits = { readonly depthMax: number; readonly pieceItemsMax: number; readonly pieceBytesMax: number }

/** What a byte outside of texts adds to the depth. */
const nesting = new Int8Array(256)
nesting[0x7b] = nesting[0x5b] = 1
nesting[0x7d] = nesting[0x5d] = -1

/** Says nothing about whether the bytes are JSON: that is for the parser, which then meets no surprise of depth or size. */
export function scanJson(bytes: Buffer, limits: ScanLimits, start = 0, end = bytes.length): Scan {
  const first = firstByte(bytes, start, end)
  const shape = first === end ? 'blank' : shapeOf(bytes[first])
  const cutter = new Cutter(limits, start)
  let depth = 0
  for (let i = first; i < end; i++) {
    const byte = bytes[i] ?? 0
    if (byte === quote) {
      i = endOfText(bytes, i + 1, end)
      continue
    }
    depth += nesting[byte] ?? 0
    if (depth > limits.depthMax) return { shape, isTooDeep: true, items: 0, cuts: [] }
    if (byte === comma && depth === 1) cutter.passComma(i)
  }
  return shape === 'array'
    ? { shape, isTooDeep: false, items: cutter.commas + 1, cuts: cutter.cuts }
    : { shape, isTooDeep: false, items: 0, cuts: [] }
}

class Cutter {
  readonly cuts: number[] = []
  commas = 0
  readonly #limits: ScanLimits
  #pieceStart: number
  #pieceItems = 0

  constructor(limits: ScanLimits, start: number) {
    this.#limits = limits
    this.#pieceStart = start
  }

  passComma(at: number): void {
    this.commas++
    this.#pieceItems++
    if (this.#pieceItems < this.#limits.pieceItemsMax && at - this.#pieceStart < this.#limits.pieceBytesMax) return
    this.cuts.push(at)
    this.#pieceStart = at
    this.#pieceItems = 0
  }
}

/** Offset of the closing quote, or `end`. */
function endOfText(bytes: Buffer, from: number, end: number): number {
  let i = from
  while (i < end) {
    const byte = bytes[i]
    if (byte === quote) return i
    i += byte === backslash ? 2 : 1
  }
  return end
}

function firstByte(bytes: Buffer, start: number, end: number): number {
  let i = start
  while (i < end && isBlank(bytes[i])) i++
  return i
}

/** Blank, tab, line feed, carriage return. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
}

function shapeOf(byte: number | undefined): JsonShape {
  if (byte === 0x7b) return 'object'
  return byte === 0x5b ? 'array' : 'other'
}
