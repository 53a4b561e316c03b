/** Rounds of federated learning: how long the aggregator waited in each, and how long each took. */
import type { LearningType } from '../../catalogue/index.ts'
import { conditionOfStatus } from '../learning/job-words.ts'
import type { LearningRecord, Round } from '../learning/learning-record.ts'
import { numberOf, wordOf } from '../learning/values.ts'
import { boundsOf, type Heard, observe, putFact } from './learned-values.ts'
import { isNewerIncarnation } from './order.ts'

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
  let at = seen.findIndex(([of]) => of === round)
  if (at < 0) {
    seen.push([round, report.reportedAtMs ?? null, false, false])
    seen.sort(([a], [b]) => a - b)
    at = seen.findIndex(([of]) => of === round)
  }
  observeWait(learning, type, seen, at, numberOf(report.algorithmMetrics?.['waitSeconds']))
  observeDurations(learning, type, seen, at, numberOf(report.algorithmMetrics?.['roundDurationSeconds']))
  learning.rounds = { incarnation, seen: seen.slice(-roundsMax) }
}

function observeWait(learning: LearningRecord, type: LearningType, seen: Round[], at: number, seconds: number | undefined): void {
  const [round, reportedAtMs, hasWait, hasDuration] = seen[at] as Round
  if (hasWait || seconds === undefined) return
  observe(learning, 'roundWait', boundsOf(type, 'roundWait'), seconds)
  seen[at] = [round, reportedAtMs, true, hasDuration]
}

/** Of the round itself, and of the one after it where that has been waiting for this one. */
function observeDurations(
  learning: LearningRecord,
  type: LearningType,
  seen: Round[],
  at: number,
  said: number | undefined,
): void {
  for (const [index, seconds] of [
    [at, said ?? sinceRoundBefore(seen, at)],
    [at + 1, sinceRoundBefore(seen, at + 1)],
  ] as const) {
    const round = seen[index]
    if (round === undefined || seconds === undefined || round[3]) continue
    observe(learning, 'roundDuration', boundsOf(type, 'roundDuration'), seconds)
    seen[index] = [round[0], round[1], round[2], true]
  }
}

function sinceRoundBefore(seen: readonly Round[], at: number): number | undefined {
  const [before, round] = [seen[at - 1], seen[at]]
  if (before === undefined || round === undefined || before[0] !== round[0] - 1) return undefined
  if (before[1] === null || round[1] === null || round[1] < before[1]) return undefined
  return (round[1] - before[1]) / 1_000
}
