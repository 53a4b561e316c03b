import { performance } from 'node:perf_hooks'

const usPerMs = 1_000

/**
 * Redis TIME as this process estimates it, from a monotonic clock: what leases, liveness and arrival are judged by.
 * A jump of the machine's wall clock does not move it. Successive stamps strictly rise.
 */
export class RedisClock {
  readonly #aheadMs: () => number
  #offsetMs = Number.NaN
  #lastStampUs = 0

  /** @param aheadMs how far this clock is to run ahead of Redis: for whoever must see what time brings without waiting for it */
  constructor(aheadMs: () => number = () => 0) {
    this.#aheadMs = aheadMs
  }

  /**
   * Corrects the estimate with a reading taken during a call that began at `beganAtMs` of `performance.now()`.
   * The reading was made somewhere within the call, so it bounds the estimate from both sides; the estimate moves no
   * further than into these bounds. A slow call, or a stalled process, thus says little and spoils nothing.
   */
  calibrate(redisTimeUs: number, beganAtMs: number): void {
    const readingMs = redisTimeUs / usPerMs
    const lowest = readingMs - performance.now()
    const highest = readingMs - beganAtMs
    this.#offsetMs = this.isSet ? Math.min(Math.max(this.#offsetMs, lowest), highest) : (lowest + highest) / 2
  }

  get isSet(): boolean {
    return !Number.isNaN(this.#offsetMs)
  }

  /** Epoch milliseconds, whole. Before the first reading: the machine's own clock. */
  nowMs(): number {
    return Math.floor(this.#exactMs())
  }

  /** Epoch microseconds, higher than any stamp given before. */
  stampUs(): number {
    const nowUs = Math.floor(this.#exactMs() * usPerMs)
    this.#lastStampUs = Math.max(nowUs, this.#lastStampUs + 1)
    return this.#lastStampUs
  }

  #exactMs(): number {
    return (this.isSet ? performance.now() + this.#offsetMs : Date.now()) + this.#aheadMs()
  }
}
