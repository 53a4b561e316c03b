import { dashboards } from '../../../../catalogue/dashboards.ts'
import { families } from '../../../../catalogue/families.ts'
import { clusterSeries, sednaSeries } from '../../../../catalogue/kube/index.ts'
import { learningTypes } from '../../../../catalogue/learning/index.ts'
import { like, oneOf } from '../../../../catalogue/select.ts'
import { stateOverrides } from '../../colours.ts'
import type { Page, Row } from '../../model.ts'
import { steps, timeSeries } from '../../panels/graph.ts'
import { barGauge, stat } from '../../panels/single.ts'
import { table } from '../../panels/table.ts'
import { logLines } from '../../panels/text.ts'
import { anyIs } from '../../panels/thresholds.ts'
import { stateTimeline } from '../../panels/timeline.ts'
import {
  type Expression,
  equalTo,
  increase,
  inMilliseconds,
  maxBy,
  orZero,
  over,
  rate,
  sum,
  sumBy,
  timeSince,
  written,
} from '../../query/expression.ts'
import { linesOf } from '../../query/logql.ts'
import { scopeOf } from '../../query/selector.ts'

const page = scopeOf(dashboards.sedna.variables)
const cluster = scopeOf(['namespace'])
const { series } = page
const m = families
const ofSedna = { task_type: oneOf(...learningTypes.map(({ name }) => name)) } as const

/** Present conditions of the jobs of all three types. */
const conditions = [m.jiCondition, m.ilCondition, m.flCondition] as const
const present = conditions.map((metric) => equalTo(1, series(metric)))

/** One query out of three. */
function any(made: readonly Expression<string>[], labels: readonly string[]): Expression<string> {
  const [first] = made
  if (first === undefined) throw new RangeError('there is nothing to join')
  return written(first, made.map(({ text }) => text).join(' or '), labels)
}

/** Pods that Sedna has made: those with one of its labels. */
const podsOfSedna = ['jointinferenceservice', 'incrementallearningjob', 'federatedlearningjob']
  .map((kind) => cluster.foreign(clusterSeries.podLabels, { [`label_${kind}_sedna_io_name`]: like('.+') }).text)
  .concat(cluster.foreign(clusterSeries.podLabels, { label_sedna: oneOf('gm', 'lc', 'kb') }).text)
  .join(' or ')

/** A series of pods, of Sedna's pods alone. */
function ofItsPods<L extends string>(pods: Expression<L>): Expression<L> {
  return written(pods, `${pods.text} * on (namespace, pod) group_left () (max by (namespace, pod) (${podsOfSedna}))`, pods.labels)
}

const phase = cluster.foreign(clusterSeries.podPhase)
const itsContainers = (of: 'containerRunning' | 'containerWaiting' | 'containerTerminated') =>
  ofItsPods(cluster.foreign(clusterSeries[of]))

