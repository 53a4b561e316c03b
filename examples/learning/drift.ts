const bins = 10
const windowSamples = 200

/** Compares what comes now with what came first. */
export type DriftWatch = {
  /** Takes one value, 0..1. */
  readonly see: (value: number) => void
  /** Population stability index; above 0.2 the values are no longer those of the start. `undefined` while there are too few. */
  readonly score: () => number | undefined
}

const shareOf = (counts: readonly number[], bin: number) => ((counts[bin] ?? 0) + 0.5) / (windowSamples + 0.5 * bins)

/** The first 200 values are what later ones are compared with, the newest 200 at a time. */
export function driftWatch(): DriftWatch {
  const first = Array.from({ length: bins }, () => 0)
  const newest: number[] = []
  let seen = 0
  return {
    see: (value) => {
      const bin = Math.min(bins - 1, Math.max(0, Math.floor(value * bins)))
      seen++
      if (seen <= windowSamples) first[bin] = (first[bin] ?? 0) + 1
      newest.push(bin)
      if (newest.length > windowSamples) newest.shift()
    },
    score: () => {
      if (seen < windowSamples) return undefined
      const now = Array.from({ length: bins }, (_, bin) => newest.filter((other) => other === bin).length)
      return first.reduce((sum, _, bin) => {
        const [was, is] = [shareOf(first, bin), shareOf(now, bin)]
        return sum + (is - was) * Math.log(is / was)
      }, 0)
    },
  }
}

/** Share of the paper that is covered. */
export function inkOf(pixels: Float32Array): number {
  return pixels.reduce((sum, pixel) => sum + pixel, 0) / pixels.length
}
