import { dashboards } from '../../../catalogue/dashboards.ts'
import { runtimeMetrics } from '../../../catalogue/runtime.ts'
import { flagMappings } from '../colours.ts'
import type { Page, Row } from '../model.ts'
import { steps, timeSeries } from '../panels/graph.ts'
import { rising } from '../panels/thresholds.ts'
import { stateTimeline } from '../panels/timeline.ts'
import { maxBy, rate, sumBy } from '../query/expression.ts'
import { scopeOf } from '../query/selector.ts'

const { series } = scopeOf(dashboards.runtimes.variables)

const runtimes: Row = {
  title: 'Runtimes',
  panels: [
    steps({
      title: 'Runtimes by state',
      description: 'How many runtimes are followed, and how do they stand?',
      targets: [{ expression: sumBy(['state'], series(runtimeMetrics.runtimes)), legend: '{{state}}' }],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    stateTimeline({
      title: 'Up',
      description: 'Which runtime answered its monitor, and when?',
      targets: [
        { expression: maxBy(['namespace', 'runtime'], series(runtimeMetrics.runtimeUp)), legend: '{{namespace}} {{runtime}}' },
      ],
      mappings: flagMappings(['up', 'green'], ['unreachable', 'red']),
      width: 16,
      height: 8,
    }),
  ],
}

const messages: Row = {
  title: 'Polls and messages',
  panels: [
    timeSeries({
      title: 'Polls by outcome',
      description: 'How often are runtimes asked, and what comes of it?',
      targets: [{ expression: sumBy(['outcome'], rate(series(runtimeMetrics.runtimePolls))), legend: '{{outcome}}' }],
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Poll lag',
      description: 'How long ago did each runtime last answer as it should?',
      targets: [
        {
          expression: maxBy(['namespace', 'runtime'], series(runtimeMetrics.runtimePollLag)),
          legend: '{{namespace}} {{runtime}}',
        },
      ],
      thresholds: rising(60, 300),
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Messages behind',
      description: 'How many messages of each topic are published and not yet taken in?',
      targets: [{ expression: sumBy(['topic'], series(runtimeMetrics.runtimeMessagesBehind)), legend: '{{topic}}' }],
      decimals: 0,
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Messages per second',
      description: 'How many messages of each topic come in, and what becomes of them?',
      targets: [
        {
          expression: sumBy(['topic', 'outcome'], rate(series(runtimeMetrics.runtimeMessages))),
          legend: '{{topic}} {{outcome}}',
        },
      ],
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Logs read anew',
      description: 'Which runtimes began a new log, and which lost the one that was being read?',
      targets: [{ expression: sumBy(['reason'], rate(series(runtimeMetrics.runtimeResets))), legend: '{{reason}}' }],
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Lineage left out',
      description: 'Do jobs have more entries of lineage than they may?',
      targets: [{ expression: rate(series(runtimeMetrics.lineageDropped)), legend: 'entries' }],
      width: 12,
      height: 8,
    }),
  ],
}

/** Runs whose messages are fetched. */
export const runtimesPage: Page = {
  key: 'runtimes',
  description: 'Do the runtimes answer, and are their messages taken in?',
  audience:
    '**For whoever runs programs that are asked for their messages.** Which runtimes answer, how far behind their messages ' +
    'are, and what becomes of them.',
  rows: [runtimes, messages],
  from: '6h',
  refresh: '30s',
  needsLoki: true,
}