const overview: Row = {
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

const resources: Row = {
  title: 'In the cluster',
  panels: [
    table(
      {
        title: 'Resources',
        description: 'How does each resource of Sedna stand, as the cluster knows it, and since when?',
        width: 12,
        height: 8,
      },
      [
        {
          expression: any(
            [
              equalTo(1, cluster.foreign(sednaSeries.jointInference.status_condition)),
              equalTo(1, cluster.foreign(sednaSeries.incrementalLearning.status_condition)),
            ],
            ['namespace', 'name', 'condition'],
          ),
        },
        { expression: equalTo(1, cluster.foreign(sednaSeries.federatedLearning.status_phase)) },
        {
          expression: any(
            [
              cluster.foreign(sednaSeries.jointInference.status_start_timestamp_seconds),
              cluster.foreign(sednaSeries.incrementalLearning.status_start_timestamp_seconds),
              cluster.foreign(sednaSeries.federatedLearning.status_start_timestamp_seconds),
            ].map((moment) => maxBy(['namespace', 'name'], inMilliseconds(moment))),
            ['namespace', 'name'],
          ),
        },
        {
          expression: maxBy(
            ['namespace', 'name'],
            inMilliseconds(cluster.foreign(sednaSeries.federatedLearning.status_completion_timestamp_seconds)),
          ),
        },
      ],
      [
        { of: { label: 'name' }, title: 'Resource' },
        { of: { label: 'condition' }, title: 'Condition' },
        { of: { label: 'phase' }, title: 'Phase' },
        { of: { query: 2 }, title: 'Started', unit: 'dateTimeAsIso' },
        { of: { query: 3 }, title: 'Completed', unit: 'dateTimeAsIso' },
      ],
    ),
    barGauge({
      title: 'Samples of the data sets',
      description: 'How many samples does each data set hold?',
      targets: [
        {
          expression: maxBy(['namespace', 'dataset'], cluster.foreign(sednaSeries.dataset.status_samples)),
          legend: '{{dataset}}',
          isInstant: true,
        },
      ],
      width: 12,
      height: 8,
    }),
    table(
      { title: 'Pods', description: 'Which phase is each pod of Sedna in?', width: 8, height: 8 },
      [{ expression: equalTo(1, ofItsPods(phase)) }],
      [
        { of: { label: 'namespace' }, title: 'Namespace' },
        { of: { label: 'pod' }, title: 'Pod' },
        { of: { label: 'phase' }, title: 'Phase' },
      ],
    ),
    table(
      { title: 'Containers', description: 'Does each container of Sedna run, wait, or has it ended?', width: 8, height: 8 },
      [
        { expression: itsContainers('containerRunning') },
        { expression: itsContainers('containerWaiting') },
        { expression: itsContainers('containerTerminated') },
      ],
      [
        { of: { label: 'pod' }, title: 'Pod' },
        { of: { label: 'container' }, title: 'Container' },
        { of: { query: 0 }, title: 'Running' },
        { of: { query: 1 }, title: 'Waiting' },
        { of: { query: 2 }, title: 'Ended' },
      ],
    ),
    table(
      { title: 'Why containers wait', description: 'Why does a container wait?', width: 8, height: 8, noValue: 'none waits' },
      [{ expression: equalTo(1, ofItsPods(cluster.foreign(clusterSeries.containerWaitingReason))) }],
      [
        { of: { label: 'pod' }, title: 'Pod' },
        { of: { label: 'container' }, title: 'Container' },
        { of: { label: 'reason' }, title: 'Reason' },
      ],
    ),
    timeSeries({
      title: 'Restarts of containers',
      description: 'Which containers of Sedna start again and again?',
      targets: [
        {
          expression: ofItsPods(increase(cluster.foreign(clusterSeries.containerRestarts), '1h')),
          legend: '{{pod}} {{container}}',
        },
      ],
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'CPU of the pods',
      description: 'How many cores do the pods of Sedna use in the cloud?',
      targets: [{ expression: ofItsPods(rate(cluster.foreign(clusterSeries.containerCpu))), legend: '{{pod}} {{container}}' }],
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Memory of the pods',
      description: 'How much memory do the pods of Sedna hold in the cloud?',
      targets: [{ expression: ofItsPods(cluster.foreign(clusterSeries.containerMemory)), legend: '{{pod}} {{container}}' }],
      width: 8,
      height: 8,
    }),
  ],
}

const components: Row = {
  title: 'Components and workers',
  panels: [
    steps({
      title: 'Components up',
      description: 'Do the pods of the Global Manager, the Local Controllers and the knowledge base run?',
      targets: [
        {
          expression: written(
            phase,
            `${maxBy(['namespace', 'pod', 'label_sedna'], cluster.foreign(clusterSeries.podLabels, { label_sedna: oneOf('gm', 'lc', 'kb') })).text} * on (namespace, pod) group_left () ${maxBy(['namespace', 'pod'], cluster.foreign(clusterSeries.podPhase, { phase: 'Running' })).text}`,
            ['namespace', 'pod', 'label_sedna'],
          ),
          legend: '{{label_sedna}} {{pod}}',
        },
      ],
      unit: 'short',
      decimals: 0,
      width: 8,
      height: 8,
    }),
    steps({
      title: 'Workers by state',
      description: 'How many workers are live, suspect or lost?',
      targets: [{ expression: sumBy(['state'], series(m.engines, { engine_type: 'sedna' })), legend: '{{state}}' }],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Age of the last report',
      description: 'How long ago was each worker last heard of?',
      targets: [
        { expression: maxBy(['job_id', 'task'], timeSince(series(m.taskLastReport, ofSedna))), legend: '{{job_id}} {{task}}' },
      ],
      width: 8,
      height: 8,
    }),
    logLines({
      title: 'Log lines of the workers',
      description: 'What did the workers of the three types write?',
      targets: [{ expression: linesOf(['namespace'], [{ task_type: ofSedna.task_type }]) }],
      width: 24,
      height: 10,
    }),
  ],
}

/** All of Sedna at a glance: resources, pods, workers. */
export const sednaSystemPage: Page = {
  key: 'sedna',
  description: 'How do the services and jobs of Sedna stand, and do its components and workers run?',
  audience:
    '**For whoever runs Sedna in a cluster.** Services and jobs as their workers report them, resources and pods as kube-state-metrics ' +
    'knows them. What comes from the cluster is empty where that is not scraped; workers at the edge report by themselves.',
  rows: [overview, resources, components],
  from: '3h',
  refresh: '30s',
  needsLoki: true,
}
