import { isBefore, type TaskRun } from './task-entry.ts'

type Expired = TaskRun & { readonly untilMs: number }

/** Remembers for a while whose series were taken away, so that a late word about the same run does not bring them back. Bounded. */
export class ExpiredRuns {
  readonly #runsMax: number
  readonly #keepMs: number
  readonly #runs = new Map<string, Expired>()

  constructor(runsMax: number, keepMs: number) {
    this.#runsMax = runsMax
    this.#keepMs = keepMs
  }

  add(key: string, { attempt, firstArrivalAtMs }: TaskRun, nowMs: number): void {
    this.#runs.delete(key)
    this.#runs.set(key, { attempt, firstArrivalAtMs, untilMs: nowMs + this.#keepMs })
    if (this.#runs.size > this.#runsMax) this.#forgetOldest()
  }

  /** Whether this run, or a later one of the same task, has expired. */
  has(key: string, run: TaskRun): boolean {
    const expired = this.#runs.get(key)
    return expired !== undefined && !isBefore(expired, run)
  }

  sweep(nowMs: number): void {
    for (const [key, { untilMs }] of this.#runs) {
      if (untilMs > nowMs) return
      this.#runs.delete(key)
    }
  }

  #forgetOldest(): void {
    for (const key of this.#runs.keys()) {
      this.#runs.delete(key)
      return
    }
  }
}
