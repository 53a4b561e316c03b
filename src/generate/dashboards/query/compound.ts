import type { HistogramMetric } from '../../../catalogue/index.ts'
import { metrics, taskLabels } from '../../../catalogue/index.ts'
import { oneOf } from '../../../catalogue/select.ts'
import type { Target } from '../model.ts'
import { divide, type Expression, increase, quantile, rate, slope, sum, sumBy, type Window, written } from './expression.ts'
import type { Conditions, Scope } from './selector.ts'

/** The quantiles that a histogram is read by, over everything the page has chosen. */
export function quantiles<const M extends HistogramMetric>(
  scope: Scope,
  metric: M,
  ratios: readonly number[],
  conditions?: Conditions<M>,
): Target[] {
  const buckets = sumBy(['le'], rate(scope.bucket(metric, conditions)) as Expression<'le'>)
  return ratios.map((ratio) => ({ expression: quantile(ratio, buckets), legend: `p${ratio * 100}` }))
}

/** The mean of a histogram: what came in a window over how many came. */
export function mean<const M extends HistogramMetric>(
  scope: Scope,
  metric: M,
  window: Window = '$__rate_interval',
  conditions?: Conditions<M>,
): Expression<never> {
  return divide(sum(rate(scope.sumOf(metric, conditions), window)), sum(rate(scope.countOf(metric, conditions), window)))
}

/** Attempts that succeeded in a window. */
export function succeededIn(scope: Scope, window: Window) {
  return increase(scope.series(metrics.tasksFinished, { status: 'succeeded' }), window)
}

/** Attempts that ended in a window and say something of quality. Cancelled ones are nobody's failure. */
export function judgedIn(scope: Scope, window: Window) {
  return increase(scope.series(metrics.tasksFinished, { status: oneOf('succeeded', 'failed', 'timed_out') }), window)
}

const sibling = ['job', 'namespace', 'job_id'] as const
const oneTask = [...sibling, 'task'] as const
const kind = ['job', 'task_type', 'engine_type'] as const

/** Running tasks that are three times slower than the median of their siblings, of jobs with at least three. */
export function stragglers(scope: Scope): Expression<(typeof taskLabels)[number] | 'job'> {
  const progress = scope.series(metrics.taskProgress)
  const pace = slope(progress, '10m').text
  const apart = '(task, engine, engine_type, task_type, instance)'
  const median = `quantile without ${apart} (0.5, ${pace}) / 3`
  const text =
    `(${pace} < on (${sibling.join(', ')}) group_left () (${median}))` +
    ` and on (${sibling.join(', ')}) (count without ${apart} (${progress.text}) >= 3)` +
    ` and on (${oneTask.join(', ')}) ${running(scope)} == 1`
  return { ...written(slope(progress, '10m'), text, [...taskLabels, 'job']), unit: 'ratio' }
}

/** Running tasks that have taken three times as long as 95 % of their kind, where enough of the kind have ended. */
export function overdue(scope: Scope): Expression<(typeof taskLabels)[number] | 'job'> {
  const start = scope.series(metrics.taskStart)
  const usual = recorded(scope, 'task_type_engine_type:enginescope_task_duration_seconds:p95_7d', 'seconds').text
  const ended = recorded(scope, 'task_type_engine_type:enginescope_task_duration_seconds_count:increase7d', 'count').text
  const text =
    `(time() - ${start.text}) > on (${kind.join(', ')}) group_left () (3 * ${usual})` +
    ` and on (${kind.join(', ')}) (${ended} >= 20)` +
    ` and on (${oneTask.join(', ')}) ${running(scope)} == 1`
  return { ...written(start, text, [...taskLabels, 'job']), unit: 'seconds' }
}

function running(scope: Scope): string {
  return scope.series(metrics.taskStatus, { status: 'running' }).text
}

/** Series that the recording rules write, all by task type and engine type. */
const recordedNames = [
  'task_type_engine_type:enginescope_task_failures_per_finished:ratio_rate5m',
  'task_type_engine_type:enginescope_task_failures_per_finished:ratio_rate1h',
  'task_type_engine_type:enginescope_task_failures_per_finished:ratio_rate2h',
  'task_type_engine_type:enginescope_task_failures_per_finished:ratio_rate1d',
  'task_type_engine_type:enginescope_task_duration_seconds:p95_7d',
  'task_type_engine_type:enginescope_task_duration_seconds_count:increase7d',
] as const

export function recorded(scope: Scope, name: (typeof recordedNames)[number], unit: 'ratio' | 'seconds' | 'count') {
  return scope.foreign({ name, unit, labels: ['task_type', 'engine_type'] })
}
