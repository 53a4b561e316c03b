import { performance } from 'node:perf_hooks'

const usPerMs = 1_000

/**
 * Redis TIME as this process estimates it, from a monotonic clock: what leases, liveness and arrival are judged by.
 * A jump of the machine's wall clock does not move it. Successive stamps strictly rise.
 */
export class RedisClock {
  #offsetMs = Number.NaN
  #lastStampUs = 0

  /** Corrects the estimate with a reading taken during a call that began at `beganAtMs` of `performance.now()`. */
  calibrate(redisTimeUs: number, beganAtMs: number): void {
    const middleMs = (beganAtMs + performance.now()) / 2
    const offsetMs = redisTimeUs / usPerMs - middleMs
    const isFirst = Number.isNaN(this.#offsetMs)
    this.#offsetMs = isFirst || Math.abs(offsetMs - this.#offsetMs) > 1_000 ? offsetMs : this.#offsetMs * 0.9 + offsetMs * 0.1
  }

  get isSet(): boolean {
    return !Number.isNaN(this.#offsetMs)
  }

  /** Epoch milliseconds, whole. Before the first reading: the machine's own clock. */
  nowMs(): number {
    return Math.floor(this.isSet ? performance.now() + this.#offsetMs : Date.now())
  }

  /** Epoch microseconds, higher than any stamp given before. */
  stampUs(): number {
    const nowUs = Math.floor((this.isSet ? performance.now() + this.#offsetMs : Date.now()) * usPerMs)
    this.#lastStampUs = Math.max(nowUs, this.#lastStampUs + 1)
    return this.#lastStampUs
  }
}
