import type { Usage } from './wire.ts'

/** Measured at most this often: many tasks are written in one turn, and all share one process. */
const freshMs = 100

/** CPU and memory of this process, as its tasks report them. */
export class ProcessUsage {
  #at = Number.NEGATIVE_INFINITY
  #cpuSeconds = 0
  #memoryBytes = 0

  /** CPU seconds of this process up to now. */
  cpuSeconds(): number {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }

  /**
   * Usage since a task began. It is that of the whole process: tasks that run side by side in one process
   * all report the same CPU time, and their sum says more than was used.
   */
  since(startCpuSeconds: number, nowMs: number): Usage {
    if (nowMs - this.#at >= freshMs) {
      this.#at = nowMs
      this.#cpuSeconds = this.cpuSeconds()
      this.#memoryBytes = process.memoryUsage.rss()
    }
    return { cpuSeconds: Math.max(0, round(this.#cpuSeconds - startCpuSeconds)), memoryBytes: this.#memoryBytes }
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6
}
