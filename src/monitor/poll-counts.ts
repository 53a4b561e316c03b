/** Polls that are counted with the next commit: each once, whatever becomes of the commit and of its answer. */
import { randomUUID } from 'node:crypto'
import type { Counted } from './runtime-store.ts'

export class PollCounts {
  #waiting = new Map<string, number>()
  #sent: Counted | undefined
  /** An answer was lost: what was sent is counted already, or not. */
  #isInDoubt = false

  count(field: string, by = 1): void {
    this.#waiting.set(field, (this.#waiting.get(field) ?? 0) + by)
  }

  /** What goes with the next commit: what went with the last one, as long as nobody knows what became of it. */
  take(): Counted | undefined {
    if (this.#sent === undefined && this.#waiting.size > 0) {
      this.#sent = { token: randomUUID(), totals: this.#waiting }
      this.#waiting = new Map()
    }
    return this.#sent
  }

  /** @param answer of the store; `undefined` = it was lost */
  settle(answer: 'written' | 'refused' | undefined): void {
    if (answer === undefined) this.#isInDoubt = true
    if (answer === 'refused' && !this.#isInDoubt) for (const [field, by] of this.#sent?.totals ?? []) this.count(field, by)
    if (answer === 'written' || (answer === 'refused' && !this.#isInDoubt)) {
      this.#sent = undefined
      this.#isInDoubt = false
    }
  }

  /** What surely is not counted yet. */
  rest(): ReadonlyMap<string, number> {
    return this.#waiting
  }
}
