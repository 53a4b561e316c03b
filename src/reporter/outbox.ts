import type { SealedReport } from './sealed.ts'

/** Written reports that wait to be sent, oldest first, bounded in bytes. When full the oldest goes. */
export class Outbox {
  readonly #bytesMax: number
  readonly #reports = new Set<SealedReport>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get size(): number {
    return this.#reports.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @returns the reports that had to go. */
  push(report: SealedReport): SealedReport[] {
    this.#reports.add(report)
    this.#bytes += report.bytes.length
    const dropped: SealedReport[] = []
    for (const oldest of this.#reports) {
      if (this.#bytes <= this.#bytesMax) break
      this.#remove(oldest)
      dropped.push(oldest)
    }
    return dropped
  }

  /** Takes what may be sent now and fits; one report larger than the limit is taken alone. */
  take(countMax: number, bytesMax: number, nowMs: number): SealedReport[] {
    const taken: SealedReport[] = []
    let bytes = 0
    for (const report of this.#reports) {
      if (report.notBeforeMs > nowMs) continue
      bytes += report.bytes.length + 1
      if (taken.length >= countMax || (bytes > bytesMax && taken.length > 0)) break
      this.#remove(report)
      taken.push(report)
    }
    return taken
  }

  /** When something may be sent next; infinite where nothing waits. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const report of this.#reports) {
      next = Math.min(next, report.notBeforeMs)
      if (next <= 0) break
    }
    return next
  }

  /** Takes everything, whether due or not. */
  drain(): SealedReport[] {
    const reports = [...this.#reports]
    this.#reports.clear()
    this.#bytes = 0
    return reports
  }

  #remove(report: SealedReport): void {
    if (this.#reports.delete(report)) this.#bytes -= report.bytes.length
  }
}
