import type { TaskState } from './task-state.ts'

const endedMax = 10_000

/** The tasks a reporter knows, by what their sequence numbers are counted by. */
export class TaskBook {
  readonly #tasks = new Map<string, TaskState>()
  /** The last numbers of tasks that are gone, so that one that is opened again goes on counting. */
  readonly #lastSeqs = new Map<string, number>()
  /** Those of them that another engine went on with. */
  readonly #released = new Set<string>()

  get size(): number {
    return this.#tasks.size
  }

  get(key: string): TaskState | undefined {
    return this.#tasks.get(key)
  }

  /** The last number given out to a task that is gone; 0 where there was none. */
  lastSeq(key: string): number {
    return this.#lastSeqs.get(key) ?? 0
  }

  /** Whether a task that is gone was released, and may come back. */
  wasReleased(key: string): boolean {
    return this.#released.has(key)
  }

  add(task: TaskState): void {
    this.#tasks.set(task.key, task)
  }

  /** Forgets a task whose end has arrived, or that was released, and whose lines are all gone. */
  retire(task: TaskState): void {
    if (!(task.isSettled || task.isReleased) || task.lines.size > 0 || this.#tasks.get(task.key) !== task) return
    this.#tasks.delete(task.key)
    this.#lastSeqs.delete(task.key)
    this.#lastSeqs.set(task.key, task.seq)
    if (task.isReleased) this.#released.add(task.key)
    else this.#released.delete(task.key)
    if (this.#lastSeqs.size <= endedMax) return
    for (const oldest of this.#lastSeqs.keys()) {
      this.#lastSeqs.delete(oldest)
      this.#released.delete(oldest)
      break
    }
  }

  all(): IterableIterator<TaskState> {
    return this.#tasks.values()
  }

  clear(): void {
    this.#tasks.clear()
  }
}
