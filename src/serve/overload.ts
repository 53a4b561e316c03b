import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'

/** Whether this process has more to do than it can: then requests are turned away before their bodies are read. */
export type OverloadGuard = { isOverloaded(): boolean; close(): void }

const delayNsMax = 200_000_000
const heapShareMax = 0.75
const lookEveryMs = 500
/** One pause (a collection, the compiling of a start) fills half a second alone: it is no load, and would refuse all that waited. */
const looksInARow = 2

/**
 * Watches the delay of the event loop (99th percentile over 200 ms in each of the last two half seconds) and the heap
 * (75 % of its limit).
 */
export function watchOverload(): OverloadGuard {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  let isOverloaded = false
  let lateLooks = 0
  const timer = setInterval(() => {
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
    lateLooks = delay.percentile(99) > delayNsMax ? lateLooks + 1 : 0
    isOverloaded = lateLooks >= looksInARow || used > limit * heapShareMax
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
