/** A map that knows what was set since its trace began, and what stood there before: no copy is needed to find changes. */
export class TracedMap<Key, Value> extends Map<Key, Value> {
  #trace = new Map<Key, Value | undefined>()

  /** Begins the trace anew. @returns what the map held under each key that is set from now on, before it was set first */
  beginTrace(): ReadonlyMap<Key, Value | undefined> {
    this.#trace = new Map()
    return this.#trace
  }

  override set(key: Key, value: Value): this {
    if (!this.#trace.has(key)) this.#trace.set(key, this.get(key))
    return super.set(key, value)
  }
}
