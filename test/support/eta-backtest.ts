import { etaOf } from '../../src/jobs/eta.ts'
import { profileOf, type RunProfile } from '../../src/jobs/run-profile.ts'
import { type RunKind, seeded, simulatedRun } from './simulated-runs.ts'

/** Mean absolute error of estimates, as a share of the whole run, over every report of many runs. */
export type BacktestResult = {
  readonly kind: RunKind
  /** Elapsed time over progress. */
  readonly naiveError: number
  /** This run alone. */
  readonly freshError: number
  /** With earlier runs of the kind. */
  readonly learntError: number
  /** Share of the estimates whose bounds held the truth. */
  readonly coverage: number
}

/** Tries estimates on runs that they have not learnt from. */
export function backtest(kind: RunKind, options: { seed: number; learnt: number; tried: number }): BacktestResult {
  const random = seeded(options.seed)
  const profile = profileOf(Array.from({ length: options.learnt }, () => simulatedRun(kind, random).sample))
  const sums = { naive: 0, fresh: 0, learnt: 0, within: 0, count: 0 }
  for (let run = 0; run < options.tried; run++) {
    for (const { subject, leftMs } of simulatedRun(kind, random).reports) {
      const goneMs = subject.lastReportAtMs - (subject.startedArrivalAtMs ?? 0)
      const runMs = goneMs + leftMs
      if (subject.progress <= 0) continue
      const error = (estimateMs: number) => Math.abs(estimateMs - leftMs) / runMs
      const eta = etaOf(subject, profile)
      sums.naive += error((goneMs * (1 - subject.progress)) / subject.progress)
      sums.fresh += error(leftOf(subject, undefined))
      sums.learnt += error(leftOf(subject, profile))
      sums.within += eta !== undefined && leftMs >= eta.lowSeconds * 1000 && leftMs <= eta.highSeconds * 1000 ? 1 : 0
      sums.count += 1
    }
  }
  const mean = (sum: number) => sum / sums.count
  return {
    kind,
    naiveError: mean(sums.naive),
    freshError: mean(sums.fresh),
    learntError: mean(sums.learnt),
    coverage: mean(sums.within),
  }
}

function leftOf(subject: Parameters<typeof etaOf>[0], profile: RunProfile | undefined): number {
  return (etaOf(subject, profile)?.seconds ?? 0) * 1000
}
