/** How each field of a report that is not about the engine is read. */
import { asChecked, count, type Field, label, type Parts, partsOf, quantity, type Read, ratio } from './fields.ts'
import type { ReportLimits } from './limits.ts'
import { logsOf } from './logs.ts'
import { metricsOf } from './metrics.ts'
import { opaqueOf } from './opaque.ts'
import type { EngineTaskCounts, Report, TaskError, Usage } from './report.ts'
import { resourcesOf, subtasksOf } from './resources.ts'
import { statusOf } from './status-words.ts'
import { cutWithMarker, echo } from './text.ts'
import { attributesOf, logFieldsOf } from './text-map.ts'
import { readTimeMs } from './time.ts'
import { safeText } from './url-secrets.ts'

/** A report while it is being read. */
export type Draft = { -readonly [K in keyof Report]: Report[K] }

/** @param isBare a message of Linkis itself; only its words for applications differ */
export function taskFields(limits: ReportLimits, isBare: boolean): readonly Field<Draft>[] {
  const opaque = opaqueOf(limits)
  return [
    { from: 'namespace', to: 'namespace', read: asChecked },
    { from: 'jobId', to: 'jobId', read: asChecked },
    { from: 'execId', to: 'execId', read: asChecked },
    { from: 'taskType', to: 'taskType', read: label(limits) },
    { from: 'attempt', to: 'attempt', read: asChecked },
    { from: 'seq', to: 'seq', read: asChecked },
    { from: 'reportedAt', to: 'reportedAtMs', read: reportedAtOf(limits) },
    { from: 'status', to: 'status', read: readStatus },
    { from: 'scope', to: 'scope', read: asChecked },
    { from: 'progress', to: 'progressRatio', read: ratio },
    { from: 'progressInfo', to: 'progressInfo', read: subtasksOf(limits) },
    { from: 'resourceMap', to: 'resources', read: resourcesOf(limits, isBare) },
    { from: 'usage', to: 'usage', read: usageOf(limits) },
    { from: 'engineTaskCounts', to: 'engineTaskCounts', read: countsOf(limits) },
    { from: 'algorithmMetrics', to: 'algorithmMetrics', read: metricsOf(limits) },
    { from: 'attributes', to: 'attributes', read: attributesOf(limits) },
    { from: 'metadata', to: 'metadata', read: opaque },
    { from: 'lineage', to: 'lineage', read: opaque },
    { from: 'workflowToken', to: 'workflowToken', read: opaque },
    { from: 'error', to: 'error', read: errorOf(limits) },
    { from: 'logs', to: 'logs', read: logsOf(limits, logFieldsOf(limits)) },
  ]
}

const readStatus: Read<NonNullable<Report['status']>> = (value, path, notes) => {
  const status = statusOf(value as string)
  if (status === undefined) notes.reject('REPORT_INVALID', path, `${echo(value as string)} is not a status`)
  return status
}

/** Earlier than this is no time of a report, but a clock that was never set or a time in seconds. */
const reportedAtMsMin = Date.UTC(2000, 0, 1)

function reportedAtOf(limits: ReportLimits): Read<number> {
  return (value, path, notes) => {
    const timeMs = readTimeMs(value)
    if (timeMs !== undefined && timeMs >= reportedAtMsMin && timeMs <= notes.nowMs + limits.reportedAtAheadMsMax) return timeMs
    notes.ignore(path)
    return undefined
  }
}

function usageOf(limits: ReportLimits): Read<Usage> {
  const parts: Parts<Usage> = {
    cpuSeconds: quantity,
    memoryBytes: quantity,
    gpuMemoryBytes: quantity,
    gpuUtilizationRatio: ratio,
  }
  return partsOf('usage', parts, limits)
}

function countsOf(limits: ReportLimits): Read<EngineTaskCounts> {
  const parts: Parts<EngineTaskCounts> = { running: count, pending: count, succeeded: count, failed: count, limit: count }
  return partsOf('engineTaskCounts', parts, limits)
}

function errorOf(limits: ReportLimits): Read<TaskError> {
  const message: Read<string> = (value, path, notes) => {
    const kept = typeof value === 'string' ? cutWithMarker(safeText(value), limits.errorMessageBytesMax) : undefined
    if (kept !== value) notes.ignore(path)
    return kept
  }
  const parts: Parts<TaskError> = { code: label(limits), message }
  return partsOf('error', parts, limits)
}
