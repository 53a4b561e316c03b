/** How long to wait before the next try. */

export const backoffMsMin = 500
export const backoffMsMax = 30_000

/** 0.5 s, 1 s, 2 s, ... 30 s, each within a fifth. */
export function backoff(failures: number): number {
  return jittered(Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(failures - 1, 10)), 0.2)
}

/** Spreads a time evenly by a share of it to either side. */
export function jittered(ms: number, share: number): number {
  return ms * (1 + share * (Math.random() * 2 - 1))
}
