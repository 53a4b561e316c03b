/** Keeps the values of a label finite: the first so many words are taken as they are, all later ones are `other`. */
export class BoundedValues {
  readonly #valuesMax: number
  readonly #known: Set<string>

  /** @param known words that are there from the start; they count. */
  constructor(valuesMax: number, known: readonly string[] = []) {
    this.#valuesMax = valuesMax
    this.#known = new Set(known)
  }

  of(value: string): string {
    if (this.#known.has(value)) return value
    if (this.#known.size >= this.#valuesMax) return 'other'
    this.#known.add(value)
    return value
  }
}
