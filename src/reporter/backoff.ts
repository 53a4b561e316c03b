/** How long to wait before the next try, by the number of failed ones. */
export type BackoffLimits = { readonly baseMs: number; readonly maxMs: number }

/** Full jitter: anywhere between nothing and a step that doubles, so that a thousand senders do not come back together. */
export function backoffMs(failures: number, limits: BackoffLimits, askedMs: number | undefined, random: () => number): number {
  const step = Math.min(limits.maxMs, limits.baseMs * 2 ** Math.min(failures, 30))
  return Math.max(random() * step, Math.min(askedMs ?? 0, limits.maxMs))
}
