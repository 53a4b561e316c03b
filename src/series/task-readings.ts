import { metrics, type SingleMetric, type taskLabels } from '../catalogue/index.ts'
import { type Eta, etaOf } from '../jobs/eta.ts'
import { type TaskRecord, totalOf } from '../jobs/records.ts'
import type { KnownRuns } from '../jobs/run-history.ts'
import type { Application, SubtaskProgress } from '../report/report.ts'
import { isEnd } from '../report/status.ts'
import type { ExpositionStore } from './exposition-store.ts'
import type { Reading } from './readings.ts'
import type { LabelPrefix, Shared } from './series-family.ts'

export type TaskPrefix = LabelPrefix<typeof taskLabels>

/** A metric that has the labels of a task and no more. */
type PlainTaskMetric = Shared<SingleMetric> & { readonly labels: typeof taskLabels }

const secondsOf = (timeMs: number | undefined) => (timeMs === undefined ? undefined : timeMs / 1000)

/** Sum over live applications; absent when none was ever reported, and at the end of the task. */
function heldBy(record: TaskRecord, amountOf: (application: Application) => number): number | undefined {
  if (record.applications.length === 0 || isEnd(record.status)) return undefined
  return record.applications.reduce((sum, application) => (application.live ? sum + amountOf(application) : sum), 0)
}

function subtasksOf(record: TaskRecord, countOf: (stage: SubtaskProgress) => number): number | undefined {
  if (record.progressInfo.length === 0) return undefined
  return record.progressInfo.reduce((sum, stage) => sum + countOf(stage), 0)
}

function cpuSecondsOf({ usage, cpuSecondsCarried }: TaskRecord): number | undefined {
  const seconds = totalOf(usage.cpuSeconds)
  return seconds === undefined ? cpuSecondsCarried : seconds + (cpuSecondsCarried ?? 0)
}

/** The estimate for a record, made once for the three series that show it. */
function etaReader(runs: KnownRuns): (record: TaskRecord) => Eta | undefined {
  let last: { readonly record: TaskRecord; readonly eta: Eta | undefined } | undefined
  return (record) => {
    if (last?.record !== record) last = { record, eta: etaOf(record, runs(record.labels)) }
    return last.eta
  }
}

/** Every series of a task that is a number of its record. @param runs what earlier runs were like, for the time left */
export function taskReadings(store: ExpositionStore, runs: KnownRuns): Reading<TaskRecord, TaskPrefix>[] {
  const plain = (metric: PlainTaskMetric, read: (record: TaskRecord) => number | undefined) => {
    const family = store.family(metric)
    return { create: (prefix: TaskPrefix) => family.seriesUnder(prefix, {}), read }
  }
  const eta = etaReader(runs)
  const subtaskFamily = store.family(metrics.taskSubtasks)
  const subtasks = (state: (typeof metrics.taskSubtasks.values.state)[number], countOf: (stage: SubtaskProgress) => number) => ({
    create: (prefix: TaskPrefix) => subtaskFamily.seriesUnder(prefix, { state }),
    read: (record: TaskRecord) => subtasksOf(record, countOf),
  })
  return [
    plain(metrics.taskProgress, (record) => (record.hasProgress || record.progress > 0 ? record.progress : undefined)),
    subtasks('total', (stage) => stage.totalTasks),
    subtasks('running', (stage) => stage.runningTasks),
    subtasks('failed', (stage) => stage.failedTasks),
    subtasks('succeeded', (stage) => stage.succeedTasks),
    plain(metrics.taskResourceMemory, (record) => heldBy(record, (application) => application.queueMemory)),
    plain(metrics.taskResourceCores, (record) => heldBy(record, (application) => application.queueCores)),
    plain(metrics.taskResourceContainers, (record) => heldBy(record, (application) => application.queueInstances)),
    plain(metrics.taskUsageMemory, (record) => record.usage.memoryBytes),
    plain(metrics.taskUsageCpu, cpuSecondsOf),
    plain(metrics.taskUsageGpuMemory, (record) => record.usage.gpuMemoryBytes),
    plain(metrics.taskUsageGpuUtilization, (record) => record.usage.gpuUtilizationRatio),
    plain(metrics.taskStart, (record) => secondsOf(record.startedAtMs ?? record.startedArrivalAtMs)),
    plain(metrics.taskCompletion, (record) =>
      isEnd(record.status) ? secondsOf(record.endedAtMs ?? record.endedArrivalAtMs) : undefined,
    ),
    plain(metrics.taskLastReport, (record) => secondsOf(record.lastReportAtMs)),
    plain(metrics.taskEta, (record) => eta(record)?.seconds),
    plain(metrics.taskEtaLow, (record) => eta(record)?.lowSeconds),
    plain(metrics.taskEtaHigh, (record) => eta(record)?.highSeconds),
  ]
}
