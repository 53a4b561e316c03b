/** What a report of a learning task says of its job: values of the job, sums over its workers, its stages and rounds. */
import type { LearningType } from '../../catalogue/index.ts'
import { isEnd } from '../../report/status.ts'
import { type LearningRecord, noLearning } from '../learning/learning-record.ts'
import { readValue, wordOf } from '../learning/values.ts'
import { type JobRecord, type TaskRecord, totalOf } from '../records.ts'
import { settleSkipped } from './deployments.ts'
import type { Effects } from './effects.ts'
import { iterationOf } from './learned-task.ts'
import { boundsOf, type Heard, observe, putFact } from './learned-values.ts'
import { hasGaps } from './order.ts'
import { observeRounds, takeRound } from './rounds.ts'
import { stageChangedEntry } from './stage-entry.ts'
import { takeStage } from './stages.ts'
import { wholeMsOf } from './task-times.ts'

/** Takes it into the job's own record, which is a copy that nobody has seen yet. */
export function takeLearning(job: JobRecord, type: LearningType, heard: Heard, effects: Effects): void {
  const before = job.learning ?? noLearning
  const learning: LearningRecord = { ...before }
  takeTotals(learning, heard)
  if (heard.place === 'applied') takeFacts(learning, type, heard)
  if (heard.place !== 'other') takeCourse(learning, type, heard)
  observeStage(learning, type, heard.record)
  job.learning = learning
  const entry = stageChangedEntry(job, before, heard.atMs)
  if (entry !== undefined) effects.ownLines.push(entry)
}

/** What attempts that are over turn out to have counted, and how long they took. @returns whether the job has changed */
export function takeOfOlder(
  job: JobRecord,
  type: LearningType,
  start: Pick<TaskRecord, 'counters'>,
  record: TaskRecord,
): boolean {
  const learning = { ...(job.learning ?? noLearning) }
  const { totals, observed } = learning
  takeTotals(learning, { start, record })
  observeStage(learning, type, record)
  job.learning = learning
  return learning.totals !== totals || learning.observed !== observed
}

/**
 * What waited for reports that are given up now waits no longer: the time of a stage, those of rounds, a deployment that nobody
 * called ready. @returns whether the job has changed
 */
export function takeGivenUp(job: JobRecord, type: LearningType, record: TaskRecord): boolean {
  const before = job.learning ?? noLearning
  const learning: LearningRecord = { ...before }
  observeStage(learning, type, record)
  if (roleOf(type, record) === 'aggregation') observeRounds(learning, type, record)
  settleSkipped(learning, record)
  job.learning = learning
  return learning.observed !== before.observed || learning.skipped !== before.skipped
}

function takeTotals(learning: LearningRecord, { start, record }: Pick<Heard, 'start' | 'record'>): void {
  if (start.counters === record.counters) return
  const totals = { ...learning.totals }
  for (const [name, counter] of Object.entries(record.counters)) {
    const known = Object.hasOwn(start.counters, name) ? (totalOf(start.counters[name]) ?? 0) : 0
    const more = (totalOf(counter) ?? 0) - known
    if (more > 0) totals[name] = (totals[name] ?? 0) + more
  }
  learning.totals = totals
}

/** What the worker is: as it said, or as its fields tell. */
export function roleOf(type: LearningType, { metrics }: Pick<TaskRecord, 'metrics'>): string {
  const said = wordOf(type.fields['workerRole'], metrics['workerRole'])
  if (said !== undefined) return said
  const told = Object.entries(type.roleBy ?? {}).find(([field]) => Object.hasOwn(metrics, field))
  return told?.[1] ?? type.roleDefault
}

const factNamesOf = new WeakMap<LearningType, readonly string[]>()

/** Fields that are values of the job. Which model is in service is for the deployment to say. */
function factNames(type: LearningType): readonly string[] {
  let names = factNamesOf.get(type)
  if (names === undefined) {
    const shown = type.job.flatMap((entry) => ('field' in entry ? [entry.field] : []))
    names = [...new Set([...shown, 'stageConditionStatus'])].filter((name) => name !== 'deployModelUrl')
    factNamesOf.set(type, names)
  }
  return names
}

function takeFacts(learning: LearningRecord, type: LearningType, { report, record }: Heard): void {
  const reported = report.algorithmMetrics
  if (reported === undefined) return
  const role = roleOf(type, record)
  const iteration = iterationOf(record, reported)
  for (const name of factNames(type)) {
    const shape = type.fields[name]
    if (shape === undefined || !Object.hasOwn(reported, name) || shape.from?.includes(role) === false) continue
    const value = readValue(shape, reported[name])
    if (value !== undefined) putFact(learning, name, value, iteration)
  }
}

function takeCourse(learning: LearningRecord, type: LearningType, heard: Heard): void {
  const role = roleOf(type, heard.record)
  switch (type.course) {
    case 'stages':
      takeStage(learning, type, heard, role)
      return
    case 'rounds':
      takeRound(learning, type, heard, role)
      return
    case 'service':
      return
    default:
      type.course satisfies never
  }
}

/** How long a stage took, once, when its task has ended and no report is missing that could move its beginning. */
function observeStage(learning: LearningRecord, type: LearningType, record: TaskRecord): void {
  if (type.course !== 'stages' || record.isStageObserved === true || !isEnd(record.status) || hasGaps(record.streams)) return
  const stage = wordOf(type.fields['taskStage'], record.metrics['taskStage']) ?? roleOf(type, record)
  if (record.applied < 2 || (stage !== 'train' && stage !== 'eval')) return
  record.isStageObserved = true
  const ms = wholeMsOf(record)
  if (ms !== undefined) observe(learning, stage, boundsOf(type, stage), ms / 1_000)
}
