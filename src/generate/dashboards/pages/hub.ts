import { dashboards } from '../../../catalogue/dashboards.ts'
import { hubMetrics } from '../../../catalogue/hub.ts'
import { not } from '../../../catalogue/select.ts'
import type { Page, Row } from '../model.ts'
import { steps, timeSeries } from '../panels/graph.ts'
import { rising } from '../panels/thresholds.ts'
import { quantiles } from '../query/compound.ts'
import { max, maxBy, quantile, rate, sum, sumBy } from '../query/expression.ts'
import { scopeOf } from '../query/selector.ts'

const page = scopeOf(dashboards.hub.variables)
const { series, bucket } = page

const queue: Row = {
  title: 'Queue',
  panels: [
    steps({
      title: 'Queue length',
      description: 'How many processes wait for a dispatcher?',
      targets: [{ expression: sum(series(hubMetrics.hubQueueProcesses)), legend: 'waiting' }],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Oldest in the queue',
      description: 'How long has the oldest process waited?',
      targets: [{ expression: max(series(hubMetrics.hubQueueOldestAge)), legend: 'oldest' }],
      thresholds: rising(60, 300),
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Schedule to start',
      description: 'How long do processes wait until a dispatcher takes them?',
      targets: quantiles(page, hubMetrics.hubScheduleToStart, [0.5, 0.95]),
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Added, dispatched, finished',
      description: 'Do processes leave as fast as they come?',
      targets: [
        { expression: sum(rate(series(hubMetrics.hubProcessesAdded))), legend: 'added' },
        { expression: sum(rate(series(hubMetrics.hubProcessesDispatched))), legend: 'dispatched' },
        { expression: sumBy(['outcome'], rate(series(hubMetrics.hubProcessesFinished))), legend: 'finished {{outcome}}' },
      ],
      width: 16,
      height: 8,
    }),
    timeSeries({
      title: 'Denies by reason',
      description: 'Why do dispatchers pass processes over?',
      targets: [{ expression: sumBy(['reason'], rate(series(hubMetrics.hubDenies))), legend: '{{reason}}' }],
      width: 8,
      height: 8,
    }),
  ],
}

const workers: Row = {
  title: 'Dispatchers and agents',
  panels: [
    steps({
      title: 'Slots used',
      description: 'How many slots of each dispatcher are taken, and how many has it?',
      targets: [
        { expression: maxBy(['dispatcher'], series(hubMetrics.hubSlots, { state: not('total') })), legend: '{{dispatcher}}' },
        {
          expression: maxBy(['dispatcher'], series(hubMetrics.hubSlots, { state: 'total' })),
          legend: '{{dispatcher}} slots',
          isCapacity: true,
        },
      ],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    steps({
      title: 'Agents by algorithm and state',
      description: 'How many agents offer each algorithm, and are they alive?',
      targets: [{ expression: sumBy(['algorithm', 'state'], series(hubMetrics.hubAgents)), legend: '{{algorithm}} {{state}}' }],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Node time p95',
      description: 'How long do nodes of each algorithm run?',
      targets: [
        { expression: quantile(0.95, sumBy(['algorithm', 'le'], rate(bucket(hubMetrics.hubNode)))), legend: '{{algorithm}}' },
      ],
      width: 8,
      height: 8,
    }),
  ],
}

/** Flows on agents. */
export const hubPage: Page = {
  key: 'hub',
  description: 'Do processes find a dispatcher and their nodes an agent, and how long does that take?',
  audience:
    '**For whoever runs flows on the hub.** Whether processes wait and why, who has slots free, which agents are alive, how ' +
    'long their nodes take. The first to watch is "Schedule to start", then "Oldest in the queue".',
  rows: [queue, workers],
  from: '6h',
  refresh: '30s',
  needsLoki: true,
}
