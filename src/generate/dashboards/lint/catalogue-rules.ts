import { families } from '../../../catalogue/families.ts'
import { kubeSeries } from '../../../catalogue/kube/index.ts'
import type { Metric } from '../../../catalogue/metric.ts'
import type { PanelQuery } from '../panel-queries.ts'
import { withValues } from './rules.ts'
import { type FoundSelector, selectorsOf } from './syntax.ts'

/** Series that Prometheus, Node.js or our recording rules write. */
const upstream = /^(up|ALERTS|scrape_\w+|process_\w+|nodejs_\w+|\w+:enginescope_\w+:\w+)$/
/** Of those, what each replica has for itself. */
const upstreamOwn = /^(up$|scrape_|process_|nodejs_)/
const upstreamLabels = 'job instance alertname alertstate task_type engine_type namespace job_id node task'.split(' ')

/** What the lint asks of a series. Those of the cluster are shared: no replica of ours writes them. */
type Known = Pick<Metric, 'name' | 'labels' | 'group'>

const metricsByName = new Map<string, Known>(
  [...Object.values<Known>(families), ...kubeSeries].map((metric) => [metric.name, metric]),
)

/** What a PromQL query has that the catalogue does not know, or must not be asked in that way. */
export function catalogueFindings({ expression, from }: Pick<PanelQuery, 'expression' | 'from'>): string[] {
  return selectorsOf(withValues(expression)).flatMap((selector) => {
    const metric = metricOf(selector.name)
    if (metric === undefined && !upstream.test(selector.name)) return [`${selector.name} is no series`]
    const known = labelsOf(selector.name, metric)
    const used = [...selector.labels, ...selector.around.flatMap(({ by = [] }) => by)]
    const unknown = used.filter((label) => !known.includes(label)).map((label) => `${selector.name} has no label ${label}`)
    // A variable lists label values: for that a replica is as good as another.
    const isBare = from !== 'variable' && isOwn(selector, metric) && !isJoined(selector)
    return isBare ? [...unknown, `${selector.name} is not added up over replicas`] : unknown
  })
}

function metricOf(name: string): Known | undefined {
  return metricsByName.get(name) ?? metricsByName.get(name.replace(/_(bucket|sum|count)$/, ''))
}

function labelsOf(name: string, metric: Known | undefined): readonly string[] {
  if (metric === undefined) return upstreamLabels
  return [...metric.labels, 'job', ...(metric.group === 'own' ? ['instance'] : []), ...(name.endsWith('_bucket') ? ['le'] : [])]
}

function isOwn({ name }: FoundSelector, metric: Known | undefined): boolean {
  return metric?.group === 'own' || upstreamOwn.test(name)
}

function isJoined({ around }: FoundSelector): boolean {
  return around.some(({ name }) => ['sum', 'max', 'min', 'count'].includes(name))
}
