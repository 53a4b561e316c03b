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

function conditionOf(job: LearningJob): string {
  const byStatus = conditionOfStatus(job.status)
  const said = job.learning.facts['stageConditionStatus']?.[0]
  if (typeof said !== 'string' || hasFailedForGood(job)) return byStatus
  // A job that has ended is not running, whatever its workers said last before.
  const isOfTheEnd = said === 'completed' || said === 'failed'
  return isOpen(job.status) || isOfTheEnd ? said : byStatus
}

function trainStatusOf(job: LearningJob): string {
  if (hasFailedForGood(job)) return 'failed'
  const said = job.learning.facts['trainStatus']?.[0]
  if (typeof said === 'string') return said
  return job.status === 'succeeded' ? 'completed' : 'running'
}
