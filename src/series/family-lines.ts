import { blockLinesFor, LineBlock, slotBytesFor } from './line-block.ts'

/** Where a group of lines stands. */
export type LinePlace = { readonly block: LineBlock; readonly line: number }

/** How many lines the families of one group hold together. */
export type LineRoom = { lines: number }

/** `open` holds the blocks that have a free slot. */
type SizeClass = { readonly blocks: LineBlock[]; readonly open: LineBlock[]; lines: number }

/** All lines of one family, in blocks by slot size. Free slots are used again; a block without lines is given back. */
export class FamilyLines {
  readonly #groupLines: number
  readonly #room: LineRoom
  readonly #classes = new Map<number, SizeClass>()
  #lines = 0

  /** @param groupLines lines of one label set: 1, or buckets and totals of a histogram. */
  constructor(groupLines: number, room: LineRoom) {
    this.#groupLines = groupLines
    this.#room = room
  }

  /** Lines held now. */
  get lines(): number {
    return this.#lines
  }

  insert(texts: readonly string[]): LinePlace {
    let textBytes = 0
    for (const text of texts) textBytes = Math.max(textBytes, Buffer.byteLength(text))
    const slotBytes = slotBytesFor(textBytes)
    const sizeClass = this.#classOf(slotBytes)
    const block = sizeClass.open.at(-1) ?? this.#addBlock(sizeClass, slotBytes)
    const line = block.insert(texts)
    if (!block.hasRoom) sizeClass.open.pop()
    sizeClass.lines += this.#groupLines
    this.#lines += this.#groupLines
    this.#room.lines += this.#groupLines
    return { block, line }
  }

  free({ block, line }: LinePlace): void {
    const sizeClass = this.#classOf(block.slotBytes)
    if (!block.hasRoom) sizeClass.open.push(block)
    block.free(line)
    this.#lines -= this.#groupLines
    this.#room.lines -= this.#groupLines
    sizeClass.lines -= this.#groupLines
    if (block.liveLines > 0) return
    sizeClass.blocks.splice(sizeClass.blocks.indexOf(block), 1)
    sizeClass.open.splice(sizeClass.open.indexOf(block), 1)
    if (sizeClass.blocks.length === 0) this.#classes.delete(block.slotBytes)
  }

  /** The blocks as they are now: a rendering that pauses is not disturbed when blocks come and go. */
  blocks(): readonly LineBlock[] {
    return [...this.#classes.values()].flatMap((sizeClass) => sizeClass.blocks)
  }

  #addBlock(sizeClass: SizeClass, slotBytes: number): LineBlock {
    const block = new LineBlock(slotBytes, blockLinesFor(slotBytes, sizeClass.lines, this.#groupLines), this.#groupLines)
    sizeClass.blocks.push(block)
    sizeClass.open.push(block)
    return block
  }

  #classOf(slotBytes: number): SizeClass {
    let sizeClass = this.#classes.get(slotBytes)
    if (sizeClass === undefined) {
      sizeClass = { blocks: [], open: [], lines: 0 }
      this.#classes.set(slotBytes, sizeClass)
    }
    return sizeClass
  }
}
