import type { MetricFamily, MetricSample } from './prometheus-text.ts'

type Families = ReadonlyMap<string, MetricFamily>

/** Who showed a shared series in one round, by number, and the highest value shown. */
type Shown = { readonly by: readonly number[]; readonly value: number }
type Round = ReadonlyMap<string, Shown>

/**
 * Judges rounds of scrapes. In each all replicas are asked at once, and the next begins when all have answered or failed.
 *
 * A shared series that two of them show in one round is an overlap, with one exception: a series may change hands between the two
 * answers. Then the one that gave it does not show it in the next round, and the one that took it did not in the round before.
 */
export class ScrapeRounds {
  /** Series that two replicas had at a time. */
  readonly overlaps: string[] = []
  /** Counters that were lower than before. */
  readonly dips: string[] = []
  /** Series that changed hands within a round. */
  handedOver = 0
  /** Rounds so far. */
  count = 0
  /** Most rounds that a counter was away before it was there again. */
  longestAbsence = 0
  readonly #highest = new Map<string, { value: number; round: number }>()
  #before: Round = new Map()
  #last: Round = new Map()

  /** @param answers by replica; `undefined` for one that did not answer in time */
  note(answers: readonly (Families | undefined)[]): void {
    this.count += 1
    const round = this.#read(answers)
    this.#judgeLast(round)
    this.#before = this.#last
    this.#last = round
  }

  /** How many shared series the newest round shows. */
  get shownNow(): number {
    return this.#last.size
  }

  #read(answers: readonly (Families | undefined)[]): Round {
    const round = new Map<string, Shown>()
    const counters = new Set<string>()
    for (const [replica, families = new Map<string, MetricFamily>()] of answers.entries()) {
      for (const { type, samples } of families.values()) {
        for (const sample of samples) {
          if (sample.labels['instance'] !== '') continue
          const series = identityOf(sample)
          const { by = [], value = 0 } = round.get(series) ?? {}
          round.set(series, { by: [...by, replica], value: Math.max(value, sample.value) })
          if (type === 'counter' || type === 'histogram') counters.add(series)
        }
      }
    }
    for (const series of counters) this.#noteCounter(series, round.get(series)?.value ?? 0)
    return round
  }

  #noteCounter(series: string, value: number): void {
    const known = this.#highest.get(series)
    if (known !== undefined) {
      if (value < known.value) this.dips.push(`round ${this.count}: ${series} ${known.value} → ${value}`)
      this.longestAbsence = Math.max(this.longestAbsence, this.count - known.round - 1)
    }
    this.#highest.set(series, { value: Math.max(value, known?.value ?? 0), round: this.count })
  }

  #judgeLast(next: Round): void {
    for (const [series, { by }] of this.#last) {
      if (by.length < 2) continue
      const had = this.#before.get(series)?.by ?? []
      const has = next.get(series)?.by ?? []
      const isHandOver =
        by.length === 2 && by.some((taker) => !had.includes(taker) && by.every((one) => one === taker || !has.includes(one)))
      if (isHandOver) this.handedOver += 1
      else this.overlaps.push(`round ${this.count - 1}: ${series} by ${by.join(' and ')}, before by [${had}], after by [${has}]`)
    }
  }
}

function identityOf({ name, labels }: MetricSample): string {
  return name + JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
