import { digitKinds, type Sample } from './digits.ts'
import type { Network } from './network.ts'

/** A score for each digit, 0..1. */
export type PerDigit = Readonly<Record<string, number>>

/** How good a network is, by digit. */
export type Scores = {
  /** Of those taken for this digit, how many are it. */
  readonly precision: PerDigit
  /** Of those that are this digit, how many are taken for it. */
  readonly recall: PerDigit
  /** Harmonic mean of both. */
  readonly f1: PerDigit
  /** Average precision: mean of the precision at every one that is this digit, the surest first. */
  readonly mAP: PerDigit
}

/** What a network takes a sample for, beside what it is. */
export type Judged = { readonly truth: number; readonly guess: number; readonly probabilities: Float32Array }

const ratio = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)

function averagePrecision(judged: readonly Judged[], digit: number): number {
  const ranked = judged.toSorted((a, b) => (b.probabilities[digit] ?? 0) - (a.probabilities[digit] ?? 0))
  let found = 0
  let sum = 0
  for (const [index, { truth }] of ranked.entries()) {
    if (truth !== digit) continue
    found++
    sum += found / (index + 1)
  }
  return ratio(sum, found)
}

/** Tries a network on samples that it has not learnt from. */
export function judge(network: Network, samples: readonly Sample[]): Judged[] {
  return samples.map(({ pixels, digit }) => {
    const { digit: guess, probabilities } = network.guess(pixels)
    return { truth: digit, guess, probabilities }
  })
}

/** Scores of what was judged. A digit that none of the samples shows has none. */
export function scoresOf(judged: readonly Judged[]): Scores {
  const scores: Record<keyof Scores, Record<string, number>> = { precision: {}, recall: {}, f1: {}, mAP: {} }
  for (let digit = 0; digit < digitKinds; digit++) {
    const shown = judged.filter(({ truth }) => truth === digit).length
    if (shown === 0) continue
    const right = judged.filter(({ truth, guess }) => truth === digit && guess === digit).length
    const precision = ratio(right, judged.filter(({ guess }) => guess === digit).length)
    const recall = ratio(right, shown)
    scores.precision[digit] = precision
    scores.recall[digit] = recall
    scores.f1[digit] = ratio(2 * precision * recall, precision + recall)
    scores.mAP[digit] = averagePrecision(judged, digit)
  }
  return scores
}

/** Unweighted mean over the digits. */
export function meanOf(score: PerDigit): number {
  const values = Object.values(score)
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Share of the samples that are taken for what they are. */
export function accuracyOf(network: Network, samples: readonly Sample[]): number {
  return samples.filter(({ pixels, digit }) => network.guess(pixels).digit === digit).length / samples.length
}
