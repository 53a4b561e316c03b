/**
 * Stages of incremental learning. Reports of different workers have no common sequence, so a stage is ordered by what it says:
 * iteration, then train before eval before deploy, then waiting before ready before starting before running before the end.
 */
import type { LearningType } from '../../catalogue/index.ts'
import { conditionOfStatus } from '../learning/job-words.ts'
import { type LearningRecord, type StageName, type StageState, stageNames } from '../learning/learning-record.ts'
import { numberOf, urlOf, wordOf } from '../learning/values.ts'
import type { TaskRecord } from '../records.ts'
import {
  type DeploySaid,
  forgetEnd,
  setDeploy,
  settleSkipped,
  takeDeployedUrl,
  takeEnd,
  takeOvertakenUrl,
  takeReady,
  wasReady,
} from './deployments.ts'
import { iterationOf } from './learned-task.ts'
import type { Heard } from './learned-values.ts'

const workersMax = 16
const statusOrder = ['waiting', 'ready', 'starting', 'running', 'completed']
const early: readonly string[] = ['waiting', 'ready', 'starting']

/** What one report says of the stage. */
type Said = DeploySaid & {
  readonly stage: StageName
  readonly iteration: number | undefined
}

export function takeStage(learning: LearningRecord, type: LearningType, heard: Heard, role: string): void {
  const said = stageSaid(learning, type, heard, role)
  if (heard.place === 'late') takeOvertaken(learning, said, heard)
  else {
    const iteration = said === undefined ? undefined : placeStage(learning, said)
    takeDeployedUrl(learning, heard, said, iteration)
    takeRemaining(learning, type, heard)
  }
  settleSkipped(learning, heard.record)
}

/**
 * A report that others of its task have overtaken moves nothing. But an iteration that it ended has ended, and how the
 * deployment of the present one went is as it says: nothing that came before this end may stand in its place.
 */
function takeOvertaken(learning: LearningRecord, said: Said | undefined, heard: Heard): void {
  const { stage: known } = learning
  if (said === undefined || known === undefined) return
  const iteration = said.iteration ?? known.iteration
  const isGoodEnd = said.deploy === 'ok' || said.deploy === 'skipped'
  if (isGoodEnd && said.iteration === known.iteration && isHigher(said, known)) moveTo(learning, said, iteration, 'on')
  else takeEnd(learning, said, iteration)
  takeOvertakenUrl(learning, heard, said, iteration)
  if (said.isReady) takeReady(learning, iteration)
}

function stageSaid(learning: LearningRecord, type: LearningType, heard: Heard, role: string): Said | undefined {
  const { report, record } = heard
  const verdict = wordOf(type.fields['deployStatus'], report.algorithmMetrics?.['deployStatus'])
  const status = wordOf(type.fields['currentStatus'], report.algorithmMetrics?.['currentStatus'])
  const hasFailed = record.status === 'failed' || record.status === 'timed_out'
  const stage = verdict === undefined ? namedStage(type, heard, status !== undefined || hasFailed) : 'deploy'
  if (!isStage(stage)) return undefined
  const iteration = iterationOf(record, report.algorithmMetrics ?? {})
  const by = { iteration, worker: `${record.task}#${record.attempt}`, task: record.task, attempt: record.attempt }
  if (stage === 'deploy') return { stage, ...by, ...deploySaid(learning, iteration, verdict, status, heard) }
  const now = hasFailed && stage === role ? 'failed' : (status ?? conditionOfStatus(record.status))
  return { stage, ...by, status: now, deploy: undefined, isReady: false, isInferred: false, url: undefined }
}

/** The stage that a report names. @param mayBeKnown a status alone is of the stage that the worker named before */
function namedStage(type: LearningType, { report, record }: Heard, mayBeKnown: boolean): string | undefined {
  const shape = type.fields['taskStage']
  return (
    wordOf(shape, report.algorithmMetrics?.['taskStage']) ?? (mayBeKnown ? wordOf(shape, record.metrics['taskStage']) : undefined)
  )
}

function deploySaid(
  learning: LearningRecord,
  iteration: number | undefined,
  verdict: string | undefined,
  status: string | undefined,
  { report, record }: Heard,
): Omit<DeploySaid, 'worker' | 'task' | 'attempt'> {
  const isReady = verdict === undefined ? status === 'ready' : verdict === 'ok'
  const isInferred = verdict === undefined && status === 'completed'
  const deploy = verdict ?? (status === undefined ? undefined : deployOf(status, wasReady(learning, iteration)))
  const url = urlOf(report.algorithmMetrics?.['deployModelUrl'] ?? record.metrics['deployModelUrl'])
  const now = deploy === undefined ? conditionOfStatus(record.status) : statusOfDeploy(deploy)
  return { deploy, status: now, isReady, isInferred, url }
}

const isStage = (word: string | undefined): word is StageName => (stageNames as readonly (string | undefined)[]).includes(word)

/** Sedna's own conditions: a model that was not better is completed without ever having been ready. */
function deployOf(status: string, wasReady: boolean): string {
  if (status === 'failed') return 'not_ok'
  if (status !== 'completed') return 'waiting'
  return wasReady ? 'ok' : 'skipped'
}

