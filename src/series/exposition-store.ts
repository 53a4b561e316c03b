import type { HistogramMetric, Metric, SharedGroup, SingleMetric } from '../catalogue/index.ts'
import { type ExpositionFormat, familyHeader } from './exposition-text.ts'
import { FamilyLines, type LineRoom } from './family-lines.ts'
import type { LineBlock } from './line-block.ts'
import { HistogramFamily, linesPerSeries, SeriesFamily, type Shared } from './series-family.ts'

const chunkBytes = 1024 * 1024
const noHeader = Buffer.alloc(0)

/** Room for lines by group of families, and who hears of what found none. */
export type ExpositionLimits = {
  readonly linesMax: Readonly<Record<SharedGroup, number>>
  readonly onOverflow: (group: SharedGroup) => void
}

type Held = { readonly lines: FamilyLines; readonly headers: Readonly<Record<ExpositionFormat, Buffer>> }

/**
 * The shared series behind `GET /metrics`: every line stands ready in a buffer and a new value is patched into it, so that a
 * scrape is a copy. Whoever holds the handle of a series sets and removes it.
 */
export class ExpositionStore {
  readonly #held = new Map<string, Held>()
  readonly #rooms: Readonly<Record<SharedGroup, LineRoom>> = {
    fleet: { lines: 0 },
    engine: { lines: 0 },
    task: { lines: 0 },
    task_metric: { lines: 0 },
  }
  readonly #limits: ExpositionLimits
  readonly #preparations: (() => void)[] = []

  constructor(limits: ExpositionLimits) {
    this.#limits = limits
  }

  /** The one family of this metric. */
  family<M extends Shared<SingleMetric>>(metric: M): SeriesFamily<M> {
    return new SeriesFamily(metric, this.#hold(metric).lines, () => this.#hasRoom(metric))
  }

  /** The one family of this histogram. */
  histogram<M extends Shared<HistogramMetric>>(metric: M): HistogramFamily<M> {
    return new HistogramFamily(metric, this.#hold(metric).lines, () => this.#hasRoom(metric))
  }

  /** Has `prepare` called at the start of each rendering: values that nobody looks at need not be written. It must not throw. */
  beforeRender(prepare: () => void): void {
    this.#preparations.push(prepare)
  }

  /** Lines that a group holds now. */
  linesOf(group: SharedGroup): number {
    return this.#rooms[group].lines
  }

  /** Lines that a group may hold. */
  linesMaxOf(group: SharedGroup): number {
    return this.#limits.linesMax[group]
  }

  /** Counts something that got no series for a reason of its owner's. */
  countOverflow(group: SharedGroup): void {
    this.#limits.onOverflow(group)
  }

  /**
   * The exposition in chunks of about 1 MiB, each a copy made when it is asked for. Between two of them series may come, go and
   * change; a line is whole, and the lines of a family stand together. Families without series say nothing.
   */
  *render(format: ExpositionFormat): Generator<Buffer, void, undefined> {
    for (const prepare of this.#preparations) prepare()
    let out = Buffer.allocUnsafeSlow(chunkBytes)
    let at = 0
    for (const { header, block } of this.#parts(format)) {
      const neededBytes = header.length + block.copyBytesMax
      if (at + neededBytes > out.length) {
        if (at > 0) yield out.subarray(0, at)
        out = Buffer.allocUnsafeSlow(Math.max(chunkBytes, neededBytes))
        at = 0
      }
      at = block.copyInto(out, at + header.copy(out, at))
    }
    if (at > 0) yield out.subarray(0, at)
  }

  /** All blocks in the order they are printed, the first of each family with its header. */
  *#parts(format: ExpositionFormat): Generator<{ readonly header: Buffer; readonly block: LineBlock }, void, undefined> {
    for (const { lines, headers } of this.#held.values()) {
      let header = headers[format]
      for (const block of lines.blocks()) {
        yield { header, block }
        header = noHeader
      }
    }
  }

  #hasRoom(metric: Shared<Metric>): boolean {
    if (this.linesOf(metric.group) + linesPerSeries(metric) <= this.#limits.linesMax[metric.group]) return true
    this.#limits.onOverflow(metric.group)
    return false
  }

  #hold(metric: Shared<Metric>): Held {
    let held = this.#held.get(metric.name)
    if (held === undefined) {
      const headers = {
        text: Buffer.from(familyHeader(metric, 'text')),
        openmetrics: Buffer.from(familyHeader(metric, 'openmetrics')),
      }
      held = { lines: new FamilyLines(linesPerSeries(metric), this.#rooms[metric.group]), headers }
      this.#held.set(metric.name, held)
    }
    return held
  }
}
