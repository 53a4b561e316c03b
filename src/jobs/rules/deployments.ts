/**
 * How iterations end. Sedna says a deployment is completed whether the model went into service or was passed over as no better:
 * the two are told apart by whether it was ready before, and that word may come after the end.
 */
import type { IterationOutcome, LearningRecord, Skipped } from '../learning/learning-record.ts'
import { type ModelUrl, urlOf } from '../learning/values.ts'
import type { TaskRecord } from '../records.ts'
import { iterationOf } from './learned-task.ts'
import { type Heard, putFact } from './learned-values.ts'
import { hasGaps } from './order.ts'

const iterationsMax = 64
const verdicts: Readonly<Record<string, IterationOutcome>> = { ok: 'deployed', skipped: 'skipped', not_ok: 'failed' }

/** What one report says of a deployment, and who says it. */
export type DeploySaid = {
  readonly status: string
  /** How the deployment stands, where it speaks of one. */
  readonly deploy: string | undefined
  /** It tells that the model is, or was, ready for deployment. */
  readonly isReady: boolean
  /** `ok` or `skipped` is what we make of a deployment that is completed. */
  readonly isInferred: boolean
  readonly url: ModelUrl | undefined
  readonly worker: string
  readonly task: string
  readonly attempt: number
}

/** Whether a deployment of the iteration was announced. @param iteration undefined = the present one */
export function wasReady({ deployReady, stage }: LearningRecord, iteration: number | undefined): boolean {
  return deployReady?.includes(iteration ?? stage?.iteration ?? 0) === true
}

/** The word on the newest deployment. */
export function setDeploy(learning: LearningRecord, { deploy }: DeploySaid, iteration: number): void {
  if (deploy !== undefined) learning.deploy = { status: deploy, iteration }
}

/** Counts how an iteration ended, once for each try. */
export function takeEnd(learning: LearningRecord, said: DeploySaid, iteration: number): void {
  const outcome = said.status === 'failed' ? 'failed' : verdicts[said.deploy ?? '']
  if (outcome === undefined || learning.ended?.includes(iteration) === true) return
  learning.ended = [...(learning.ended ?? []), iteration].slice(-iterationsMax)
  if (outcome === 'skipped' && said.isInferred) holdSkipped(learning, said, iteration)
  else count(learning, outcome)
}

function count(learning: LearningRecord, outcome: IterationOutcome): void {
  learning.outcomes = { ...learning.outcomes, [outcome]: (learning.outcomes?.[outcome] ?? 0) + 1 }
}

/** Another try of an iteration begins: its next end counts anew. */
export function forgetEnd(learning: LearningRecord, iteration: number): void {
  learning.ended = (learning.ended ?? []).filter((of) => of !== iteration)
  const skipped = learning.skipped?.find((each) => each.iteration === iteration)
  if (skipped === undefined) return
  if (!skipped.isCounted) count(learning, 'skipped')
  learning.skipped = (learning.skipped ?? []).filter((each) => each !== skipped)
}

function holdSkipped(learning: LearningRecord, { task, attempt, url }: DeploySaid, iteration: number): void {
  const held: Skipped = { iteration, task, attempt, isCounted: false, ...(url === undefined ? {} : { url }) }
  const all = [...(learning.skipped ?? []), held]
  for (const { isCounted } of all.slice(0, -iterationsMax)) if (!isCounted) count(learning, 'skipped')
  learning.skipped = all.slice(-iterationsMax)
}

/**
 * Counts what is held to be skipped once no report of its worker is missing that could still say that the model was ready.
 * @param record the task whose reports came, or were given up
 */
export function settleSkipped(learning: LearningRecord, record: Pick<TaskRecord, 'task' | 'attempt' | 'streams'>): void {
  const isOpen = (each: Skipped) =>
    !each.isCounted && each.task === record.task && !(each.attempt === record.attempt && hasGaps(record.streams))
  if (learning.skipped?.some(isOpen) !== true) return
  for (const each of learning.skipped) if (isOpen(each)) count(learning, 'skipped')
  learning.skipped = learning.skipped.map((each) => (isOpen(each) ? { ...each, isCounted: true } : each))
}

/** The model of an iteration was ready: if its deployment was completed before that was known, it is in service. */
export function takeReady(learning: LearningRecord, iteration: number): void {
  if (learning.deployReady?.includes(iteration) === true) return
  learning.deployReady = [...(learning.deployReady ?? []), iteration].slice(-iterationsMax)
  const skipped = learning.skipped?.find((each) => each.iteration === iteration)
  if (skipped === undefined) return
  learning.skipped = (learning.skipped ?? []).filter((each) => each !== skipped)
  // Counted already where the word comes from somebody whose reports have no order with those of the worker that told the end:
  // no counter steps back, and no iteration ends twice.
  if (!skipped.isCounted) count(learning, 'deployed')
  if (learning.deploy?.iteration === iteration && learning.deploy.status === 'skipped')
    learning.deploy = { status: 'ok', iteration }
  if (skipped.url !== undefined) putFact(learning, 'deployModelUrl', skipped.url, iteration)
}

/** A model is in service when its deployment went well, or when nothing is said of a deployment. */
export function takeDeployedUrl(
  learning: LearningRecord,
  { report, record }: Heard,
  said: DeploySaid | undefined,
  iteration?: number,
): void {
  const deploy = said?.deploy
  const reported = report.algorithmMetrics ?? {}
  const given = reported['deployModelUrl'] ?? (deploy === 'ok' ? record.metrics['deployModelUrl'] : undefined)
  const url = urlOf(given)
  if (url !== undefined && (deploy === undefined || deploy === 'ok'))
    putFact(learning, 'deployModelUrl', url, iteration ?? iterationOf(record, reported))
}

/** The address of a deployment that went well, out of a report that was overtaken: of the same iteration the newer word stays. */
export function takeOvertakenUrl(learning: LearningRecord, { report }: Heard, { deploy }: DeploySaid, iteration: number): void {
  const url = urlOf(report.algorithmMetrics?.['deployModelUrl'])
  const known = learning.facts['deployModelUrl']
  if (url === undefined || deploy !== 'ok' || (known !== undefined && (known[1] ?? iteration) >= iteration)) return
  putFact(learning, 'deployModelUrl', url, iteration)
}
