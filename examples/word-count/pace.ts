import { setTimeout as pause } from 'node:timers/promises'

/** Keeps a reader from going faster than so many bytes a second. Call the answer after each piece. */
export function paceOf(bytesPerSecond: number): (bytes: number) => Promise<void> {
  const startedMs = performance.now()
  let total = 0
  return async (bytes) => {
    total += bytes
    const aheadMs = (total / bytesPerSecond) * 1000 - (performance.now() - startedMs)
    if (aheadMs > 5) await pause(aheadMs)
  }
}
