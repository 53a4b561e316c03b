import type { LearningRecord } from '../learning/learning-record.ts'
import { urlOf } from '../learning/values.ts'
import type { JobRecord, LogEntry } from '../records.ts'
import { ownEntry } from './log-entry.ts'

const urlFields = {
  train_output_url: 'trainOutputModelUrl',
  candidate_url: 'evalNewModelUrl',
  deployed_url: 'deployModelUrl',
} as const

/** The structured line that tells a change of the stage, or how a deployment went. It keeps the history that series do not. */
export function stageChangedEntry(job: JobRecord, before: LearningRecord, arrivalAtMs: number): LogEntry | undefined {
  const { learning } = job
  const stage = learning?.stage
  if (stage === undefined || !isNews(before, learning ?? before)) return undefined
  const deployStatus = stage.stage === 'deploy' ? learning?.deploy?.status : undefined
  const fields: Record<string, string> = {
    event: 'stage_changed',
    iteration: String(stage.iteration),
    stage: stage.stage,
    status: stage.status,
    ...(deployStatus === undefined ? {} : { deploy_status: deployStatus }),
    ...urlsOf(learning ?? before),
  }
  const line = `job ${job.jobId} iteration ${stage.iteration} ${stage.stage} ${deployStatus ?? stage.status}`
  return ownEntry(job, [`${arrivalAtMs}999998`, stage.status === 'failed' ? 'WARN' : 'INFO', line, fields])
}

/** Another stage or iteration, another word on the deployment, or a failure. */
function isNews(before: LearningRecord, after: LearningRecord): boolean {
  const [was, is] = [before.stage, after.stage]
  if (was?.stage !== is?.stage || was?.iteration !== is?.iteration) return true
  if (is?.status === 'failed' && was?.status !== 'failed') return true
  return before.deploy?.status !== after.deploy?.status || before.deploy?.iteration !== after.deploy?.iteration
}

function urlsOf({ facts }: LearningRecord): Record<string, string> {
  const urls = Object.entries(urlFields).map(([field, fact]) => [field, urlOf(facts[fact]?.[0])?.url] as const)
  return Object.fromEntries(urls.filter((pair): pair is [keyof typeof urlFields, string] => pair[1] !== undefined))
}
