import { dashboards } from '../../../catalogue/dashboards.ts'
import { metrics } from '../../../catalogue/index.ts'
import { not } from '../../../catalogue/select.ts'
import type { Page, Row, Target } from '../model.ts'
import { stackedBars, steps, timeSeries } from '../panels/graph.ts'
import { stat } from '../panels/single.ts'
import { table } from '../panels/table.ts'
import { logLines } from '../panels/text.ts'
import { stateTimeline } from '../panels/timeline.ts'
import { consoleUrl, placeholder } from '../placeholder.ts'
import {
  type Expression,
  inMilliseconds,
  maxBy,
  newest,
  over,
  rate,
  type Selector,
  sumBy,
  withLabelsOf,
} from '../query/expression.ts'
import { countBy, linesOf } from '../query/logql.ts'
import { scopeOf } from '../query/selector.ts'

const { variables } = dashboards.task
const { series } = scopeOf(variables, ['job_id'])

/** Series of a task go soon after its end; its page is opened long after. */
const inRange = <L extends string>(selector: Selector<L>) => newest(selector, '$__range')

const lines = linesOf(variables, [{ job_id: '$job_id' }])
const jobEnd = linesOf(variables, [{ job_id: '$job_id' }, { event: 'job_finished' }])

const oneTask = ['job', 'namespace', 'job_id', 'task'] as const
const byTask = <L extends string>(expression: Expression<L | 'task'>) => ({
  expression: maxBy(['task'], expression),
  legend: '{{task}}',
})

const state: Row = {
  title: 'State',
  panels: [
    stateTimeline({
      title: 'Status',
      description: 'Which status had each task of the job, and when?',
      targets: [
        {
          expression: maxBy(['namespace', 'job_id', 'task', 'status'], series(metrics.taskStatus)),
          legend: '{{task}} {{status}}',
        },
      ],
      links: ['consoleJob'],
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Progress by attempt',
      description: 'How far is each task, and in which attempt?',
      targets: [
        {
          expression: withLabelsOf(
            maxBy(oneTask, series(metrics.taskProgress)),
            maxBy([...oneTask, 'attempt'], series(metrics.taskInfo)),
            oneTask,
            ['attempt'],
          ),
          legend: '{{task}} attempt {{attempt}}',
        },
      ],
      max: 1,
      width: 12,
      height: 8,
    }),
    stat({
      title: 'Time left',
      description: 'How long do the tasks still need if they go on at their mean pace?',
      targets: [byTask(series(metrics.taskEta))],
      noValue: 'not known',
      width: 8,
      height: 4,
    }),
    stat({
      title: 'Started',
      description: 'When did the first task start?',
      targets: [
        { expression: inMilliseconds(over('min', inRange(series(metrics.taskStart)))), legend: 'started', isInstant: true },
      ],
      noValue: 'not started in this range',
      width: 8,
      height: 4,
    }),
    stat({
      title: 'Ended',
      description: 'When did a task end last?',
      targets: [
        { expression: inMilliseconds(over('max', inRange(series(metrics.taskCompletion)))), legend: 'ended', isInstant: true },
      ],
      noValue: 'not ended in this range',
      width: 8,
      height: 4,
    }),
  ],
}

