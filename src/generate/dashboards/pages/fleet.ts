import { dashboards } from '../../../catalogue/dashboards.ts'
import { metrics } from '../../../catalogue/index.ts'
import { oneOf } from '../../../catalogue/select.ts'
import { alertNames } from '../annotations.ts'
import { colours } from '../colours.ts'
import type { Page, Row } from '../model.ts'
import { stackedBars, steps, timeSeries } from '../panels/graph.ts'
import { barGauge, stat } from '../panels/single.ts'
import { firingAlerts } from '../panels/text.ts'
import { anyIs, fullness, line, rising, successShare } from '../panels/thresholds.ts'
import { judgedIn, quantiles, succeededIn } from '../query/compound.ts'
import { above, divide, increase, largest, over, rate, sum, sumBy, timeSince } from '../query/expression.ts'
import { scopeOf } from '../query/selector.ts'

const page = scopeOf(dashboards.fleet.variables)
const { series, sumOf, countOf } = page

const now: Row = {
  title: 'Now',
  panels: [
    ...(['live', 'suspect', 'lost'] as const).map((state) =>
      stat({
        title: `Engines ${state}`,
        description: {
          live: 'How many engines report in time?',
          suspect: 'How many engines have fallen silent?',
          lost: 'How many engines have been given up?',
        }[state],
        targets: [{ expression: sum(series(metrics.engines, { state })), legend: state }],
        thresholds: anyIs({ live: colours.good, suspect: colours.warning, lost: colours.bad }[state]),
        links: ['engines'],
        width: 3,
        height: 4,
      }),
    ),
    stat({
      title: 'Tasks running',
      description: 'How many tasks run at this moment?',
      targets: [{ expression: sum(series(metrics.tasks, { status: 'running' })), legend: 'running' }],
      links: ['live'],
      width: 3,
      height: 4,
    }),
    stat({
      title: 'Tasks waiting',
      description: 'How many tasks wait for an engine?',
      targets: [
        {
          expression: sum(series(metrics.tasks, { status: oneOf('inited', 'scheduled', 'waiting_for_retry') })),
          legend: 'waiting',
        },
      ],
      links: ['live'],
      width: 3,
      height: 4,
    }),
    stat({
      title: 'Tasks stalled',
      description: 'How many running tasks make no progress beyond what is usual for their type?',
      targets: [{ expression: sum(series(metrics.tasksStalled)), legend: 'stalled' }],
      thresholds: anyIs(colours.raised),
      links: ['live'],
      width: 3,
      height: 4,
    }),
    stat({
      title: 'Success rate',
      description: 'Which share of the attempts that ended in the time range succeeded, cancelled ones left out?',
      targets: [
        {
          expression: divide(sum(succeededIn(page, '$__range')), above(0, sum(judgedIn(page, '$__range')))),
          legend: 'succeeded',
          isInstant: true,
        },
      ],
      thresholds: successShare,
      links: ['types'],
      noValue: 'nothing ended',
      width: 3,
      height: 4,
    }),
    stat({
      title: 'Oldest waiting',
      description: 'How long has the task waited that waits longest?',
      targets: [{ expression: timeSince(over('min', series(metrics.tasksOldestWaiting))), legend: 'oldest' }],
      thresholds: rising(600, 1800),
      noValue: 'none waits',
      width: 3,
      height: 4,
    }),
    firingAlerts(
      { title: 'Firing alerts', description: 'Which alerts of Enginescope fire now?', width: 18, height: 6 },
      alertNames,
    ),
    stat({
      title: 'Tasks lost',
      description: 'How many tasks were given up in the time range because their engine fell silent?',
      targets: [{ expression: sum(increase(series(metrics.tasksLost), '$__range')), legend: 'lost', isInstant: true }],
      thresholds: anyIs(colours.lost),
      decimals: 0,
      width: 6,
      height: 6,
    }),
  ],
}

const flow: Row = {
  title: 'Flow',
  panels: [
    stackedBars({
      title: 'Finished per interval',
      description: 'How many attempts ended in each interval, and how?',
      targets: [{ expression: sumBy(['status'], increase(series(metrics.tasksFinished), '$__interval')), legend: '{{status}}' }],
      links: ['types'],
      decimals: 0,
      width: 12,
      height: 8,
    }),
    steps({
      title: 'Open tasks',
      description: 'How many tasks are open, by where they stand?',
      targets: [{ expression: sumBy(['status'], series(metrics.tasks)), legend: '{{status}}' }],
      links: ['live'],
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Queue wait',
      description: 'How long do tasks wait between submission and start?',
      targets: quantiles(page, metrics.taskQueue, [0.5, 0.95, 0.99]),
      thresholds: line(300),
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Run time',
      description: 'How long do attempts run from start to end?',
      targets: quantiles(page, metrics.taskDuration, [0.5, 0.95, 0.99]),
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Utilisation',
      description: 'Which share of the slots of the engines is taken?',
      targets: [
        {
          expression: divide(
            sumBy(['engine_type'], series(metrics.engineTasks, { state: 'running' })),
            above(0, sumBy(['engine_type'], series(metrics.engineTaskLimit))),
          ),
          legend: '{{engine_type}}',
        },
      ],
      thresholds: fullness,
      links: ['engines'],
      max: 1,
      width: 8,
      height: 8,
    }),
  ],
}

const where: Row = {
  title: 'If not well, where?',
  panels: [
    barGauge({
      title: 'Top 10 failing types',
      description: 'Which types of task failed or timed out most often in the time range?',
      targets: [
        {
          expression: largest(
            10,
            sumBy(['task_type'], increase(series(metrics.tasksFinished, { status: oneOf('failed', 'timed_out') }), '$__range')),
          ),
          legend: '{{task_type}}',
          isInstant: true,
        },
      ],
      links: ['types'],
      thresholds: anyIs(colours.bad),
      decimals: 0,
      width: 8,
      height: 9,
    }),
    barGauge({
      title: 'Top 10 slowest types',
      description: 'Which types of task take longest on average in the time range?',
      targets: [
        {
          expression: largest(
            10,
            divide(
              sumBy(['task_type'], rate(sumOf(metrics.taskDuration), '$__range')),
              above(0, sumBy(['task_type'], rate(countOf(metrics.taskDuration), '$__range'))),
            ),
          ),
          legend: '{{task_type}}',
          isInstant: true,
        },
      ],
      links: ['types'],
      width: 8,
      height: 9,
    }),
    timeSeries({
      title: 'Reports and rejects',
      description: 'How many reports arrive, and what becomes of them?',
      targets: [{ expression: sumBy(['outcome'], rate(series(metrics.reports))), legend: '{{outcome}}' }],
      links: ['self'],
      width: 8,
      height: 9,
    }),
  ],
}

/** Is all well, and if not, where? */
export const fleetPage: Page = {
  key: 'fleet',
  description: 'Is all well with the engines and their tasks, and if not, where?',
  audience:
    '**For whoever is on duty.** Is all well, and if not, where? The first row is the present, the second how work flows, ' +
    'the third where to look next. Every value leads on: click it.',
  rows: [now, flow, where],
  from: '6h',
  refresh: '30s',
  needsLoki: true,
}
