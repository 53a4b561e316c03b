import { valueCharsMax } from './exposition-text.ts'
import { writeNumberBefore } from './number-writer.ts'

const newline = 0x0a
/** Bytes of one block: small enough that a chunk of the answer holds many of them. */
const blockBytesMax = 64 * 1024
const linesMin = 16
const slotStepBytes = 16

/** Bytes of the slot that a line with this text needs, rounded up so that lines of like length share slots. */
export function slotBytesFor(textBytes: number): number {
  return Math.ceil((textBytes + valueCharsMax + 1) / slotStepBytes) * slotStepBytes
}

/** Lines of a new block: as many as its class already holds, within bounds, in whole groups. */
export function blockLinesFor(slotBytes: number, linesHeld: number, groupLines: number): number {
  const linesMax = Math.floor(blockBytesMax / slotBytes)
  const lines = Math.min(linesMax, Math.max(linesMin, linesHeld))
  return Math.max(1, Math.floor(lines / groupLines)) * groupLines
}

/**
 * Lines of one slot size in one buffer. A slot holds the text of its line at the left and the value with the line end at the
 * right; what lies between is never read. A new value overwrites the right end only.
 * Slots come in groups of neighbours: one line for a gauge or counter, all lines of a label set for a histogram.
 */
export class LineBlock {
  readonly slotBytes: number
  readonly #bytes: Buffer
  readonly #groupLines: number
  readonly #capacityLines: number
  /** 0 marks a free slot. */
  readonly #textBytes: Uint32Array
  /** Where in its slot the value begins. */
  readonly #valueAt: Uint32Array
  readonly #values: Float64Array
  readonly #freeGroups: number[] = []
  #usedLines = 0
  #liveLines = 0

  constructor(slotBytes: number, capacityLines: number, groupLines: number) {
    this.slotBytes = slotBytes
    this.#groupLines = groupLines
    this.#capacityLines = capacityLines
    this.#bytes = Buffer.allocUnsafeSlow(slotBytes * capacityLines)
    this.#textBytes = new Uint32Array(capacityLines)
    this.#valueAt = new Uint32Array(capacityLines)
    this.#values = new Float64Array(capacityLines)
  }

  get liveLines(): number {
    return this.#liveLines
  }

  get hasRoom(): boolean {
    return this.#freeGroups.length > 0 || this.#usedLines < this.#capacityLines
  }

  /** Bytes that {@link copyInto} needs while it is at work; what stays is less. */
  get copyBytesMax(): number {
    return this.#usedLines * this.slotBytes
  }

  /** Puts a group of lines, each `name{labels} ` with its one blank, all with value 0. Answers the first of its slots. */
  insert(texts: readonly string[]): number {
    let first = this.#freeGroups.pop()
    if (first === undefined) {
      first = this.#usedLines
      this.#usedLines += this.#groupLines
    }
    let line = first
    for (const text of texts) {
      const end = (line + 1) * this.slotBytes - 1
      this.#textBytes[line] = this.#bytes.write(text, line * this.slotBytes)
      this.#bytes[end] = newline
      this.#valueAt[line] = writeNumberBefore(this.#bytes, end, 0) - line * this.slotBytes
      this.#values[line] = 0
      line += 1
    }
    this.#liveLines += this.#groupLines
    return first
  }

  /** Gives the group that begins at this slot back. */
  free(first: number): void {
    this.#textBytes.fill(0, first, first + this.#groupLines)
    this.#freeGroups.push(first)
    this.#liveLines -= this.#groupLines
  }

  valueOf(line: number): number {
    return this.#values[line] as number
  }

  /** @param value finite. */
  set(line: number, value: number): void {
    if (this.#values[line] === value) return
    this.#values[line] = value
    const begin = line * this.slotBytes
    this.#valueAt[line] = writeNumberBefore(this.#bytes, begin + this.slotBytes - 1, value) - begin
  }

  /**
   * Copies the live lines into `out` with one blank between text and value: OpenMetrics allows no more, and a copy is needed
   * anyway, since a value that is patched while its bytes wait in a socket could go out half old, half new.
   * @param at where to begin; from there `out` must have {@link copyBytesMax} bytes.
   * @returns where the copy ended.
   */
  copyInto(out: Buffer, at: number): number {
    if (this.#liveLines === 0) return at
    out.set(this.#bytes.subarray(0, this.copyBytesMax), at)
    let to = at
    // From the value of a line to the end of the next line's text there is no gap: one move for both.
    let from = -1
    const move = (end: number) => {
      out.copyWithin(to, from, end)
      to += end - from
    }
    let start = at
    for (let line = 0; line < this.#usedLines; line++, start += this.slotBytes) {
      const textBytes = this.#textBytes[line] as number
      if (textBytes === 0) {
        if (from >= 0) move(start)
        from = -1
        continue
      }
      if (from < 0) from = start
      move(start + textBytes)
      from = start + (this.#valueAt[line] as number)
    }
    if (from >= 0) move(start)
    return to
  }
}
