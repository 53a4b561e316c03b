import type { JobSummary, JobView } from '../../jobs/queries/job-view.ts'
import type { TaskView } from '../../jobs/queries/task-view.ts'
import { age, bytes, percent, progressBar, span } from './format.ts'
import { colourOfStatus, type Paint } from './paint.ts'
import { safeText } from './safe-text.ts'
import { columns } from './table.ts'

const barWidth = 16
const errorCharactersMax = 60

/** Jobs as a table. @param showsNamespace when they may be of several */
export function jobTable(jobs: readonly JobSummary[], nowMs: number, paint: Paint, showsNamespace: boolean): string {
  const head = ['JOB', 'TYPE', 'ENGINE', 'STATUS', 'PROGRESS', 'TASKS', 'RUN', 'ETA', 'REPORTED', 'ERROR']
  const rows = jobs.map((job) => [
    ...(showsNamespace ? [safeText(job.namespace)] : []),
    safeText(job.jobId),
    safeText(job.taskType),
    safeText(job.engine.instance),
    paint(job.status, colourOfStatus(job.status)),
    progressCell(job.progress, job.status, paint),
    String(job.taskCount),
    span(job.durations.runSeconds),
    span(job.etaSeconds),
    age(job.timestamps.lastReport, nowMs),
    errorCell(job.error),
  ])
  return columns(showsNamespace ? ['NAMESPACE', ...head] : head, rows)
}

/** One job at length: what it is, how it goes, its tasks. */
export function jobText(job: JobView, nowMs: number, paint: Paint): string {
  const { totals } = job.resources
  const facts: [string, string][] = [
    ['job', `${safeText(job.namespace)}/${safeText(job.jobId)}`],
    ['status', paint(job.status, colourOfStatus(job.status))],
    ['progress', progressCell(job.progress, job.status, paint)],
    ['type', safeText(`${job.taskType} on ${job.engineType}`)],
    ['user', safeText(job.user ?? '-')],
    ['submitted', `${job.timestamps.submitted ?? '-'} (${age(job.timestamps.submitted, nowMs)} ago)`],
    ['waited, ran', `${span(job.durations.queueSeconds)}, ${span(job.durations.runSeconds)}`],
    ['eta', span(job.etaSeconds)],
    ['resources', `${bytes(totals.memoryBytes)}, ${totals.cpuCores} cores, ${totals.containers} containers`],
    ['usage', `${bytes(job.usage.memoryBytes)}, ${span(job.usage.cpuSeconds)} of CPU`],
    ...Object.entries(job.attributes).map(([name, value]): [string, string] => [safeText(name), safeText(value)]),
    ...Object.entries(job.algorithmMetrics).map(([name, value]): [string, string] => [
      safeText(name),
      safeText(JSON.stringify(value)),
    ]),
  ]
  if (job.error !== null)
    facts.push(['error', paint(safeText(`${job.error.code ?? ''} ${job.error.message ?? ''}`.trim()), 'red')])
  return `${columns([], facts)}\n${taskTable(job.tasks, nowMs, paint)}`
}

function taskTable(tasks: readonly TaskView[], nowMs: number, paint: Paint): string {
  return columns(
    ['TASK', 'ATTEMPT', 'ENGINE', 'STATUS', 'PROGRESS', 'MEMORY', 'ETA', 'REPORTED', 'ERROR'],
    tasks.map((task) => [
      safeText(task.execId),
      String(task.attempt),
      safeText(task.engine.instance),
      paint(task.status, colourOfStatus(task.status)),
      progressCell(task.progress, task.status, paint),
      bytes(task.usage.memoryBytes),
      span(task.etaSeconds),
      age(task.timestamps.lastReport, nowMs),
      errorCell(task.error),
    ]),
  )
}

/** A bar and its number. */
function progressCell(progress: number, status: string, paint: Paint): string {
  return `${paint(progressBar(progress, barWidth), colourOfStatus(status))} ${percent(progress).padStart(4)}`
}

function errorCell(error: JobSummary['error']): string {
  const text = safeText(error?.code ?? error?.message ?? '')
  return text.length > errorCharactersMax ? `${text.slice(0, errorCharactersMax - 1)}…` : text
}
