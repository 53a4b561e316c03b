import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backtest } from '../../test/support/eta-backtest.ts'
import type { RunKind } from '../../test/support/simulated-runs.ts'
import { taskStatuses } from '../report/status.ts'
import { type EtaSubject, etaOf } from './eta.ts'
import type { RunSample } from './records.ts'
import { profileOf } from './run-profile.ts'

const startedAtMs = 1_700_000_000_000
const aRun = (goneMs: number, changes: Partial<EtaSubject> = {}): EtaSubject => ({
  status: 'running',
  progress: 0,
  hasProgress: changes.progress !== undefined,
  startedArrivalAtMs: startedAtMs,
  lastReportAtMs: startedAtMs + goneMs,
  ...changes,
})
/** Runs of 100 s, give or take. @param turn share of the time after which half of the work is done */
const runs = (count: number, turn = 0.5) =>
  profileOf(
    Array.from({ length: count }, (_, i): RunSample => {
      const runMs = 100_000 + 1_000 * ((i % 11) - 5)
      const at = (progress: number) => (progress < 0.5 ? progress * 2 * turn : turn + (progress - 0.5) * 2 * (1 - turn))
      return [runMs, 5_000, ...[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map((progress) => Math.round(runMs * at(progress)))]
    }),
  )

test('without earlier runs the time left follows from the pace so far', () => {
  expect(etaOf(aRun(42_000, { progress: 0.5 }))).toMatchObject({ seconds: 42, basis: 'progress' })
})

test('nothing is said where nothing is known: no progress and no earlier run, not started, ended', () => {
  expect(etaOf(aRun(42_000))).toBeUndefined()
  expect(etaOf({ ...aRun(42_000, { progress: 0.5 }), startedArrivalAtMs: undefined } as unknown as EtaSubject)).toBeUndefined()
  for (const status of ['succeeded', 'failed', 'cancelled', 'timed_out', 'lost'] as const) {
    expect(etaOf(aRun(42_000, { progress: 0.5, status }), runs(33))).toBeUndefined()
  }
})

test('at its start a run is thought to take as long as the earlier ones', () => {
  const eta = etaOf(aRun(0), runs(33))
  expect(eta?.basis).toBe('history')
  expect(eta?.seconds).toBeCloseTo(100, 0)
})

test('a run that never says how far it is needs what earlier ones of its age still needed', () => {
  expect(etaOf(aRun(60_000), runs(33))?.seconds).toBeCloseTo(40, 0)
})

test('the pace of this run outweighs the past the further it has come', () => {
  const shares = [0.1, 0.5, 0.9].map((progress) => {
    const twiceAsSlow = etaOf(aRun(200_000 * progress, { progress }), runs(33))
    return (twiceAsSlow?.seconds ?? 0) / (200 * (1 - progress))
  })
  expect(shares[0]).toBeLessThan(1.1)
  expect(shares[2]).toBeGreaterThan(0.7)
})

test('a slow second half that all earlier runs had is expected', () => {
  const halfDone = aRun(20_000, { progress: 0.5 })
  expect(etaOf(halfDone)?.seconds).toBe(20)
  expect(etaOf(halfDone, runs(33, 0.2))?.seconds).toBeCloseTo(80, 0)
})

test('a run that took longer than all before still needs some time, and its bounds are wide', () => {
  const eta = etaOf(aRun(500_000), runs(33))
  expect(eta?.seconds).toBeGreaterThan(60)
  expect((eta?.highSeconds ?? 0) / (eta?.lowSeconds ?? 1)).toBeGreaterThan(10)
})

test('bounds lie around the estimate, and nothing is ever negative, endless or no number', () => {
  const subject = fc.record({
    status: fc.constantFrom(...taskStatuses),
    progress: fc.double({ min: 0, max: 1, noNaN: true }),
    hasProgress: fc.boolean(),
    startedArrivalAtMs: fc.integer({ min: 0, max: 2_000_000_000_000 }),
    lastReportAtMs: fc.integer({ min: 0, max: 2_000_000_000_000 }),
  })
  const sample = fc
    .tuple(fc.nat(1_000_000_000), fc.nat(1_000_000), fc.array(fc.nat(1_000_000_000), { minLength: 9, maxLength: 9 }))
    .map(([runMs, gapMs, tenthsMs]): RunSample => [runMs, gapMs, ...tenthsMs])
  fc.assert(
    fc.property(subject, fc.array(sample, { maxLength: 40 }), (run, samples) => {
      const eta = etaOf(run, profileOf(samples))
      if (eta === undefined) return
      expect(eta.lowSeconds).toBeGreaterThanOrEqual(0)
      expect(eta.lowSeconds).toBeLessThanOrEqual(eta.seconds)
      expect(eta.seconds).toBeLessThanOrEqual(eta.highSeconds)
      expect(Number.isFinite(eta.highSeconds)).toBe(true)
    }),
  )
})

describe('on simulated runs', () => {
  const learnt = (kind: RunKind) => backtest(kind, { seed: 7, learnt: 100, tried: 150 })

  test('with stages, earlier runs take away most of the error of elapsed over progress', () => {
    const { naiveError, freshError, learntError } = learnt('staged')
    expect(freshError).toBeLessThan(naiveError)
    expect(learntError).toBeLessThan(0.4 * naiveError)
  })

  test('with noise in the progress, earlier runs take away a good part of it', () => {
    const { naiveError, learntError } = learnt('noisy')
    expect(learntError).toBeLessThan(0.8 * naiveError)
  })

  test('with heavy tails they do no harm', () => {
    const { naiveError, learntError } = learnt('heavy-tailed')
    expect(learntError).toBeLessThan(1.05 * naiveError)
  })

  test('an even pace is found as it is', () => {
    expect(learnt('linear').learntError).toBeLessThan(0.01)
  })

  test('the bounds hold the truth about four times in five', () => {
    for (const kind of ['staged', 'noisy', 'heavy-tailed'] as const) {
      expect(learnt(kind).coverage).toBeGreaterThan(0.65)
      expect(learnt(kind).coverage).toBeLessThan(0.97)
    }
  })
})
