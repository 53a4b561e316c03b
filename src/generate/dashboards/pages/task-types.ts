import { dashboards } from '../../../catalogue/dashboards.ts'
import { metrics } from '../../../catalogue/index.ts'
import { stateColours } from '../colours.ts'
import type { Page, Row } from '../model.ts'
import { stackedBars, steps, timeSeries } from '../panels/graph.ts'
import { table } from '../panels/table.ts'
import { successShare } from '../panels/thresholds.ts'
import { heatmap } from '../panels/timeline.ts'
import { judgedIn, mean, recorded, succeededIn } from '../query/compound.ts'
import { above, divide, type Expression, increase, largest, maxBy, quantile, rate, sum, sumBy } from '../query/expression.ts'
import { countBy, largestOf, linesOf } from '../query/logql.ts'
import { scopeOf } from '../query/selector.ts'

const { variables } = dashboards.types
const page = scopeOf(variables)
const { series, bucket } = page

/** What a 99 % objective allows to fail; a burn of 1 uses the budget up exactly at its end. */
const errorBudgetRatio = 0.01

const quality: Row = {
  title: '$task_type',
  repeatBy: 'task_type',
  panels: [
    stackedBars({
      title: 'Finished by status',
      description: 'How many attempts ended in each interval, and how?',
      targets: [{ expression: sumBy(['status'], increase(series(metrics.tasksFinished), '$__interval')), legend: '{{status}}' }],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Success rate',
      description: 'Which share of the attempts of the last hour succeeded, cancelled ones left out?',
      targets: [
        {
          expression: divide(sumBy(['task_type'], succeededIn(page, '1h')), above(0, sumBy(['task_type'], judgedIn(page, '1h')))),
          legend: '{{task_type}}',
        },
      ],
      thresholds: successShare,
      max: 1,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Error budget burn',
      description: 'How many times faster than a 99 % objective allows do attempts fail?',
      targets: (['5m', '1h', '2h', '1d'] as const).map((window) => ({
        expression: burn(window),
        legend: `{{task_type}} {{engine_type}} over ${window}`,
      })),
      unit: 'short',
      thresholds: [
        { from: null, colour: 'green' },
        { from: 3, colour: 'yellow' },
        { from: 14.4, colour: 'red' },
      ],
      width: 8,
      height: 8,
    }),
    heatmap({
      title: 'Durations',
      description: 'How do the run times of attempts spread, and how does that change?',
      targets: [
        {
          expression: sumBy(['le'], increase(bucket(metrics.taskDuration), '$__interval')),
          legend: '{{le}}',
          format: 'heatmap',
        },
      ],
      width: 8,
      height: 9,
    }),
    timeSeries({
      title: 'Duration p95, this week and last',
      description: 'Do attempts take longer than a week ago?',
      targets: [
        { expression: durationQuantile(), legend: 'now' },
        { expression: durationQuantile('1w'), legend: 'a week ago' },
      ],
      width: 8,
      height: 9,
    }),
    stackedBars({
      title: 'Where time goes',
      description: 'How much of the time from submission to end is waiting, and how much running, on average?',
      targets: [
        { expression: mean(page, metrics.taskQueue), legend: 'waiting' },
        { expression: mean(page, metrics.taskDuration), legend: 'running' },
      ],
      overrides: [
        {
          matcher: { id: 'byName', options: 'waiting' },
          properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: stateColours['waiting'] } }],
        },
        {
          matcher: { id: 'byName', options: 'running' },
          properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: stateColours['running'] } }],
        },
      ],
      width: 8,
      height: 9,
    }),
    steps({
      title: 'Waiting, running, stalled, lost',
      description: 'Where do the open tasks stand, and which are in trouble?',
      targets: [
        { expression: sumBy(['status'], series(metrics.tasks)), legend: '{{status}}' },
        { expression: sum(series(metrics.tasksStalled)), legend: 'stalled' },
        { expression: sum(increase(series(metrics.tasksLost), '$__interval')), legend: 'lost' },
      ],
      overrides: (['stalled', 'lost'] as const).map((state) => ({
        matcher: { id: 'byName', options: state },
        properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: stateColours[state] } }],
      })),
      interval: '1m',
      width: 8,
      height: 8,
    }),
    table(
      { title: 'Why tasks failed', description: 'Which errors ended jobs most often in the time range?', width: 8, height: 8 },
      [
        {
          expression: largest(
            20,
            countBy(['error_code'], linesOf(variables, [{ event: 'job_finished' }, { status: 'failed' }]), '$__range'),
          ),
        },
      ],
      [
        { of: { label: 'error_code' }, title: 'Error', links: ['logs'] },
        { of: { query: 0 }, title: 'Jobs', widthPixels: 110 },
      ],
    ),
    table(
      {
        title: 'Slowest finished jobs',
        description: 'Which jobs that ended in the time range took longest?',
        width: 8,
        height: 8,
      },
      [
        {
          expression: largest(
            20,
            largestOf(['namespace', 'job_id'], linesOf(variables, [{ event: 'job_finished' }]), 'duration_seconds', '$__range'),
          ),
        },
      ],
      [
        { of: { label: 'namespace' }, title: 'Namespace', widthPixels: 130 },
        { of: { label: 'job_id' }, title: 'Job', links: ['task', 'consoleJob', 'logs'] },
        { of: { query: 0 }, title: 'Duration', widthPixels: 110 },
      ],
    ),
  ],
}

function burn(window: '5m' | '1h' | '2h' | '1d') {
  const name = `task_type_engine_type:enginescope_task_failures_per_finished:ratio_rate${window}` as const
  const ratio = maxBy(['task_type', 'engine_type'], recorded(page, name, 'ratio'))
  return { ...ratio, text: `${ratio.text} / ${errorBudgetRatio}`, isAtom: false }
}

function durationQuantile(ago?: '1w'): Expression {
  return quantile(0.95, sumBy(['le'], rate(bucket(metrics.taskDuration), '$__rate_interval', ago)))
}

/** One row for each type of task. */
export const taskTypesPage: Page = {
  key: 'types',
  description: 'How well does each type of task do: how often it fails and why, how long it takes and waits?',
  audience:
    '**For whoever owns a kind of work.** One row for each task type: how often it fails and why, how long it takes, ' +
    'how long it waits, and whether that was better last week. Choose the types above.',
  rows: [quality],
  from: '6h',
  refresh: '30s',
  needsLoki: true,
}
