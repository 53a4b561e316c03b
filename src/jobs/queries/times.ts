/** A moment as RFC 3339 in UTC, or null when it has not come. */
export function momentOf(atMs: number | undefined): string | null {
  if (atMs === undefined || !Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15) return null
  return new Date(atMs).toISOString()
}

/** Seconds from milliseconds; null when not known. */
export function secondsOf(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1000
}

export type Timestamps = {
  readonly submitted: string | null
  readonly scheduled: string | null
  readonly started: string | null
  readonly ended: string | null
  readonly lastReport: string | null
}

/** The phase times of a task or a job, by the engine's clock where it gave one; `lastReport` by the store's. */
export function timestampsOf(times: {
  readonly submittedAtMs: number
  readonly scheduledAtMs?: number
  readonly startedAtMs?: number
  readonly endedAtMs?: number
  readonly lastReportAtMs: number
}): Timestamps {
  return {
    submitted: momentOf(times.submittedAtMs),
    scheduled: momentOf(times.scheduledAtMs),
    started: momentOf(times.startedAtMs),
    ended: momentOf(times.endedAtMs),
    lastReport: momentOf(times.lastReportAtMs),
  }
}
