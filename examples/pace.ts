import { setTimeout as pause } from 'node:timers/promises'

/** Keeps a worker from doing more than so much a second (bytes, samples). Call the answer after each piece of work. */
export function paceOf(amountPerSecond: number): (amount: number, signal?: AbortSignal) => Promise<void> {
  const startedMs = performance.now()
  let total = 0
  return async (amount, signal) => {
    total += amount
    const aheadMs = (total / amountPerSecond) * 1000 - (performance.now() - startedMs)
    if (aheadMs <= 5) return
    await pause(aheadMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal?.aborted) throw error
    })
  }
}
