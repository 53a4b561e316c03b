/** Of which type a job is: that of one of its tasks, the same one in whatever order they are told of. */
import type { Report } from '../../report/report.ts'
import type { JobRecord } from '../records.ts'

/** What a job is called whose task did not say. */
export const defaultTaskType = 'generic'
export const unknownEngineType = 'unknown'

/** What tells whose type counts, in this order: a record of the whole job, the least execId, the newest attempt, the least engine. */
type Teller = NonNullable<JobRecord['typeFrom']>

/** Takes over the types of a report if its task is the one that counts. What one report of that task left open another may say. */
export function takeJobType(job: JobRecord, { scope, execId = '', attempt, engine, taskType }: Report): void {
  const teller: Teller = [scope === 'job' ? 0 : 1, execId, -attempt, engine.instance]
  const order = job.typeFrom === undefined ? -1 : compared(teller, job.typeFrom)
  if (order > 0) return
  const known = order === 0 ? job : { taskType: defaultTaskType, engineType: unknownEngineType }
  job.taskType = known.taskType === defaultTaskType ? (taskType ?? defaultTaskType) : known.taskType
  job.engineType = known.engineType === unknownEngineType ? (engine.engineType ?? unknownEngineType) : known.engineType
  if (order < 0) job.typeFrom = teller
}

/** Whether a report says of the task that counts what others of its reports have left open. */
export function namesOpenType(job: JobRecord, { taskType = defaultTaskType, execId }: Report): boolean {
  return job.taskType === defaultTaskType && taskType !== defaultTaskType && job.typeFrom?.[1] === execId
}

/** Below 0 when `a` counts rather than `b`. */
function compared(a: Teller, b: Teller): number {
  const at = a.findIndex((part, i) => part !== b[i])
  if (at < 0) return 0
  return (a[at] as string | number) < (b[at] as string | number) ? -1 : 1
}
