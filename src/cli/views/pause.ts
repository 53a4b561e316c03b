import { setTimeout as pause } from 'node:timers/promises'

/** Waits, or ends at once when it is aborted. Never rejects. */
export async function pauseUnless(signal: AbortSignal | undefined, ms: number): Promise<void> {
  try {
    await pause(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    if (signal?.aborted !== true) throw error
  }
}
