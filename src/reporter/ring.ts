import type { SealedReport } from './sealed.ts'
import type { TaskState } from './task-state.ts'

/** Ranges of sequence numbers, both ends included. */
export type SeqRanges = readonly (readonly [from: number, to: number])[]

type Entry = { readonly report: SealedReport; readonly sentMs: number; timesAgain: number; isWaiting: boolean }

const timesAgainMax = 3
const entryOverheadBytes = 200

/** Reports the aggregator has taken, kept for a while: a store that was rolled back asks for them again. */
export class SentRing {
  readonly #bytesMax: number
  readonly #ageMsMax: number
  readonly #entries = new Map<Buffer, Entry>()
  #bytes = 0

  constructor(bytesMax: number, ageMsMax: number) {
    this.#bytesMax = bytesMax
    this.#ageMsMax = ageMsMax
  }

  get size(): number {
    return this.#entries.size
  }

  /** Keeps a report that was answered, or marks a kept one as answered again. */
  add(report: SealedReport, nowMs: number): void {
    const known = this.#entries.get(report.bytes)
    if (known !== undefined) known.isWaiting = false
    else {
      this.#entries.set(report.bytes, { report, sentMs: nowMs, timesAgain: 0, isWaiting: false })
      this.#bytes += report.bytes.length + entryOverheadBytes
    }
    this.#trim(nowMs)
  }

  /** The reports of these ranges that are still here, each at most three times in all, never one that waits to be sent already. */
  missing(ranges: ReadonlyMap<TaskState, SeqRanges>, nowMs: number): SealedReport[] {
    this.#trim(nowMs)
    const found: SealedReport[] = []
    for (const entry of this.#entries.values()) {
      const { task, seq } = entry.report
      const asked = task === undefined ? undefined : ranges.get(task)
      if (asked === undefined || entry.isWaiting || entry.timesAgain >= timesAgainMax) continue
      if (!asked.some(([from, to]) => seq >= from && seq <= to)) continue
      entry.timesAgain++
      entry.isWaiting = true
      found.push({ ...entry.report, origin: 'again', notBeforeMs: 0 })
    }
    return found
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #trim(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= this.#bytesMax && nowMs - entry.sentMs <= this.#ageMsMax) break
      this.#entries.delete(key)
      this.#bytes -= key.length + entryOverheadBytes
    }
  }
}
