import type { HistogramMetric, SingleMetric } from '../catalogue/index.ts'
import type { FamilyLines, LinePlace } from './family-lines.ts'
import type { LineBlock } from './line-block.ts'

/** The family a handle belongs to: one object for all its handles, which keeps them small. */
export type HandleOwner<M> = { readonly metric: M; readonly lines: FamilyLines }

/** One printed line. Its owner alone sets and removes it; after {@link remove} it must not be used. */
export class Series {
  readonly #owner: HandleOwner<SingleMetric>
  #block: LineBlock | undefined
  readonly #line: number

  constructor(owner: HandleOwner<SingleMetric>, place: LinePlace) {
    this.#owner = owner
    this.#block = place.block
    this.#line = place.line
  }

  get value(): number {
    return (this.#block ?? refuseRemoved(this.#owner.metric)).valueOf(this.#line)
  }

  /**
   * Gives the line a new value. A counter keeps the higher one: a step back would show as an increase of the whole value.
   * @throws RangeError for NaN and the infinities, which no source of ours has.
   */
  set(value: number): void {
    const { metric } = this.#owner
    const block = this.#block ?? refuseRemoved(metric)
    if (!Number.isFinite(value)) refuseValue(metric, value)
    if (metric.type === 'counter' && value < block.valueOf(this.#line)) return
    block.set(this.#line, value)
  }

  /** Gives the line a value even if a counter goes back by it: its source has begun anew. */
  reset(value: number): void {
    const block = this.#block ?? refuseRemoved(this.#owner.metric)
    if (!Number.isFinite(value)) refuseValue(this.#owner.metric, value)
    block.set(this.#line, value)
  }

  remove(): void {
    this.#owner.lines.free({ block: this.#block ?? refuseRemoved(this.#owner.metric), line: this.#line })
    this.#block = undefined
  }
}

/** What a histogram says: `counts[i]` observations fell into bucket i alone, the last entry is beyond every bound. */
export type HistogramReading = { readonly counts: readonly number[]; readonly sum: number }

/** All lines of one label set of a histogram. Nothing of it ever goes back. */
export class HistogramSeries {
  readonly #owner: HandleOwner<HistogramMetric>
  #block: LineBlock | undefined
  readonly #line: number

  constructor(owner: HandleOwner<HistogramMetric>, place: LinePlace) {
    this.#owner = owner
    this.#block = place.block
    this.#line = place.line
  }

  /** @throws RangeError for NaN and the infinities. */
  set(reading: HistogramReading): void {
    const bucketLines = this.#owner.metric.buckets.length + 1
    let total = 0
    for (let bucket = 0; bucket < bucketLines; bucket++) {
      total += reading.counts[bucket] ?? 0
      this.#raise(bucket, total)
    }
    this.#raise(bucketLines, reading.sum)
    this.#raise(bucketLines + 1, total)
  }

  remove(): void {
    this.#owner.lines.free({ block: this.#block ?? refuseRemoved(this.#owner.metric), line: this.#line })
    this.#block = undefined
  }

  #raise(offset: number, value: number): void {
    const block = this.#block ?? refuseRemoved(this.#owner.metric)
    if (!Number.isFinite(value)) refuseValue(this.#owner.metric, value)
    if (value > block.valueOf(this.#line + offset)) block.set(this.#line + offset, value)
  }
}

function refuseValue(metric: { readonly name: string }, value: number): never {
  throw new RangeError(`${metric.name} cannot be ${value}`)
}

function refuseRemoved(metric: { readonly name: string }): never {
  throw new Error(`a removed series of ${metric.name} was used`)
}
