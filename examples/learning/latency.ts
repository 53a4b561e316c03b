/** A histogram as reports carry it: how many took at most so long, cumulative in both senses. */
export type CumulativeHistogram = {
  readonly count: number
  /** seconds */
  readonly sum: number
  /** By upper bound in seconds. */
  readonly buckets: Readonly<Record<string, number>>
}

/** Bounds of the series that it becomes, in seconds. */
const boundsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Counts durations since the start of the process. */
export class Latency {
  #count = 0
  #sum = 0
  readonly #upTo = boundsSeconds.map(() => 0)

  add(seconds: number): void {
    this.#count++
    this.#sum += seconds
    for (const [index, bound] of boundsSeconds.entries()) {
      if (seconds <= bound) this.#upTo[index] = (this.#upTo[index] ?? 0) + 1
    }
  }

  histogram(): CumulativeHistogram {
    const buckets = Object.fromEntries(boundsSeconds.map((bound, index) => [bound, this.#upTo[index] ?? 0]))
    return { count: this.#count, sum: this.#sum, buckets }
  }
}
