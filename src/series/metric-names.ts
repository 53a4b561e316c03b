/** The names of algorithm metrics that have series, by task type: bounded, and free again when no task uses them. */
export class MetricNames {
  readonly #perTypeMax: number
  readonly #usersByType = new Map<string, Map<string, number>>()

  constructor(perTypeMax: number) {
    this.#perTypeMax = perTypeMax
  }

  /** Whether the name may have one more series. Each `true` is to be given back once with {@link release}. */
  take(taskType: string, name: string): boolean {
    const users = this.#usersByType.get(taskType) ?? new Map<string, number>()
    const count = users.get(name) ?? 0
    if (count === 0 && users.size >= this.#perTypeMax) return false
    users.set(name, count + 1)
    this.#usersByType.set(taskType, users)
    return true
  }

  release(taskType: string, name: string): void {
    const users = this.#usersByType.get(taskType)
    const count = users?.get(name) ?? 0
    if (users === undefined || count === 0) return
    if (count > 1) users.set(name, count - 1)
    else users.delete(name)
    if (users.size === 0) this.#usersByType.delete(taskType)
  }
}
