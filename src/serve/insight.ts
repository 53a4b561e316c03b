/** What is found out about tasks by looking at several of them, put together. */
import type { ShardListener } from '../bus/listener.ts'
import type { Config } from '../config/settings.ts'
import { SiblingWatch } from '../insight/sibling-watch.ts'
import type { JobStore } from '../jobs/job-store.ts'
import type { OwnMetrics } from '../series/own-metrics.ts'
import type { Log } from './log.ts'

export type Insight = {
  readonly listeners: readonly ShardListener[]
  close(): void
}

const judgeEveryMs = 2_000
/** Tasks compared with their siblings, per task that may have series. */
const tasksPerSeries = 10

export function openInsight(config: Config, jobStore: JobStore, own: OwnMetrics, log: Log): Insight {
  const siblings = new SiblingWatch({
    straggleAfterMs: config.straggleAfterMs,
    tasksMax: config.taskSeriesMax * tasksPerSeries,
    onNoRoom: () => own.insightSkipped('siblings_full'),
    mark: (place, isStraggler) => jobStore.sweeper.markStraggler(place, isStraggler),
  })
  const timer = setInterval(() => {
    // The store is away: the next report of such a job has it judged again.
    siblings.judge().catch((error: unknown) => log.debug({ error }, 'tasks could not be marked as far behind'))
  }, judgeEveryMs).unref()
  return { listeners: [siblings], close: () => clearInterval(timer) }
}
