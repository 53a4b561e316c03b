/** The settings as each part wants them. */
import type { Config } from '../config/settings.ts'
import type { IngestLimits } from '../ingest/reports-route.ts'
import type { JobStoreSettings } from '../jobs/job-store.ts'
import { defaultReportLimits, type ReportLimits } from '../report/limits.ts'

export function jobStoreSettings(config: Config): JobStoreSettings {
  return {
    gaps: { rangesMax: config.gapRangesMax, rangesInAnswerMax: config.gapRangesAnswered },
    gapTimeoutMs: config.gapTimeoutMs,
    retentionMs: config.retentionMs,
    suspectAfterMs: config.suspectAfterMs,
    lostAfterMs: config.lostAfterMs,
    lingerMs: config.lingerMs,
    engineLingerMs: config.engineLingerMs,
    stalledAfterMs: config.stalledAfterMs,
    tailBytesMax: config.tailMaxBytes,
    tailRetentionMs: config.tailRetentionMs,
    historySamplesMax: config.historySamplesMax,
    openJobsMax: config.openJobsMax,
    labelValuesMax: { namespace: config.namespacesMax, task_type: config.taskTypesMax, engine_type: config.engineTypesMax },
    isReplicaAwaited: config.durability === 'ha',
  }
}

export function reportLimits(config: Config): ReportLimits {
  return {
    ...defaultReportLimits,
    idLengthMax: config.idLengthMax,
    errorMessageBytesMax: config.errorMessageMaxBytes,
    metricsMax: config.metricsMax,
    logLinesMax: config.linesMax,
    logLineBytesMax: config.lineMaxBytes,
  }
}

export function doorLimits(config: Config): Partial<IngestLimits> {
  return {
    bodyBytesMax: config.bodyMaxBytes,
    inFlightBytesMax: config.inFlightMaxBytes,
    reportsMax: config.reportsMax,
    depthMax: config.jsonDepthMax,
  }
}