const work: Row = {
  title: 'Work and resources',
  panels: [
    stackedBars({
      title: 'Sub-tasks by state',
      description: 'How many parts of the task wait for nothing more, run, or failed?',
      targets: [
        {
          expression: sumBy(['state'], series(metrics.taskSubtasks, { state: not('total') })),
          legend: '{{state}}',
        },
      ],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Memory held and used',
      description: 'How much memory do the tasks hold in the cluster, and how much do their processes use?',
      targets: heldAndUsed(series(metrics.taskResourceMemory), series(metrics.taskUsageMemory)),
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Cores held and used',
      description: 'How many cores do the tasks hold in the cluster, and how many do their processes keep busy?',
      targets: heldAndUsed(series(metrics.taskResourceCores), rate(series(metrics.taskUsageCpu))),
      width: 8,
      height: 8,
    }),
    steps({
      title: 'Containers held',
      description: 'How many containers do the tasks hold in the cluster?',
      targets: [byTask(series(metrics.taskResourceContainers))],
      decimals: 0,
      width: 8,
      height: 7,
    }),
    timeSeries({
      title: 'GPU memory',
      description: 'How much GPU memory do the processes of the tasks hold?',
      targets: [byTask(series(metrics.taskUsageGpuMemory))],
      width: 8,
      height: 7,
    }),
    timeSeries({
      title: 'GPU in use',
      description: 'Which share of the GPU do the processes of the tasks keep busy?',
      targets: [byTask(series(metrics.taskUsageGpuUtilization))],
      max: 1,
      width: 8,
      height: 7,
    }),
    timeSeries({
      title: 'Algorithm metrics',
      description: 'What does the task say of itself that no catalogue entry knows?',
      targets: [{ expression: maxBy(['task', 'name'], series(metrics.taskMetric)), legend: '{{task}} {{name}}' }],
      links: ['ml'],
      width: 12,
      height: 8,
    }),
    table(
      { title: 'Facts', description: 'Where does each task run, for whom, and in which attempt?', width: 12, height: 8 },
      [
        {
          expression: maxBy(
            ['namespace', 'job_id', 'task', 'task_type', 'engine', 'node', 'user', 'attempt'],
            inRange(series(metrics.taskInfo)),
          ),
        },
      ],
      [
        { of: { label: 'namespace' }, title: 'Namespace' },
        { of: { label: 'job_id' }, title: 'Job', links: ['consoleJob', 'logs'] },
        { of: { label: 'task' }, title: 'Task' },
        { of: { label: 'task_type' }, title: 'Type' },
        { of: { label: 'engine' }, title: 'Engine', links: ['engines'] },
        { of: { label: 'node' }, title: 'Node' },
        { of: { label: 'user' }, title: 'User' },
        { of: { label: 'attempt' }, title: 'Attempt' },
      ],
    ),
  ],
}

const text: Row = {
  title: 'Log lines, also of a job that ended long ago',
  panels: [
    stackedBars({
      title: 'Log volume by level',
      description: 'How many lines did the job write, and how grave are they?',
      targets: [{ expression: countBy(['level'], lines, '$__auto'), legend: '{{level}}' }],
      decimals: 0,
      width: 16,
      height: 6,
    }),
    logLines({
      title: 'Job end',
      description: 'How did the job end, and after how long?',
      targets: [{ expression: jobEnd }],
      width: 8,
      height: 6,
    }),
    logLines({
      title: 'Log lines',
      description: 'What did the tasks of the job write?',
      targets: [{ expression: lines }],
      width: 24,
      height: 14,
    }),
  ],
}

/** What is held by a task beside what it makes of it. */
function heldAndUsed<L extends string>(held: Expression<L | 'task'>, used: Expression<L | 'task'>): Target[] {
  return [
    { expression: maxBy(['task'], held), legend: '{{task}} held', isCapacity: true },
    { expression: maxBy(['task'], used), legend: '{{task}} used' },
  ]
}

const namespace = placeholder('namespace', 'percentencode')
const jobId = placeholder('job_id', 'percentencode')
const inConsole = `${consoleUrl}/#/jobs/${namespace}/${jobId}`
const inApi = `${consoleUrl}/api/v1/namespaces/${namespace}/jobs/${jobId}`

/** One job and its tasks. */
export const taskPage: Page = {
  key: 'task',
  description: 'What does one job do, what does it hold, and what did it write?',
  audience:
    '**For whoever looks into one job.** Type its id above. Series live as long as the job and a little longer; log lines ' +
    'and the job end stay for as long as Loki keeps them. With the namespace chosen: ' +
    `[console page](${inConsole}), [everything as JSON](${inApi}), [history](${inApi}/history).`,
  rows: [state, work, text],
  from: '6h',
  refresh: '10s',
  needsLoki: true,
}
