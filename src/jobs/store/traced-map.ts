/** What stood under a key before it was set first. */
export type Traced<Key, Value> = readonly [key: Key, before: Value | undefined]

/** A map that knows what was set since its trace began, and what stood there before: no copy is needed to find changes. */
export class TracedMap<Key, Value> extends Map<Key, Value> {
  #trace: Traced<Key, Value>[] = []
  #traced: Set<Key> | undefined

  /** Begins the trace anew. @returns an entry for each key that is set from now on, in the order of its first time */
  beginTrace(): readonly Traced<Key, Value>[] {
    if (this.#trace.length > 0) this.#trace = []
    this.#traced = undefined
    return this.#trace
  }

  override set(key: Key, value: Value): this {
    this.#note(key)
    return super.set(key, value)
  }

  /** Sets what was known all along. */
  setUntraced(key: Key, value: Value): void {
    super.set(key, value)
  }

  /** Most traces hold one key. */
  #note(key: Key): void {
    const [first] = this.#trace
    if (first === undefined) {
      this.#trace.push([key, this.get(key)])
      return
    }
    if (first[0] === key || this.#traced?.has(key) === true) return
    this.#traced ??= new Set()
    this.#traced.add(key)
    this.#trace.push([key, this.get(key)])
  }
}
