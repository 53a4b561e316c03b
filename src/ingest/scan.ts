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

export type ScanLimits = { readonly depthMax: number; readonly pieceItemsMax: number; readonly pieceBytesMax: number }

/** What a byte outside of texts means. One look-up per byte is twice as fast as comparing it with each. */
const plain = 0
/** Added to the depth as they are. */
const opens = 1
const closes = -1
const separates = 3
const quotes = 4
const meanings = new Int8Array(256)
meanings[0x7b] = meanings[0x5b] = opens
meanings[0x7d] = meanings[0x5d] = closes
meanings[0x2c] = separates
meanings[quote] = quotes

/** Says nothing about whether the bytes are JSON: that is for the parser, which then meets no surprise of depth or size. */
export function scanJson(bytes: Buffer, limits: ScanLimits, start = 0, end = bytes.length): Scan {
  const first = firstByte(bytes, start, end)
  const shape = first === end ? 'blank' : shapeOf(bytes[first])
  const cutter = new Cutter(limits, start)
  let depth = 0
  for (let i = first; i < end; i++) {
    const meaning = meanings[bytes[i] as number] as number
    if (meaning === plain) continue
    if (meaning === quotes) i = endOfText(bytes, i + 1, end)
    else if (meaning === separates) cutter.passComma(i, depth)
    else depth += meaning
    if (depth > limits.depthMax) return { shape, isTooDeep: true, items: 0, cuts: [] }
  }
  return { shape, isTooDeep: false, ...cutter.outcomeFor(shape) }
}

class Cutter {
  readonly #cuts: number[] = []
  #commas = 0
  readonly #limits: ScanLimits
  #pieceStart: number
  #pieceItems = 0

  constructor(limits: ScanLimits, start: number) {
    this.#limits = limits
    this.#pieceStart = start
  }

  /** Only an array is cut. */
  outcomeFor(shape: JsonShape): Pick<Scan, 'items' | 'cuts'> {
    return shape === 'array' ? { items: this.#commas + 1, cuts: this.#cuts } : { items: 0, cuts: [] }
  }

  /** Only commas between the items of the outermost array count. */
  passComma(at: number, depth: number): void {
    if (depth !== 1) return
    this.#commas++
    this.#pieceItems++
    if (this.#pieceItems < this.#limits.pieceItemsMax && at - this.#pieceStart < this.#limits.pieceBytesMax) return
    this.#cuts.push(at)
    this.#pieceStart = at
    this.#pieceItems = 0
  }
}

/** Offset of the closing quote, or beyond `end`. */
function endOfText(bytes: Buffer, from: number, end: number): number {
  let i = from
  while (i < end && bytes[i] !== quote) {
    if (bytes[i] === backslash) i++
    i++
  }
  return i
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
