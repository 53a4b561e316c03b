import type { Metric } from '../../../catalogue/index.ts'
import { like } from '../../../catalogue/select.ts'
import { numberMetric, type PanelKind, type TaskType, taskTypeMetrics } from '../../../catalogue/task-types.ts'
import { stateOverrides } from '../colours.ts'
import type { Panel, PanelSpec, Row } from '../model.ts'
import { steps, timeSeries } from '../panels/graph.ts'
import { barGauge, stat } from '../panels/single.ts'
import { table } from '../panels/table.ts'
import { logLines } from '../panels/text.ts'
import { stateTimeline } from '../panels/timeline.ts'
import { type Expression, equalTo, maxBy, rate, sumBy } from '../query/expression.ts'
import { linesOf } from '../query/logql.ts'
import type { Scope } from '../query/selector.ts'

/** Labels that the page's variables already choose: they tell no series of a job from another. */
const plain: readonly string[] = ['namespace', 'task_type', 'engine', 'engine_type']

/** Makes the row of a task type out of its entry alone: one panel for each family, then the type's log lines. */
export function taskTypeRow(type: TaskType, scope: Scope): Row {
  const kinds = panelKinds(type)
  const panels = taskTypeMetrics(type).map((metric) => entryPanel(metric, titleOf(type, metric), kinds.get(metric.name), scope))
  const lines = logLines({
    title: `Log lines of ${type.title}`,
    description: `What did the tasks of type ${type.name} write?`,
    targets: [{ expression: linesOf(['namespace'], [{ task_type: type.name }, { job_id: like('$job_id') }]) }],
    width: 24,
    height: 8,
  })
  return { title: type.title, panels: [...panels, lines] }
}

/** How each family wants to be shown, where it says so. */
function panelKinds(type: TaskType): ReadonlyMap<string, PanelKind> {
  const entries = [...type.numbers, ...type.states, ...type.infos]
  const named = entries.flatMap(({ name, panel }): [string, PanelKind][] => (panel === undefined ? [] : [[name, panel]]))
  const prefix = numberMetric(type, { name: '', help: '', type: 'gauge', field: '', unit: 'count' }).name
  return new Map(named.map(([name, panel]) => [`${prefix}${name}`, panel]))
}

/** One panel for one family: title, help and unit are the entry's. */
function entryPanel(metric: Metric, title: string, kind: PanelKind | undefined, scope: Scope): Panel {
  const by = metric.labels.filter((label) => !plain.includes(label))
  const stateLabel = Object.keys(metric.values ?? {})[0]
  const looks = kind ?? defaultKind(metric, stateLabel)
  const value: Expression = metric.type === 'counter' ? sumBy(by, rate(scope.series(metric))) : maxBy(by, scope.series(metric))
  const legend = by.map((label) => `{{${label}}}`).join(' ')
  const spec: PanelSpec = { title, description: metric.help, targets: [{ expression: value, legend }], width: 8, height: 8 }
  switch (looks) {
    case 'stat':
      return stat({ ...spec, width: 6, height: 5 })
    case 'bar':
      return barGauge({ ...spec, targets: [{ expression: value, legend, isInstant: true }] })
    case 'timeline':
      return stateTimeline({ ...spec, overrides: stateOverrides(metric.values?.[stateLabel ?? ''] ?? []), width: 12, height: 6 })
    case 'table':
      return factTable(metric, title, scope)
    case 'line':
      return metric.type === 'counter' ? timeSeries(spec) : steps(spec)
  }
}

function defaultKind({ unit }: Metric, stateLabel: string | undefined): PanelKind {
  if (unit === 'info') return 'table'
  return stateLabel === undefined ? 'line' : 'timeline'
}

/** Texts stand in the labels, one column each; of a family with a number its value too. */
function factTable(metric: Metric, title: string, scope: Scope): Panel {
  const shown = metric.labels.filter((label) => !['task_type', 'engine_type'].includes(label))
  const series = maxBy(shown, scope.series(metric))
  const isFact = metric.unit === 'info'
  return table(
    { title, description: metric.help, width: 12, height: 6 },
    [{ expression: isFact ? equalTo(1, series) : series }],
    [
      ...shown.map((label) => ({
        of: { label },
        title: headed(label),
        ...(label === 'job_id' && { links: ['task', 'logs'] as const }),
      })),
      ...(isFact ? [] : [{ of: { query: 0 }, title: 'Value' }]),
    ],
  )
}

/** `enginescope_word_count_lines_total` of the type `word_count` becomes "Lines". */
function titleOf(type: TaskType, { name }: Metric): string {
  const own = name.replace(`enginescope_${type.name}_`, '').replace(/_(total|ratio|seconds|bytes|info)$/, '')
  return headed(own)
}

function headed(name: string): string {
  const words = name.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
