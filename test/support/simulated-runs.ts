/** Runs of tasks as a seeded generator makes them, for trying estimates out: how long they take and how their progress comes along. */
import type { EtaSubject } from '../../src/jobs/eta.ts'
import type { RunSample, TaskRecord } from '../../src/jobs/records.ts'
import { nextPace, runSampleOf } from '../../src/jobs/rules/pace.ts'

export type RunKind = 'linear' | 'staged' | 'heavy-tailed' | 'noisy'

export const runKinds: readonly RunKind[] = ['linear', 'staged', 'heavy-tailed', 'noisy']

/** Every state that a run is reported in, with the time that was left, and what is remembered of it at its end. */
export type SimulatedRun = {
  readonly reports: readonly { readonly subject: EtaSubject; readonly leftMs: number }[]
  readonly sample: RunSample
}

const startedAtMs = 1_700_000_000_000
const reportsPerRun = 60

/** A stream of numbers in 0..1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Runs one task from start to end. */
export function simulatedRun(kind: RunKind, random: () => number): SimulatedRun {
  const runMs = 60_000 * durationOf(kind, random)
  const progressAt = shapeOf(kind, random)
  let record: Pick<TaskRecord, keyof EtaSubject> = {
    status: 'running',
    progress: 0,
    hasProgress: true,
    startedArrivalAtMs: startedAtMs,
    lastReportAtMs: startedAtMs,
  }
  record = { ...record, pace: nextPace(undefined, record, startedAtMs) }
  const reports: { subject: EtaSubject; leftMs: number }[] = []
  for (let i = 1; i < reportsPerRun; i++) {
    const share = i / reportsPerRun
    const atMs = Math.round(startedAtMs + share * runMs)
    const progress = Math.min(0.99, Math.max(record.progress, progressAt(share)))
    const next = { ...record, progress, lastReportAtMs: atMs }
    record = { ...next, pace: nextPace(record, next, atMs) }
    reports.push({ subject: record, leftMs: (1 - share) * runMs })
  }
  return { reports, sample: runSampleOf({ ...record, endedArrivalAtMs: startedAtMs + runMs }, runMs) }
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

function durationOf(kind: RunKind, random: () => number): number {
  // A Pareto tail: a few runs take very much longer than the others.
  return kind === 'heavy-tailed' ? (1 - random()) ** (-1 / 1.5) : Math.exp(0.25 * normal(random))
}

/** Progress by the share of the time gone. */
function shapeOf(kind: RunKind, random: () => number): (share: number) => number {
  switch (kind) {
    case 'linear':
      return (share) => share
    case 'heavy-tailed':
      return (share) => share + 0.03 * normal(random)
    case 'noisy':
      return (share) => share + 0.05 * normal(random)
    case 'staged': {
      // A quick first half of the work, then a slow one that differs a little from run to run.
      const turn = 0.2 + 0.04 * normal(random)
      return (share) => (share < turn ? (0.5 * share) / turn : 0.5 + (0.5 * (share - turn)) / (1 - turn))
    }
  }
}
