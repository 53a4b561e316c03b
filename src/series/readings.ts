import type { Series } from './series-handles.ts'

/** How one series of a subject (a task, an engine) is made, and what it reads off the subject's record. */
export type Reading<Subject, Prefix> = {
  readonly create: (prefix: Prefix) => Series | undefined
  /** `undefined`: there is no such value now, so there is no series. */
  readonly read: (subject: Subject) => number | undefined
}

/** The series of one subject that are there while their value is. */
export class ReadingSeries<Subject, Prefix> {
  readonly #readings: readonly Reading<Subject, Prefix>[]
  readonly #prefix: Prefix
  readonly #series: (Series | undefined)[] = []

  constructor(readings: readonly Reading<Subject, Prefix>[], prefix: Prefix) {
    this.#readings = readings
    this.#prefix = prefix
  }

  update(subject: Subject): void {
    for (let index = 0; index < this.#readings.length; index++) {
      const { create, read } = this.#readings[index] as Reading<Subject, Prefix>
      const value = read(subject)
      const known = this.#series[index]
      if (value === undefined || !Number.isFinite(value)) {
        known?.remove()
        this.#series[index] = undefined
      } else if (known === undefined) {
        const series = create(this.#prefix)
        this.#series[index] = series
        series?.set(value)
      } else known.set(value)
    }
  }

  remove(): void {
    for (const series of this.#series) series?.remove()
    this.#series.length = 0
  }
}

/** One series of value 1 whose labels say something that may change. */
export class FactSeries {
  #labels: string | undefined
  #series: Series | undefined

  /** @param labels what the labels say, to see whether they changed. */
  show(labels: string, create: () => Series | undefined): void {
    if (this.#series !== undefined && this.#labels === labels) return
    this.remove()
    this.#labels = labels
    this.#series = create()
    this.#series?.set(1)
  }

  remove(): void {
    this.#series?.remove()
    this.#series = undefined
  }
}
