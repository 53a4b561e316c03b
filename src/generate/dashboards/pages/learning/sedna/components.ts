import { clusterSeries } from '../../../../../catalogue/kube/index.ts'
import { oneOf } from '../../../../../catalogue/select.ts'
import type { Row } from '../../../model.ts'
import { steps, timeSeries } from '../../../panels/graph.ts'
import { logLines } from '../../../panels/text.ts'
import { maxBy, sumBy, timeSince, written } from '../../../query/expression.ts'
import { linesOf } from '../../../query/logql.ts'
import { cluster, m, ofSedna, phase, series } from './scope.ts'

/** Sedna's components, its workers and their lines. */
export const components: Row = {
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
