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

/** For what need not be done every time: answers `true` at the first call and again once so much time has gone by. */
export function rarely(everyMs: number): () => boolean {
  let lastMs = Number.NEGATIVE_INFINITY
  return () => {
    const nowMs = performance.now()
    if (nowMs - lastMs < everyMs) return false
    lastMs = nowMs
    return true
  }
}
