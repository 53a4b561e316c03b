import {
  ConstantVariableBuilder,
  CustomVariableBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { type DashboardKey, dashboards } from '../../catalogue/dashboards.ts'
import { families } from '../../catalogue/families.ts'
import { hubMetrics } from '../../catalogue/hub.ts'
import { type Metric, metrics } from '../../catalogue/index.ts'
import { runtimeMetrics } from '../../catalogue/runtime.ts'
import type { DashboardOptions } from './model.ts'
import { placeholder } from './placeholder.ts'
import { logLevels } from './query/logql.ts'

/** What `All` stands for in a pattern: anything that is there. */
const allValue = '.+'

export const prometheusSource = { type: 'prometheus', uid: placeholder('prometheus_datasource') } as const
export const lokiSource = { type: 'loki', uid: placeholder('loki_datasource') } as const

/** How the values of a variable are found: a label of a series that is always there, narrowed by the variables before it. */
type Lookup = { readonly label: string; readonly metric: Metric; readonly help: string }

const lookups: Readonly<Record<string, Lookup>> = {
  job: {
    label: 'Scrape job',
    metric: metrics.engines,
    help: 'Which installation: the job name in the Prometheus configuration.',
  },
  namespace: { label: 'Namespace', metric: metrics.tasksFinished, help: 'Who the tasks belong to.' },
  engine_type: { label: 'Engine type', metric: metrics.engines, help: 'What kind of engine.' },
  task_type: { label: 'Task type', metric: metrics.tasksFinished, help: 'What kind of work.' },
  engine: { label: 'Engine', metric: metrics.engineUp, help: 'One engine.' },
  instance: { label: 'Replica', metric: metrics.buildInfo, help: 'One replica of the aggregator.' },
}

/** A job of a learning type, and who works on it. */
function learningLookups(metric: Metric, worker: Metric): Readonly<Record<string, Lookup>> {
  return {
    namespace: { label: 'Namespace', metric, help: 'Who the services and jobs belong to.' },
    job_id: { label: 'Job', metric, help: 'A service or job, by the name of its resource.' },
    node: { label: 'Node', metric: worker, help: 'Where workers are.' },
  }
}

/** Series that stand in for the usual ones where a page has series of its own. */
const lookupsByPage: Partial<Record<DashboardKey, Readonly<Record<string, Lookup>>>> = {
  runtimes: {
    namespace: { label: 'Namespace', metric: runtimeMetrics.runtimeUp, help: 'Who the runtimes belong to.' },
    runtime: { label: 'Runtime', metric: runtimeMetrics.runtimeUp, help: 'One runtime.' },
  },
  sedna: { job_id: { label: 'Job', metric: metrics.taskInfo, help: 'A service or job, by the name of its resource.' } },
  jointInference: learningLookups(families.jiCondition, families.jiWorkerInfo),
  incremental: learningLookups(families.ilCondition, families.ilWorkerInfo),
  federated: learningLookups(families.flCondition, families.flWorkerInfo),
  hub: {
    job: {
      label: 'Scrape job',
      metric: hubMetrics.hubQueueProcesses,
      help: 'Which hub: the job name in the Prometheus configuration.',
    },
  },
}

/** Boxes to type into: what stands in them at first, and what they are for. */
const boxes: Readonly<Record<string, { readonly label: string; readonly value: string; readonly help: string }>> = {
  job_id: { label: 'Job', value: '', help: 'The job to look at, as its submitter calls it.' },
  task: { label: 'Task', value: allValue, help: 'A pattern for the tasks of the job.' },
  search: { label: 'Search', value: '', help: 'Text that lines must hold, taken literally; empty shows all.' },
}

/** Every variable of a page, data sources first, in the order of the shared table. */
export function variablesOf(key: DashboardKey, needsLoki: boolean, options: DashboardOptions): VariableModel[] {
  const names: readonly string[] = dashboards[key].variables
  const sources = [sourceVariable('prometheus_datasource', 'Prometheus data source', 'prometheus')]
  if (needsLoki) sources.push(sourceVariable('loki_datasource', 'Loki data source', 'loki'))
  return [...sources, ...names.map((name, index) => pageVariable(key, name, names.slice(0, index))), consoleVariable(options)]
}

function pageVariable(key: DashboardKey, name: string, before: readonly string[]): VariableModel {
  if (name === 'level') return levelVariable()
  const own = lookupsByPage[key]?.[name]
  if (own !== undefined) return queryVariable(name, own, before)
  const box = boxes[name]
  // On the page of all ML tasks a job is chosen among others; on its own page it is named.
  if (box !== undefined && !(name === 'job_id' && key === 'ml')) return boxVariable(name, box)
  if (name === 'job_id') return queryVariable(name, { label: 'Job', metric: metrics.taskInfo, help: 'One job.' }, before)
  const lookup = lookups[name]
  if (lookup === undefined) throw new RangeError(`no way to find the values of ${name}`)
  return queryVariable(name, lookup, before)
}

function queryVariable(name: string, { label, metric, help }: Lookup, before: readonly string[]): VariableModel {
  const labels = ['job', ...metric.labels]
  const narrowed = before.filter((other) => labels.includes(other)).map((other) => `${other}=~"$${other}"`)
  const series = narrowed.length === 0 ? metric.name : `${metric.name}{${narrowed.join(', ')}}`
  const query = `label_values(${series}, ${name})`
  const made = new QueryVariableBuilder(name)
    .label(label)
    .description(help)
    .datasource(prometheusSource)
    .query(query)
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(allValue)
    .current({ selected: true, text: ['All'], value: ['$__all'] })
    .build()
  return withoutNoise(made)
}

function sourceVariable(name: string, label: string, type: 'prometheus' | 'loki'): VariableModel {
  return withoutNoise(new DatasourceVariableBuilder(name).label(label).type(type).multi(false).includeAll(false).build())
}

function boxVariable(name: string, { label, value, help }: { label: string; value: string; help: string }): VariableModel {
  const current = { selected: true, text: value, value }
  const made = new TextBoxVariableBuilder(name).label(label).description(help).defaultValue(value).current(current).build()
  return withoutNoise(made)
}

function levelVariable(): VariableModel {
  const made = new CustomVariableBuilder('level')
    .label('Level')
    .description('How grave the lines are.')
    .values(logLevels.join(','))
    .multi(true)
    .includeAll(true)
    .allValue(allValue)
    .current({ selected: true, text: ['All'], value: ['$__all'] })
    .build()
  return withoutNoise(made)
}

/** A constant: a link that somebody is sent cannot lead them to another host. */
function consoleVariable({ consoleUrl }: DashboardOptions): VariableModel {
  const made = new ConstantVariableBuilder('console_url').label('Console').value(consoleUrl).build()
  const current = { selected: true, text: consoleUrl, value: consoleUrl }
  return { ...withoutNoise(made), current, skipUrlSync: true }
}

/** The builder gives every variable the settings of an interval variable. */
function withoutNoise({ auto: _auto, auto_min: _min, auto_count: _count, ...variable }: VariableModel): VariableModel {
  return variable
}
