import type { JobWord } from '../../catalogue/index.ts'
import { isOpen, type TaskStatus } from '../../report/status.ts'
import type { JobRecord } from '../records.ts'
import type { LearningRecord } from './learning-record.ts'

/** A job as far as its words are drawn from it. */
export type LearningJob = Pick<JobRecord, 'status' | 'taskType'> & { readonly learning: LearningRecord }

/** The state that a job's series name; undefined: none of them is there. */
export function jobWord(word: JobWord, job: LearningJob): string | undefined {
  const { stage, deploy } = job.learning
  switch (word) {
    case 'condition':
      return conditionOf(job)
    case 'stage':
      return stage?.stage
    case 'stageStatus':
      return stage === undefined || stage.stage === 'deploy' ? undefined : stage.status
    case 'deployStatus':
      return deploy?.status
    case 'trainStatus':
      return trainStatusOf(job)
    default:
      return word satisfies never
  }
}

/** The condition that a status stands for. */
export function conditionOfStatus(status: TaskStatus): string {
  if (status === 'inited') return 'waiting'
  if (status === 'scheduled') return 'starting'
  if (isOpen(status)) return 'running'
  return status === 'succeeded' ? 'completed' : 'failed'
}

/** One failed worker fails a federated job, for good: nothing that is said later changes that. */
const hasFailedForGood = ({ taskType, status }: LearningJob) => taskType === 'federated_learning' && status === 'failed'

const conditionOf = (job: LearningJob): string =>
  withinJob(job, job.learning.facts['stageConditionStatus']?.[0]) ?? conditionOfStatus(job.status)

/** While nobody speaks for the training, it runs as long as the job is open. */
const trainStatusOf = (job: LearningJob): string =>
  withinJob(job, job.learning.facts['trainStatus']?.[0]) ?? (isOpen(job.status) ? 'running' : conditionOfStatus(job.status))

/** What was said of a job, unless its end says otherwise: one that has ended is not running, whatever was said last before. */
function withinJob(job: LearningJob, said: unknown): string | undefined {
  if (typeof said !== 'string' || hasFailedForGood(job)) return undefined
  return isOpen(job.status) || said === 'completed' || said === 'failed' ? said : undefined
}
