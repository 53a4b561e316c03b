/** What every learner here is made of: numbers by seed, drawn digits, a network, scores. Nothing in this folder reports. */

/** Numbers that look random and are the same for the same seed. */
export type Random = {
  /** In [0, 1). */
  readonly next: () => number
  /** In [from, to). */
  readonly between: (from: number, to: number) => number
  /** A whole number in [0, below). */
  readonly below: (below: number) => number
  /** Mean 0, deviation 1. */
  readonly normal: () => number
  /** Orders a list anew, in place. */
  readonly shuffle: (list: number[]) => void
}

/** A generator after George Marsaglia's multiply-with-carry, two halves of 16 bits. @param seeds any whole numbers */
export function randomOf(...seeds: readonly number[]): Random {
  let high = 362_436_069
  let low = 521_288_629
  const step = () => {
    high = (36_969 * (high & 65_535) + (high >>> 16)) >>> 0
    low = (18_000 * (low & 65_535) + (low >>> 16)) >>> 0
    return ((high << 16) + (low & 65_535)) >>> 0
  }
  for (const seed of seeds) {
    high = ((high ^ Math.imul(seed + 1, 2_654_435_761)) >>> 0) | 1
    for (let turn = 0; turn < 16; turn++) step()
  }
  const next = () => step() / 4_294_967_296
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    next,
    below,
    between: (from, to) => from + (to - from) * next(),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    shuffle: (list) => {
      for (let at = list.length - 1; at > 0; at--) {
        const other = below(at + 1)
        const kept = list[at] ?? 0
        list[at] = list[other] ?? 0
        list[other] = kept
      }
    },
  }
}
