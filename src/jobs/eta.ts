/** How long a running task still needs: from the progress of this run and from the run times of earlier ones of its kind. Pure. */
import { isOpen } from '../report/status.ts'
import type { TaskRecord } from './records.ts'
import { tenths } from './rules/pace.ts'
import { between, type Curve, perQuartileDistance, quantile, type RunProfile } from './run-profile.ts'

/** What an estimate rests on: the progress of this run, earlier runs of the same kind, or both. */
export type EtaBasis = 'progress' | 'history' | 'both'

/** Time left as of the last report, and the bounds within which it lies in about four of five cases. Never negative. */
export type Eta = {
  readonly seconds: number
  readonly lowSeconds: number
  readonly highSeconds: number
  readonly basis: EtaBasis
}

/** What an estimate needs of a task or a job. */
export type EtaSubject = Pick<
  TaskRecord,
  'status' | 'progress' | 'hasProgress' | 'startedArrivalAtMs' | 'lastReportAtMs' | 'pace'
>

/** One opinion on the time left: the middle, and a standard deviation of its logarithm. */
type Opinion = { readonly leftMs: number; readonly spread: number }

/** Four of five values of a normal distribution lie within this many standard deviations. */
const fourOfFive = 1.2816
const leftMsMin = 1
/** Ten years: beyond it a number says nothing. */
const leftMsMax = 3.15576e11
/** No opinion is surer than this. */
const spreadMin = 0.03
/** Below so many longer runs their own spread says little. */
const fewRuns = 4
const fewRunsSpread = 0.8
/** Time that a run beyond all earlier ones is thought to need yet, as a share of its time so far. */
const overdueShare = 0.4
const overdueSpread = 1.2

/** Undefined when the task is not running, or neither its progress nor earlier runs say anything. */
export function etaOf(subject: EtaSubject, profile?: RunProfile): Eta | undefined {
  if (!isOpen(subject.status) || subject.startedArrivalAtMs === undefined) return undefined
  const goneMs = Math.max(0, subject.lastReportAtMs - subject.startedArrivalAtMs)
  const byProgress = withinReason(opinionOfProgress(subject, goneMs, profile?.curve))
  const byHistory = withinReason(profile === undefined ? undefined : opinionOfHistory(goneMs, profile.runMs))
  if (byProgress === undefined) return byHistory === undefined ? undefined : etaFrom(byHistory, 'history')
  if (byHistory === undefined) return etaFrom(byProgress, 'progress')
  return etaFrom(blend(byProgress, byHistory), 'both')
}

function withinReason(opinion: Opinion | undefined): Opinion | undefined {
  return opinion && { leftMs: Math.min(leftMsMax, opinion.leftMs), spread: Math.max(spreadMin, opinion.spread) }
}

function etaFrom({ leftMs, spread }: Opinion, basis: EtaBasis): Eta {
  const factor = Math.exp(fourOfFive * spread)
  const seconds = (ms: number) => Math.min(ms, leftMsMax) / 1000
  return { seconds: seconds(leftMs), lowSeconds: seconds(leftMs / factor), highSeconds: seconds(leftMs * factor), basis }
}

/** The time left at the pace so far, corrected by how earlier runs went on from the same progress. */
function opinionOfProgress({ progress, hasProgress, pace }: EtaSubject, goneMs: number, curve?: Curve): Opinion | undefined {
  if (!hasProgress || progress <= 0 || goneMs <= 0) return undefined
  const evenMs = (goneMs * (1 - progress)) / progress
  // Early progress is coarse, and a run that has done most of its work has little room for surprises.
  const unlearnt = 0.25 + 0.55 * (1 - progress)
  if (curve === undefined) return { leftMs: withRecentPace(evenMs, progress, goneMs, pace), spread: unlearnt }
  const offset = at(curve.offsets, progress)
  const runsSpread = at(curve.spreads, progress)
  // An offset no larger than chance would make it is none: it is believed by how far it stands out.
  const noise = runsSpread ** 2 / curve.count
  const trust = offset === 0 ? 0 : offset ** 2 / (offset ** 2 + noise)
  const spread = Math.hypot(runsSpread, Math.sqrt(noise), unlearnt / curve.count)
  return { leftMs: evenMs * Math.exp(trust * offset), spread }
}

const recentTenths = 2

/** Where no earlier run can tell, a run that has become slower or faster is believed to stay half-way so. */
function withRecentPace(evenMs: number, progress: number, goneMs: number, pace: EtaSubject['pace']): number {
  const marks = pace?.tenthsMs ?? []
  const sinceMs = marks.at(-1 - recentTenths)
  const since = tenths[marks.length - 1 - recentTenths]
  if (sinceMs === undefined || since === undefined || sinceMs <= 0 || goneMs <= sinceMs || progress <= since) return evenMs
  const recentMs = ((goneMs - sinceMs) * (1 - progress)) / (progress - since)
  return Math.sqrt(evenMs * recentMs)
}

/** The time that earlier runs which took longer than this one until now still had before them. */
function opinionOfHistory(goneMs: number, runMs: readonly number[]): Opinion {
  const from = firstBeyond(runMs, goneMs)
  const count = runMs.length - from
  if (count === 0) {
    // Longer than any before: of times without a known bound, what has lasted long lasts long.
    return { leftMs: Math.max(leftMsMin, overdueShare * Math.max(goneMs, quantile(runMs, 0.5))), spread: overdueSpread }
  }
  const leftAt = (share: number) => Math.max(leftMsMin, quantile(runMs, share, from) - goneMs)
  const spread = count < fewRuns ? fewRunsSpread : Math.log(leftAt(0.75) / leftAt(0.25)) * perQuartileDistance
  return { leftMs: leftAt(0.5), spread: Math.hypot(spread, 1 / Math.sqrt(count + 1)) }
}

/** Both opinions, each with the weight of its certainty. Where they differ widely the bounds do too. */
function blend(a: Opinion, b: Opinion): Opinion {
  const weightA = 1 / a.spread ** 2
  const weightB = 1 / b.spread ** 2
  const shareA = weightA / (weightA + weightB)
  const logA = Math.log(Math.max(leftMsMin, a.leftMs))
  const logB = Math.log(Math.max(leftMsMin, b.leftMs))
  const apart = shareA * (1 - shareA) * (logA - logB) ** 2
  return {
    leftMs: Math.exp(shareA * logA + (1 - shareA) * logB),
    spread: Math.sqrt(1 / (weightA + weightB) + apart),
  }
}

/** Value of a list given at each tenth. */
function at(values: readonly number[], progress: number): number {
  return between(values, Math.min(values.length - 1, Math.max(0, progress * 10 - 1)))
}

/** Place of the first value of a rising list that is larger. */
function firstBeyond(values: readonly number[], limit: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] ?? 0) > limit) high = middle
    else low = middle + 1
  }
  return low
}
