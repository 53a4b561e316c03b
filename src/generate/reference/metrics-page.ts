import { agentMetrics, hubMetrics } from '../../catalogue/hub.ts'
import { type Metric, metrics } from '../../catalogue/index.ts'
import { type KubeSeries, kubeSeries } from '../../catalogue/kube/index.ts'
import { customResourceLabels } from '../../catalogue/kube/resource.ts'
import type { MetricGroup } from '../../catalogue/metric.ts'
import { type RecordingRule, recordingRules } from '../../catalogue/rules.ts'
import { runtimeMetrics } from '../../catalogue/runtime.ts'
import { type TaskType, taskTypeMetrics, taskTypes } from '../../catalogue/task-types.ts'
import { code, page, table } from './markdown.ts'

const customLabels: ReadonlySet<string> = new Set(customResourceLabels)

type Section = { readonly title: string; readonly about: string; readonly metrics: readonly Metric[] }

const ofGroup = (group: MetricGroup): readonly Metric[] =>
  Object.values<Metric>(metrics).filter((metric) => metric.group === group)

const sections: readonly Section[] = [
  {
    title: 'Fleet',
    about: 'Totals of the whole installation. Complete at any number of tasks; printed by one replica at a time.',
    metrics: ofGroup('fleet'),
  },
  { title: 'Engines', about: 'One set for each engine, until it has been lost for a while.', metrics: ofGroup('engine') },
  {
    title: 'Live tasks',
    about: 'One set for each task, until it has ended and its last values have been scraped.',
    metrics: ofGroup('task'),
  },
  {
    title: 'Metrics that no task type knows',
    about: 'Numbers of `algorithmMetrics` for which the catalogue has no entry.',
    metrics: ofGroup('task_metric'),
  },
  {
    title: 'Replicas',
    about: 'What each replica of the aggregator says of itself. Sum them, or take the largest, without `instance`.',
    metrics: ofGroup('own'),
  },
  { title: 'Runtime monitors', about: 'Runtimes whose messages are fetched.', metrics: Object.values(runtimeMetrics) },
  { title: 'EngineHub', about: 'On the /metrics of the hub.', metrics: Object.values(hubMetrics) },
  { title: 'Agents of EngineHub', about: 'On the /metrics of each agent.', metrics: Object.values(agentMetrics) },
]

/** Every series there is. */
export function metricsPage(): string {
  const types = taskTypes().map(typeSection)
  const recorded = Object.values<RecordingRule>(recordingRules)
  return page(
    'src/catalogue',
    '# Series',
    'Every series that Enginescope prints. `job` is added by Prometheus; `instance` stands only on the series of replicas.',
    ...[...sections, ...types].flatMap(sectionText),
    '## Computed by Prometheus',
    'Written by the recording rules in `prometheus/rules`.',
    table(
      ['Series', 'Labels', 'Meaning'],
      recorded.map(({ record, expr, help }) => [code(record), expr.labels.map(code).join(', '), help]),
    ),
    '## Written by kube-state-metrics and the kubelet',
    'Of the cluster, for the dashboards of Sedna. `kube_sedna_*` come of `deploy/kube-state-metrics/custom-resource-state.yaml`; ' +
      'kube-state-metrics adds `customresource_group`, `customresource_kind` and `customresource_version` to each of them.',
    kubeTable(kubeSeries),
  )
}

function kubeTable(series: readonly KubeSeries[]): string {
  const ownLabels = (one: KubeSeries) => one.labels.filter((label) => !customLabels.has(label))
  const rows = series.map((one) => [
    code(one.name),
    ownLabels(one)
      .map((label) => labelText(one, label))
      .join(', '),
    one.help,
  ])
  return table(['Series', 'Labels', 'Meaning'], rows)
}

function typeSection(type: TaskType): Section {
  return { title: `Task type: ${type.title}`, about: type.about ?? `Tasks of type ${type.name}.`, metrics: taskTypeMetrics(type) }
}

function sectionText({ title, about, metrics: listed }: Section): readonly string[] {
  const usual = usualBound(listed)
  const bounded = usual === undefined ? '' : ` Bounded, where nothing else is said: ${usual}.`
  if (listed.length === 0) return [`## ${title}`, `${about} No series of its own.`]
  const rows = listed.map((metric) => row(metric, usual))
  return [`## ${title}`, `${about}${bounded}`, table(['Series', 'Type', 'Labels', 'Meaning', 'Source'], rows)]
}

/** What most of the bounded series of a section are bounded by, said once instead of in every row. */
function usualBound(listed: readonly Metric[]): string | undefined {
  const bounds = listed.flatMap(({ bound }) => bound ?? [])
  const countOf = (bound: string) => bounds.filter((other) => other === bound).length
  const [usual] = [...new Set(bounds)].sort((a, b) => countOf(b) - countOf(a))
  return usual === undefined || countOf(usual) < 2 ? undefined : usual
}

function row(metric: Metric, usual: string | undefined): readonly string[] {
  const { name, help, source, bound } = metric
  const meaning = bound === undefined || bound === usual ? help : `${help} Bounded: ${bound}.`
  return [code(name), kindOf(metric), metric.labels.map((label) => labelText(metric, label)).join(', '), meaning, source]
}

function kindOf(metric: Metric): string {
  const kind = `${metric.type}, ${metric.unit}`
  return metric.type === 'histogram' ? `${kind}, bounds ${metric.buckets.join(' ')}` : kind
}

function labelText({ values }: Pick<Metric, 'values'>, label: string): string {
  const listed = values?.[label]
  return listed === undefined ? code(label) : `${code(label)} (${listed.join(', ')})`
}
