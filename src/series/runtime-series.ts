import { type LabelValues, runtimeMetrics } from '../catalogue/index.ts'
import type { ExpositionStore } from './exposition-store.ts'
import type { SeriesFamily } from './series-family.ts'
import type { Series } from './series-handles.ts'

/** What a monitor knows of a runtime that it follows. */
export type RuntimeReading = {
  readonly namespace: string
  readonly runtime: string
  readonly isUp: boolean
  /** Epoch milliseconds; undefined = never yet. */
  readonly lastSuccessAtMs: number | undefined
  /** Messages published and not yet committed, by topic label. */
  readonly behind: ReadonlyMap<string, number>
  /** The runtime has ended: its values stand still until its series go. */
  readonly isOver: boolean
}

type Shown = {
  reading: RuntimeReading
  readonly up: Series | undefined
  readonly lag: Series | undefined
  readonly behind: Map<string, Series | undefined>
}

/** The series of the runtimes whose leases this replica holds. */
export class RuntimeSeries {
  readonly #up: SeriesFamily<typeof runtimeMetrics.runtimeUp>
  readonly #lag: SeriesFamily<typeof runtimeMetrics.runtimePollLag>
  readonly #behind: SeriesFamily<typeof runtimeMetrics.runtimeMessagesBehind>
  readonly #shown = new Map<string, Shown>()
  readonly #going = new Map<string, NodeJS.Timeout>()
  readonly #lingerMs: number
  readonly #nowMs: () => number

  constructor(store: ExpositionStore, lingerMs: number, nowMs: () => number) {
    this.#up = store.family(runtimeMetrics.runtimeUp)
    this.#lag = store.family(runtimeMetrics.runtimePollLag)
    this.#behind = store.family(runtimeMetrics.runtimeMessagesBehind)
    this.#lingerMs = lingerMs
    this.#nowMs = nowMs
  }

  show(reading: RuntimeReading): void {
    const key = keyOf(reading)
    clearTimeout(this.#going.get(key))
    this.#going.delete(key)
    const shown = this.#shown.get(key) ?? this.#begin(key, reading)
    shown.reading = reading
    shown.up?.set(reading.isUp ? 1 : 0)
    for (const [topic, count] of reading.behind) {
      if (!shown.behind.has(topic)) shown.behind.set(topic, this.#behind.series({ ...labelsOf(reading), topic }))
      shown.behind.get(topic)?.set(count)
    }
    for (const [topic, series] of shown.behind) {
      if (reading.behind.has(topic)) continue
      series?.remove()
      shown.behind.delete(topic)
    }
    this.#setLag(shown)
  }

  /** The runtime is no longer followed here: at once, where another replica may show it; after the linger, where it has ended. */
  leave(name: Pick<RuntimeReading, 'namespace' | 'runtime'>): void {
    const key = keyOf(name)
    const shown = this.#shown.get(key)
    if (shown === undefined) return
    if (!shown.reading.isOver) this.#remove(key)
    else if (!this.#going.has(key)) this.#going.set(key, setTimeout(() => this.#remove(key), this.#lingerMs).unref())
  }

  /** Lets the lags grow, before a scrape. */
  refresh(): void {
    for (const shown of this.#shown.values()) if (!shown.reading.isOver) this.#setLag(shown)
  }

  close(): void {
    for (const timer of this.#going.values()) clearTimeout(timer)
  }

  #begin(key: string, reading: RuntimeReading): Shown {
    const labels = labelsOf(reading)
    const shown = { reading, up: this.#up.series(labels), lag: this.#lag.series(labels), behind: new Map() }
    this.#shown.set(key, shown)
    return shown
  }

  #setLag({ lag, reading }: Shown): void {
    if (reading.lastSuccessAtMs !== undefined) lag?.set(Math.max(0, this.#nowMs() - reading.lastSuccessAtMs) / 1_000)
  }

  #remove(key: string): void {
    const shown = this.#shown.get(key)
    this.#shown.delete(key)
    this.#going.delete(key)
    for (const series of [shown?.up, shown?.lag, ...(shown?.behind.values() ?? [])]) series?.remove()
  }
}

const keyOf = ({ namespace, runtime }: Pick<RuntimeReading, 'namespace' | 'runtime'>) => `${namespace}\n${runtime}`

const labelsOf = ({ namespace, runtime }: RuntimeReading): LabelValues<typeof runtimeMetrics.runtimeUp> => ({
  namespace,
  runtime,
})
