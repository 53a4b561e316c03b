/** Of which type a job is: that of one of its tasks, the same one in whatever order they are told of. */
import type { Report } from '../../report/report.ts'
import type { JobRecord, Teller } from '../records.ts'

/** What a job is called of which no report has said it. */
export const defaultTaskType = 'generic'
export const unknownEngineType = 'unknown'

/** Takes over what a report says of the types, where its word counts: each type for itself. */
export function takeJobType(job: JobRecord, report: Report): void {
  const { taskType, engine } = report
  if (counts(report, taskType, job.taskType, job.taskTypeFrom)) {
    job.taskType = taskType
    job.taskTypeFrom = tellerOf(report)
  }
  if (counts(report, engine.engineType, job.engineType, job.engineTypeFrom)) {
    job.engineType = engine.engineType
    job.engineTypeFrom = tellerOf(report)
  }
}

/** Whether a report says of the job's types what is not known. */
export function tellsType(job: JobRecord, report: Report): boolean {
  return (
    counts(report, report.taskType, job.taskType, job.taskTypeFrom) ||
    counts(report, report.engine.engineType, job.engineType, job.engineTypeFrom)
  )
}

function counts(report: Report, word: string | undefined, known: string, knownFrom: Teller | undefined): word is string {
  if (word === undefined) return false
  const order = knownFrom === undefined ? -1 : compared(report, knownFrom)
  return order < 0 || (order === 0 && word < known)
}

const scopeOf = ({ scope }: Report) => (scope === 'job' ? 0 : 1)

const tellerOf = (report: Report): Teller => [scopeOf(report), report.execId ?? '', -report.attempt, report.engine.instance]

/** Below 0 when the word of the report counts rather than that of `teller`. */
function compared(report: Report, [scope, execId, minusAttempt, engine]: Teller): number {
  const { execId: ownId = '', attempt } = report
  const { instance } = report.engine
  if (scopeOf(report) !== scope) return scopeOf(report) - scope
  if (ownId !== execId) return ownId < execId ? -1 : 1
  if (-attempt !== minusAttempt) return -attempt - minusAttempt
  if (instance !== engine) return instance < engine ? -1 : 1
  return 0
}
