import { dashboards } from '../../../catalogue/dashboards.ts'
import { metrics, taskLabels } from '../../../catalogue/index.ts'
import { like, oneOf } from '../../../catalogue/select.ts'
import { colours } from '../colours.ts'
import type { Page, Row } from '../model.ts'
import { timeSeries } from '../panels/graph.ts'
import { stat } from '../panels/single.ts'
import { type Column, table } from '../panels/table.ts'
import { anyIs, reportAge } from '../panels/thresholds.ts'
import { consoleUrl } from '../placeholder.ts'
import { overdue, stragglers } from '../query/compound.ts'
import { above, equalTo, largest, maxBy, orZero, over, rate, subtract, sum, sumBy, timeSince } from '../query/expression.ts'
import { scopeOf } from '../query/selector.ts'

const page = scopeOf(dashboards.live.variables)
const { series } = page

/** What tells one task from all others. `job` too, where two installations are watched at once. */
const identity = [...taskLabels, 'job'] as const

const identityColumns: readonly Column[] = [
  { of: { label: 'namespace' }, title: 'Namespace', widthPixels: 120 },
  { of: { label: 'job_id' }, title: 'Job', links: ['task', 'logs', 'consoleJob'] },
  { of: { label: 'task' }, title: 'Task' },
  { of: { label: 'task_type' }, title: 'Type', widthPixels: 140 },
  { of: { label: 'engine' }, title: 'Engine', links: ['engines'] },
]

const tasks: Row = {
  title: 'Tasks',
  panels: [
    table(
      { title: 'Live tasks', description: 'What does each live task do, and how far is it?', width: 24, height: 14 },
      [
        { expression: equalTo(1, maxBy([...identity, 'status'], series(metrics.taskStatus))) },
        { expression: maxBy(identity, series(metrics.taskProgress)) },
        { expression: maxBy(identity, series(metrics.taskEta)) },
        { expression: timeSince(maxBy(identity, series(metrics.taskLastReport))) },
        { expression: maxBy(identity, rate(series(metrics.taskUsageCpu))) },
        { expression: maxBy(identity, series(metrics.taskUsageMemory)) },
      ],
      [
        ...identityColumns,
        { of: { label: 'status' }, title: 'Status', widthPixels: 120, states: metrics.taskStatus.values.status },
        { of: { query: 1 }, title: 'Progress', widthPixels: 170, isShare: true },
        { of: { query: 2 }, title: 'Left', widthPixels: 90 },
        { of: { query: 3 }, title: 'Last report', widthPixels: 100, thresholds: reportAge },
        { of: { query: 4 }, title: 'CPU cores', widthPixels: 90 },
        { of: { query: 5 }, title: 'Memory', widthPixels: 90 },
      ],
    ),
    timeSeries({
      title: 'Progress',
      description: 'How do the tasks that are furthest get on?',
      targets: [{ expression: largest(20, maxBy(identity, series(metrics.taskProgress))), legend: '{{job_id}} {{task}}' }],
      max: 1,
      width: 18,
      height: 9,
    }),
    stat({
      title: 'Not shown here',
      description: 'How many open tasks are beyond the limit of series and are found in the console alone?',
      targets: [
        {
          expression: subtract(
            sum(series(metrics.tasks)),
            // Waiting tasks have no engine yet and the total knows none: here every engine counts.
            orZero(
              over('count', series(metrics.taskStatus, { status: oneOf(...metrics.tasks.values.status), engine: like('.*') })),
            ),
          ),
          legend: 'tasks beyond the series limit',
        },
      ],
      thresholds: anyIs(colours.warning),
      links: ['console', 'self'],
      min: 0,
      noValue: 'none: see the console',
      width: 6,
      height: 9,
    }),
  ],
}

const trouble: Row = {
  title: 'In trouble',
  panels: [
    table(
      { title: 'Stalled', description: 'Which types have running tasks that make no progress?', width: 6, height: 9 },
      [{ expression: above(0, sumBy(['task_type', 'engine_type'], series(metrics.tasksStalled))) }],
      [
        { of: { label: 'task_type' }, title: 'Type', links: ['types', 'logs'] },
        { of: { label: 'engine_type' }, title: 'Engine type' },
        { of: { query: 0 }, title: 'Stalled', widthPixels: 80, thresholds: anyIs(colours.raised) },
      ],
    ),
    table(
      {
        title: 'Stragglers',
        description: 'Which tasks are three times slower than the median of their siblings?',
        width: 9,
        height: 9,
      },
      [{ expression: stragglers(page) }],
      [...identityColumns, { of: { query: 0 }, title: 'Progress per second', widthPixels: 140 }],
    ),
    table(
      {
        title: 'Overdue',
        description: 'Which tasks have run three times as long as 95 % of their kind?',
        width: 9,
        height: 9,
      },
      [{ expression: overdue(page) }],
      [...identityColumns, { of: { query: 0 }, title: 'Running for', widthPixels: 110 }],
    ),
  ],
}

/** The bounded set of tasks that have series of their own. */
export const livePage: Page = {
  key: 'live',
  description: 'What runs at this moment, how far is it, and which of it is in trouble?',
  audience:
    '**For whoever waits for a task.** Every live task that has series of its own, with what it does and how far it is. ' +
    `Click a job for its page. Beyond the limit of series tasks are counted, not shown: the [console](${consoleUrl}/) has all.`,
  rows: [tasks, trouble],
  from: '1h',
  refresh: '10s',
  needsLoki: true,
}
