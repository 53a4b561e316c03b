import { type engineLabels, metrics, type SingleMetric } from '../catalogue/index.ts'
import { type EngineRecord, totalOf } from '../jobs/records.ts'
import type { ExpositionStore } from './exposition-store.ts'
import type { Reading } from './readings.ts'
import type { LabelPrefix, Shared } from './series-family.ts'

export type EnginePrefix = LabelPrefix<typeof engineLabels>

/** A metric that has the labels of an engine and no more. */
type PlainEngineMetric = Shared<SingleMetric> & { readonly labels: typeof engineLabels }

/** Finished tasks by status. Once the engine counts one of the two, the other is there with 0: `increase` misses a first step otherwise. */
function finishedOf({ finished }: EngineRecord, status: 'succeeded' | 'failed'): number | undefined {
  if (finished.succeeded === undefined && finished.failed === undefined) return undefined
  return totalOf(finished[status]) ?? 0
}

/** Every series of an engine that is a number of its record. */
export function engineReadings(store: ExpositionStore): Reading<EngineRecord, EnginePrefix>[] {
  const plain = (metric: PlainEngineMetric, read: (record: EngineRecord) => number | undefined) => {
    const family = store.family(metric)
    return { create: (prefix: EnginePrefix) => family.seriesUnder(prefix, {}), read }
  }
  const tasks = store.family(metrics.engineTasks)
  const finished = store.family(metrics.engineTasksFinished)
  const stateSeconds = store.family(metrics.engineStateSeconds)
  return [
    plain(metrics.engineUp, (record) => (record.state === 'live' ? 1 : 0)),
    ...metrics.engineTasks.values.state.map((state) => ({
      create: (prefix: EnginePrefix) => tasks.seriesUnder(prefix, { state }),
      read: (record: EngineRecord) => record.counts[state],
    })),
    plain(metrics.engineTaskLimit, (record) => record.counts.limit),
    ...metrics.engineTasksFinished.values.status.map((status) => ({
      create: (prefix: EnginePrefix) => finished.seriesUnder(prefix, { status }),
      read: (record: EngineRecord) => finishedOf(record, status),
    })),
    plain(metrics.engineRestarts, (record) => record.restarts),
    plain(metrics.engineLastReport, (record) => record.lastReportAtMs / 1000),
    ...metrics.engineStateSeconds.values.state.map((state) => ({
      create: (prefix: EnginePrefix) => stateSeconds.seriesUnder(prefix, { state }),
      read: (record: EngineRecord) => totalOf(record.stateSeconds[state]),
    })),
  ]
}
