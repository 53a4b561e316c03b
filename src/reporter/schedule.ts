/**
 * Which things are due when. Due times are rounded up to slots, so that many tasks go out in one request
 * and every call costs the same however many there are.
 */
export class Schedule<T> {
  readonly #slotMs: number
  readonly #slots = new Map<number, Set<T>>()
  readonly #slotOf = new Map<T, number>()

  constructor(slotMs: number) {
    this.#slotMs = slotMs
  }

  /** Sets when something is due, instead of when it was before. */
  set(item: T, dueMs: number): void {
    this.delete(item)
    const slot = Math.ceil(dueMs / this.#slotMs)
    const items = this.#slots.get(slot)
    if (items === undefined) this.#slots.set(slot, new Set([item]))
    else items.add(item)
    this.#slotOf.set(item, slot)
  }

  has(item: T): boolean {
    return this.#slotOf.has(item)
  }

  delete(item: T): void {
    const slot = this.#slotOf.get(item)
    if (slot === undefined) return
    this.#slotOf.delete(item)
    const items = this.#slots.get(slot)
    items?.delete(item)
    if (items?.size === 0) this.#slots.delete(slot)
  }

  /** Takes out everything that is due, oldest slot first. */
  takeDue(nowMs: number): T[] {
    const due = [...this.#slots.keys()].filter((slot) => slot * this.#slotMs <= nowMs).sort((a, b) => a - b)
    const items = due.flatMap((slot) => [...(this.#slots.get(slot) ?? [])])
    for (const item of items) this.delete(item)
    return items
  }

  /** When the next thing is due; infinite where there is none. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const slot of this.#slots.keys()) next = Math.min(next, slot)
    return next * this.#slotMs
  }

  clear(): void {
    this.#slots.clear()
    this.#slotOf.clear()
  }
}
