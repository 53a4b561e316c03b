/** Rounds of federated learning: how long the aggregator waited in each, and how long each took. */
import type { LearningType } from '../../catalogue/index.ts'
import { conditionOfStatus } from '../learning/job-words.ts'
import type { LearningRecord, Round } from '../learning/learning-record.ts'
import { numberOf, wordOf } from '../learning/values.ts'
import type { TaskRecord } from '../records.ts'
import { boundsOf, type Heard, observe, putFact } from './learned-values.ts'
import { hasGaps, isNewerIncarnation } from './order.ts'

const roundsMax = 64

/** Takes in what the aggregator says; each round counts once, in whatever order they arrive. */
export function takeRound(learning: LearningRecord, type: LearningType, heard: Heard, role: string): void {
  const { report, record, place } = heard
  const reported = report.algorithmMetrics ?? {}
  if (role !== 'aggregation') return
  if (place === 'applied') {
    const said = wordOf(type.fields['trainStatus'], reported['trainStatus'])
    const known = learning.facts['trainStatus']?.[0]
    // An aggregator that says nothing of the training speaks by its own state.
    if (said !== undefined) putFact(learning, 'trainStatus', said, undefined)
    else if (known === undefined && record.status === 'succeeded')
      putFact(learning, 'trainStatus', conditionOfStatus(record.status), undefined)
  }
  const round = numberOf(reported['aggregationNo'])
  if (round !== undefined) countRound(learning, type, heard, round)
}

function countRound(learning: LearningRecord, type: LearningType, { report, record }: Heard, round: number): void {
  const incarnation = report.engine.incarnation ?? record.incarnation
  const known = learning.rounds
  if (known !== undefined && known.incarnation !== incarnation && !isNewerIncarnation(incarnation, known.incarnation)) return
  const seen = known?.incarnation === incarnation ? [...known.seen] : []
  const lowest = seen[0]?.[0]
  if (seen.length >= roundsMax && lowest !== undefined && round < lowest) return
  const at = takeInto(seen, round, report.reportedAtMs ?? null)
  observeWait(learning, type, seen, at, numberOf(report.algorithmMetrics?.['waitSeconds']))
  observeDuration(learning, type, seen, at, numberOf(report.algorithmMetrics?.['roundDurationSeconds']))
  learning.rounds = { incarnation, seen }
  observeRounds(learning, type, record)
  learning.rounds = { incarnation, seen: learning.rounds.seen.slice(-roundsMax) }
}

/** How long each round took by the times of its reports, where none is on its way that may move the beginning of a round. */
export function observeRounds(learning: LearningRecord, type: LearningType, { streams }: Pick<TaskRecord, 'streams'>): void {
  const { rounds } = learning
  if (rounds === undefined || hasGaps(streams)) return
  const seen = [...rounds.seen]
  for (const i of seen.keys()) observeDuration(learning, type, seen, i, sinceRoundBefore(seen, i))
  learning.rounds = { ...rounds, seen }
}

/** A round began with the earliest report that names it. @returns its place among the rounds */
function takeInto(seen: Round[], round: number, reportedAtMs: number | null): number {
  const at = seen.findIndex(([of]) => of === round)
  const known = seen[at]
  if (known === undefined) {
    seen.push([round, reportedAtMs, false, false])
    seen.sort(([a], [b]) => a - b)
    return seen.findIndex(([of]) => of === round)
  }
  if (reportedAtMs !== null && (known[1] === null || reportedAtMs < known[1]))
    seen[at] = [round, reportedAtMs, known[2], known[3]]
  return at
}

function observeWait(learning: LearningRecord, type: LearningType, seen: Round[], at: number, seconds: number | undefined): void {
  const [round, reportedAtMs, hasWait, hasDuration] = seen[at] as Round
  if (hasWait || seconds === undefined) return
  observe(learning, 'roundWait', boundsOf(type, 'roundWait'), seconds)
  seen[at] = [round, reportedAtMs, true, hasDuration]
}

function observeDuration(
  learning: LearningRecord,
  type: LearningType,
  seen: Round[],
  at: number,
  seconds: number | undefined,
): void {
  const [round, reportedAtMs, hasWait, hasDuration] = seen[at] as Round
  if (hasDuration || seconds === undefined) return
  observe(learning, 'roundDuration', boundsOf(type, 'roundDuration'), seconds)
  seen[at] = [round, reportedAtMs, hasWait, true]
}

function sinceRoundBefore(seen: readonly Round[], at: number): number | undefined {
  const [before, round] = [seen[at - 1], seen[at]]
  if (before === undefined || round === undefined || before[0] !== round[0] - 1) return undefined
  if (before[1] === null || round[1] === null || round[1] < before[1]) return undefined
  return (round[1] - before[1]) / 1_000
}
