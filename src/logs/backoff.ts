/** Waiting between tries: longer each time, never in step with others. */

/** How long to wait after so many failed tries in a row, at random in the upper half of minMs × 2^tries, and at most maxMs. */
export function backoffMs(failures: number, minMs: number, maxMs: number): number {
  const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30))
  return ceilingMs / 2 + (Math.random() * ceilingMs) / 2
}
