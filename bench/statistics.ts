/** Figures of several runs of one thing. */
export type Figures = { readonly median: number; readonly min: number; readonly max: number }

/** @param values at least one. */
export function figuresOf(values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

/** A seeded generator of numbers in 0..1 (mulberry32), so that two arms of a benchmark get the same load. */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export type Timed = { readonly wallMs: number; readonly cpuMs: number; readonly longestBlockMs: number }

/** Runs `work` beside a ticker that notes for how long the event loop was held up. */
export async function timed(work: () => Promise<unknown>): Promise<Timed> {
  let longestBlockMs = 0
  let isOver = false
  let lastMs = performance.now()
  const tick = () => {
    const nowMs = performance.now()
    longestBlockMs = Math.max(longestBlockMs, nowMs - lastMs)
    lastMs = nowMs
    if (!isOver) setImmediate(tick)
  }
  await new Promise((resolve) => setImmediate(resolve))
  lastMs = performance.now()
  setImmediate(tick)
  const beganMs = performance.now()
  const cpuBegan = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(cpuBegan)
  const wallMs = performance.now() - beganMs
  isOver = true
  await new Promise((resolve) => setImmediate(resolve))
  return { wallMs, cpuMs: (user + system) / 1000, longestBlockMs }
}
