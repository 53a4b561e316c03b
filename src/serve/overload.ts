import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'

/** Whether this process has more to do than it can: then requests are turned away before their bodies are read. */
export type OverloadGuard = { isOverloaded(): boolean; close(): void }

const delayNsMax = 200_000_000
const heapShareMax = 0.75
const lookEveryMs = 500

/** Watches the delay of the event loop (99th percentile of the last half second over 200 ms) and the heap (75 % of its limit). */
export function watchOverload(): OverloadGuard {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  let isOverloaded = false
  const timer = setInterval(() => {
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
    isOverloaded = delay.percentile(99) > delayNsMax || used > limit * heapShareMax
    delay.reset()
  }, lookEveryMs).unref()
  return {
    isOverloaded: () => isOverloaded,
    close() {
      clearInterval(timer)
      delay.disable()
    },
  }
}