function statusOfDeploy(deploy: string): string {
  if (deploy === 'waiting') return deploy
  return deploy === 'not_ok' ? 'failed' : 'completed'
}

const rankOf = (status: string) => (status === 'failed' ? statusOrder.length - 1 : statusOrder.indexOf(status))
const stageRank = (stage: StageName) => stageNames.indexOf(stage)

function isHigher(said: Said, known: StageState): boolean {
  const byStage = stageRank(said.stage) - stageRank(known.stage)
  return byStage > 0 || (byStage === 0 && rankOf(said.status) > rankOf(known.status))
}

/** Moves the stage on where the report is ahead of it. @returns the iteration that the report speaks of */
function placeStage(learning: LearningRecord, said: Said): number {
  const iteration = placeIn(learning, said)
  if (said.isReady) takeReady(learning, iteration)
  return iteration
}

function placeIn(learning: LearningRecord, said: Said): number {
  const known = learning.stage
  if (known === undefined) return moveTo(learning, said, said.iteration ?? 0, 'anew')
  const iteration = said.iteration ?? iterationByCourse(said, known)
  if (iteration > known.iteration) return moveTo(learning, said, iteration, 'anew')
  // What was overtaken moves nothing, but an iteration that it ended has ended.
  if (iteration < known.iteration) takeEnd(learning, said, iteration)
  else if (isStartingOver(said, known)) {
    forgetEnd(learning, iteration)
    moveTo(learning, said, iteration, 'anew')
  } else if (isHigher(said, known) && !isOldFailure(said, known)) moveTo(learning, said, iteration, 'on')
  else takeSameEnd(learning, said, known)
  return iteration
}

/** Reports that do not number iterations: one begins when another worker, or a new wait, comes to a stage that has been. */
function iterationByCourse(said: Said, known: StageState): number {
  if (isHigher(said, known) || known.status === 'failed') return known.iteration
  const isEnded = known.stage === 'deploy' && known.status === 'completed'
  const beginsAnew = said.stage === 'train' && early.includes(said.status) && isEnded
  return beginsAnew || !known.workers.includes(said.worker) ? known.iteration + 1 : known.iteration
}

/** After a failure the same iteration may be trained again: by a new wait, or by somebody else than who failed. */
function isStartingOver({ stage, status, worker }: Said, known: StageState): boolean {
  if (known.status !== 'failed' || stage !== 'train') return false
  if (early.includes(status)) return true
  // Who took part in this try and is done has only been overtaken.
  return worker !== known.failedBy && (status === 'running' || !known.workers.includes(worker))
}

/** A worker that says again that it failed, after its stage has been started over. */
const isOldFailure = ({ status, worker }: Said, known: StageState) => status === 'failed' && known.failedBy === worker

function moveTo(learning: LearningRecord, said: Said, iteration: number, how: 'anew' | 'on'): number {
  const known = learning.stage
  const workers = how === 'anew' ? [] : (known?.workers ?? []).filter((worker) => worker !== said.worker)
  const isSameStage = how === 'on' && known?.stage === said.stage
  const failedBy = failedByOf(said, known, iteration)
  learning.stage = {
    iteration,
    stage: said.stage,
    status: said.status,
    workers: [...workers, said.worker].slice(-workersMax),
    ...(failedBy === undefined ? {} : { failedBy }),
    ...(isSameStage && known.remaining !== undefined ? { remaining: known.remaining } : {}),
  }
  setDeploy(learning, said, iteration)
  takeEnd(learning, said, iteration)
  return iteration
}

/** Who failed stays known while its iteration is tried again, until it speaks otherwise. */
function failedByOf(said: Said, known: StageState | undefined, iteration: number): string | undefined {
  if (said.status === 'failed') return said.worker
  return known?.iteration === iteration && known.failedBy !== said.worker ? known.failedBy : undefined
}

/** An end of the same deployment that is told otherwise: the newest word counts, the iteration has ended all the same. */
function takeSameEnd(learning: LearningRecord, said: Said, known: StageState): void {
  if (known.stage !== 'deploy' || said.deploy === undefined || rankOf(said.status) < rankOf(known.status)) return
  setDeploy(learning, said, known.iteration)
  learning.stage = { ...known, status: said.status, ...(said.status === 'failed' ? { failedBy: said.worker } : {}) }
}

const remainingFields: Readonly<Record<StageName, string>> = {
  train: 'trainRemainingTime',
  eval: 'evalRemainingTime',
  deploy: '',
}

/** Time left counts while its stage is the present one and runs; of a worker that speaks of this very place. */
function takeRemaining(learning: LearningRecord, type: LearningType, { report, record }: Heard): void {
  const { stage } = learning
  const seconds = numberOf(report.algorithmMetrics?.[remainingFields[stage?.stage ?? 'deploy']])
  if (stage === undefined || seconds === undefined || stage.status !== 'running' || !isThere(type, record, stage)) return
  learning.stage = { ...stage, remaining: seconds }
}

function isThere(type: LearningType, record: TaskRecord, { stage, iteration }: StageState): boolean {
  const own = wordOf(type.fields['taskStage'], record.metrics['taskStage'])
  const at = iterationOf(record, {})
  return (own === undefined || own === stage) && (at === undefined || at === iteration)
}
