/** A segmented sieve of Eratosthenes: memory for one segment, however far it counts. */

const segmentLength = 1 << 20

/** Odd primes up to `limit`. */
function oddPrimesUpTo(limit: number): number[] {
  const isComposite = new Uint8Array(limit + 1)
  const primes: number[] = []
  for (let n = 3; n <= limit; n += 2) {
    if (isComposite[n] === 1) continue
    primes.push(n)
    for (let multiple = n * n; multiple <= limit; multiple += 2 * n) isComposite[multiple] = 1
  }
  return primes
}

/** How many odd numbers in [from, to) are left when the multiples of `primes` are crossed out. */
function countSegment(from: number, to: number, primes: readonly number[], isComposite: Uint8Array): number {
  isComposite.fill(0)
  for (const prime of primes) {
    const square = prime * prime
    if (square >= to) break
    let multiple = Math.max(square, Math.ceil(from / prime) * prime)
    if (multiple % 2 === 0) multiple += prime
    for (let at = (multiple - from) >> 1; at < (to - from) >> 1; at += prime) isComposite[at] = 1
  }
  let found = 0
  for (let at = 0; at < (to - from) >> 1; at++) found += 1 - (isComposite[at] ?? 0)
  return found
}

/** Counts the primes below `below`, a segment at a time. Yields how far it is and how many it has found. */
export function* sieve(below: number): Generator<{ readonly sieved: number; readonly primes: number }> {
  const primes = oddPrimesUpTo(Math.ceil(Math.sqrt(below)))
  const isComposite = new Uint8Array(segmentLength)
  let found = below > 2 ? 1 : 0
  for (let from = 3; from < below; from += 2 * segmentLength) {
    // An even end keeps the odd number just below it inside.
    const to = Math.min(from + 2 * segmentLength, below % 2 === 0 ? below + 1 : below)
    found += countSegment(from, to, primes, isComposite)
    yield { sieved: Math.min(to, below), primes: found }
  }
  yield { sieved: below, primes: found }
}
