import { clusterSeries } from '../../../../../catalogue/kube/index.ts'
import { stateOverrides } from '../../../colours.ts'
import type { Row } from '../../../model.ts'
import { stat } from '../../../panels/single.ts'
import { table } from '../../../panels/table.ts'
import { anyIs } from '../../../panels/thresholds.ts'
import { stateTimeline } from '../../../panels/timeline.ts'
import { increase, inMilliseconds, maxBy, orZero, over, sum, sumBy, timeSince, written } from '../../../query/expression.ts'
import { any, cluster, conditions, m, ofItsPods, ofSedna, present, series } from './scope.ts'

/** Jobs by condition, and their tasks. */
export const overview: Row = {
  title: 'Resources and tasks',
  panels: [
    stat({
      title: 'Jobs by condition',
      description: 'How many services and jobs are in which condition?',
      targets: [
        { expression: over('count', any(present, ['condition'])), legend: 'all' },
        {
          expression: written(any(present, ['condition']), `count by (condition) (${any(present, []).text})`, ['condition']),
          legend: '{{condition}}',
        },
      ],
      width: 8,
      height: 5,
    }),
    stat({
      title: 'Failed pods',
      description: 'How many pods of Sedna have failed?',
      targets: [
        { expression: orZero(sum(ofItsPods(cluster.foreign(clusterSeries.podPhase, { phase: 'Failed' })))), legend: 'failed' },
      ],
      thresholds: anyIs('red'),
      unit: 'short',
      width: 4,
      height: 5,
    }),
    stat({
      title: 'Tasks that ended',
      description: 'How did the tasks of the three types end within the time range?',
      targets: [
        {
          expression: sumBy(['status'], increase(series(m.tasksFinished, ofSedna), '$__range')),
          legend: '{{status}}',
          isInstant: true,
        },
      ],
      decimals: 0,
      width: 8,
      height: 5,
    }),
    stat({
      title: 'Jobs of Kubernetes',
      description: 'How many pods of Jobs of Kubernetes succeeded and failed? Sedna itself makes pods and deployments.',
      targets: [
        { expression: sum(cluster.foreign(clusterSeries.jobSucceeded)), legend: 'succeeded' },
        { expression: sum(cluster.foreign(clusterSeries.jobFailed)), legend: 'failed' },
      ],
      noValue: 'none',
      width: 4,
      height: 5,
    }),
    stateTimeline({
      title: 'Condition',
      description: 'How did each service and job stand, and when?',
      targets: conditions.map((metric, at) => ({
        expression: maxBy(['task_type', 'job_id', 'condition'], present[at] ?? series(metric)),
        legend: '{{task_type}} {{job_id}} {{condition}}',
      })),
      overrides: stateOverrides(m.jiCondition.values.condition),
      width: 24,
      height: 7,
    }),
    table(
      {
        title: 'Tasks',
        description: 'When did each worker start, when did it end, and when was it last heard of?',
        width: 24,
        height: 8,
      },
      [
        { expression: maxBy(['namespace', 'job_id', 'task', 'task_type'], inMilliseconds(series(m.taskStart, ofSedna))) },
        { expression: maxBy(['namespace', 'job_id', 'task', 'task_type'], inMilliseconds(series(m.taskCompletion, ofSedna))) },
        { expression: maxBy(['namespace', 'job_id', 'task', 'task_type'], timeSince(series(m.taskLastReport, ofSedna))) },
      ],
      [
        { of: { label: 'job_id' }, title: 'Job' },
        { of: { label: 'task' }, title: 'Worker' },
        { of: { label: 'task_type' }, title: 'Type' },
        { of: { query: 0 }, title: 'Started', unit: 'dateTimeAsIso' },
        { of: { query: 1 }, title: 'Completed', unit: 'dateTimeAsIso' },
        { of: { query: 2 }, title: 'Last report' },
      ],
    ),
  ],
}
