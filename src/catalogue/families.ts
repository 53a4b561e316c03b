import { hubMetrics } from './hub.ts'
import { metrics } from './index.ts'
import { learningFamilies } from './learning/index.ts'
import type { Metric } from './metric.ts'
import { runtimeMetrics } from './runtime.ts'

/** Every family that a program of ours may print: of the aggregator, of its runtime monitors and of the hub. */
export const families = { ...metrics, ...runtimeMetrics, ...hubMetrics, ...learningFamilies } as const satisfies Record<
  string,
  Metric
>

/** Series that others write and our rules read. */
export const foreignSeries = {
  /** Written by Prometheus for each target: 1 when the last scrape went well. */
  up: { name: 'up', labels: [], group: 'own' },
  /** Written by prom-client for each process. */
  eventLoopLagP99: { name: 'nodejs_eventloop_lag_p99_seconds', labels: [], group: 'own' },
} as const
