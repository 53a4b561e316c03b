import { collectDefaultMetrics, Registry } from 'prom-client'
import { ownText } from '../../series/own-text.ts'

/** Gauges of prom-client whose names end in `_total` though they are no counters: promtool objects to them. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

/** Node's own series of this process, as text. */
export function processSeries(): () => Promise<string> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of misnamed) registry.removeSingleMetric(name)
  return async () => ownText(await registry.getMetricsAsJSON(), 'text')
}
