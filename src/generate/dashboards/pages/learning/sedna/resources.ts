import { clusterSeries, sednaSeries } from '../../../../../catalogue/kube/index.ts'
import type { Row } from '../../../model.ts'
import { timeSeries } from '../../../panels/graph.ts'
import { barGauge } from '../../../panels/single.ts'
import { table } from '../../../panels/table.ts'
import { equalTo, increase, inMilliseconds, maxBy, rate } from '../../../query/expression.ts'
import { any, cluster, itsContainers, ofItsPods, phase } from './scope.ts'

/** Resources, pods and containers as the cluster knows them. */
export const resources: Row = {
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
