/** Counts failures per address in windows of one second. */
export type FailureLimit = {
  /** Notes a failure. @returns whether the address has had too many in this second. */
  note(address: string): boolean
}

const addressesMax = 10_000
const windowMs = 1000

/** @param perSecondMax failures of one address that are answered as such. @param nowMs a monotonic clock. */
export function failureLimit(perSecondMax: number, nowMs: () => number): FailureLimit {
  const windows = new Map<string, { startMs: number; failures: number }>()
  return {
    note(address) {
      const now = nowMs()
      const known = windows.get(address)
      if (known !== undefined && now - known.startMs < windowMs) {
        known.failures++
        return known.failures > perSecondMax
      }
      // A Map keeps the order of insertion, so its first key is the window that began longest ago.
      windows.delete(address)
      const oldest = windows.keys().next()
      if (windows.size >= addressesMax && !oldest.done) windows.delete(oldest.value)
      windows.set(address, { startMs: now, failures: 1 })
      return false
    },
  }
}
