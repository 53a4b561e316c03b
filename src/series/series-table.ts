import type { Series } from './series-handles.ts'

/** One line of a table: the labels that tell it from the others, and its value. */
export type TableRow = { readonly labels: Readonly<Record<string, string>>; readonly value: number }

/** Series of one family that come and go with the rows they are made from. */
export class SeriesTable {
  readonly #create: (labels: Readonly<Record<string, string>>) => Series | undefined
  readonly #series = new Map<string, Series>()

  constructor(create: (labels: Readonly<Record<string, string>>) => Series | undefined) {
    this.#create = create
  }

  /** Sets every row, and takes away what is in none. What goes makes room first. */
  show(rows: readonly TableRow[]): void {
    const byKey = new Map(rows.map((row) => [Object.values(row.labels).join('\n'), row]))
    for (const [key, series] of this.#series) {
      if (byKey.has(key)) continue
      series.remove()
      this.#series.delete(key)
    }
    for (const [key, { labels, value }] of byKey) {
      const series = this.#series.get(key) ?? this.#create(labels)
      if (series === undefined) continue
      this.#series.set(key, series)
      series.set(value)
    }
  }

  remove(): void {
    for (const series of this.#series.values()) series.remove()
    this.#series.clear()
  }
}
