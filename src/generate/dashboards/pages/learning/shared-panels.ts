/** What the pages of learning tasks have in common. */
import type { Metric } from '../../../../catalogue/index.ts'
import { metrics } from '../../../../catalogue/index.ts'
import { like } from '../../../../catalogue/select.ts'
import { stateOverrides } from '../../colours.ts'
import type { Panel, PanelSpec, Row, Target } from '../../model.ts'
import { stackedBars, timeSeries } from '../../panels/graph.ts'
import { stat } from '../../panels/single.ts'
import { table } from '../../panels/table.ts'
import { logLines } from '../../panels/text.ts'
import { line, reportAge } from '../../panels/thresholds.ts'
import { stateTimeline } from '../../panels/timeline.ts'
import { type Expression, equalTo, increase, maxBy, rate, sumBy, timeSince, written } from '../../query/expression.ts'
import { countBy, linesOf } from '../../query/logql.ts'
import type { Scope } from '../../query/selector.ts'

type Words = { readonly title: string; readonly description: string }

/** One number of the chosen jobs, each by its name. */
export function jobStat(words: Words, expression: Expression<string>, more: Partial<PanelSpec> = {}): Panel {
  return stat({
    ...words,
    targets: [{ expression: maxBy(['job_id'], expression), legend: '{{job_id}}' }],
    width: 4,
    height: 4,
    ...more,
  })
}

/** Which state of a set held when: one line a job, or a job and node. */
export function statesOf(
  words: Words,
  label: string,
  metric: Metric,
  present: Expression<string>,
  by: readonly string[],
  more: Partial<PanelSpec> = {},
): Panel {
  const legend = [...by, label].map((name) => `{{${name}}}`).join(' ')
  return stateTimeline({
    ...words,
    targets: [{ expression: maxBy([...by, label], equalTo(1, present)), legend }],
    overrides: stateOverrides(metric.values?.[label] ?? []),
    width: 12,
    height: 6,
    ...more,
  })
}

/** Log lines of the tasks of a type, and how many of each level there were when. */
export function logRow(taskType: string): Row {
  const lines = linesOf(['namespace'], [{ task_type: taskType }, { job_id: like('$job_id') }])
  return {
    title: 'Log lines',
    panels: [
      stackedBars({
        title: 'Lines by level',
        description: 'How many lines of each level were written, and when?',
        targets: [{ expression: countBy(['level'], lines, '$__auto'), legend: '{{level}}' }],
        overrides: stateOverrides(['FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE']),
        width: 24,
        height: 6,
      }),
      logLines({
        title: 'Log lines',
        description: 'What did the workers of the chosen jobs write?',
        targets: [{ expression: lines }],
        width: 24,
        height: 10,
      }),
    ],
  }
}

const worker = ['namespace', 'job_id', 'task'] as const

/** Who works, where and as what, and when each was last heard of. */
export function workersTable(scope: Scope, info: Metric, more: readonly { label: string; title: string }[]): Panel {
  const labels = ['namespace', 'job_id', 'task', 'node', 'worker_role', ...more.map(({ label }) => label)]
  const workers: Expression<string> = scope.series(info)
  const lastReport = timeSince(scope.series(metrics.taskLastReport, { task_type: taskTypeOf(info) }))
  const engines = maxBy([...worker, 'engine'], scope.series(metrics.taskInfo, { task_type: taskTypeOf(info) }))
  const begun = maxBy(['engine'], increase(scope.series(metrics.engineRestarts), '$__range'))
  const restarts = written(engines, `${engines.text} * on (engine) group_left () ${begun.text}`, [...worker, 'engine'])
  return table(
    {
      title: 'Workers',
      description: 'Who works on the chosen jobs, on which node, and when was each last heard of?',
      width: 24,
      height: 7,
    },
    [
      { expression: maxBy(labels, workers) },
      { expression: maxBy([...worker], lastReport) },
      { expression: { ...restarts, unit: 'count' } },
    ],
    [
      { of: { label: 'job_id' }, title: 'Job' },
      { of: { label: 'task' }, title: 'Worker' },
      { of: { label: 'node' }, title: 'Node' },
      { of: { label: 'worker_role' }, title: 'Role' },
      ...more.map(({ label, title }) => ({ of: { label }, title })),
      { of: { query: 1 }, title: 'Last report', thresholds: reportAge },
      { of: { query: 2 }, title: 'Restarts' },
    ],
  )
}

const taskTypeOf = ({ name }: Metric) => name.replace(/^enginescope_/, '').replace(/_worker_info$/, '')

/** What the workers use of their machines, as they report it. */
export function usageRow(scope: Scope, taskType: string): Row {
  const of = { task_type: taskType } as const
  const legend = '{{job_id}} {{task}}'
  const panel = (words: Words, expression: Expression<string>, more: Partial<PanelSpec> = {}) =>
    timeSeries({
      ...words,
      targets: [{ expression: maxBy(['job_id', 'task'], expression), legend }],
      width: 6,
      height: 7,
      ...more,
    })
  return {
    title: 'Use of machines',
    panels: [
      panel({ title: 'CPU', description: 'How many cores does each worker use?' }, rate(scope.series(metrics.taskUsageCpu, of))),
      panel(
        { title: 'Memory', description: 'How much memory does each worker hold?' },
        scope.series(metrics.taskUsageMemory, of),
      ),
      panel(
        { title: 'GPU memory', description: 'How much memory of the graphics card does each worker hold?' },
        scope.series(metrics.taskUsageGpuMemory, of),
      ),
      panel(
        { title: 'GPU use', description: 'How busy is the graphics card of each worker?' },
        scope.series(metrics.taskUsageGpuUtilization, of),
        { min: 0, max: 1 },
      ),
    ],
  }
}

/** How far inputs have drifted, with the line at which an alert begins to count. */
export function driftPanel(drift: Expression<string>, width = 12): Panel {
  return timeSeries({
    title: 'Drift',
    description: 'How far have the inputs drifted from what the model was trained on?',
    targets: [
      { expression: maxBy(['job_id', 'task', 'feature', 'method'], drift), legend: '{{job_id}} {{task}} {{feature}} {{method}}' },
    ],
    thresholds: line(0.2),
    width,
    height: 8,
  })
}

/** Samples a second, summed over the workers of each job. */
export function throughput(total: Expression<string>, width = 12): Panel {
  const targets: Target[] = [{ expression: sumBy(['job_id'], total), legend: '{{job_id}}' }]
  return timeSeries({
    title: 'Samples per second',
    description: 'How many samples do all workers of a job work through?',
    targets,
    width,
    height: 8,
  })
}
