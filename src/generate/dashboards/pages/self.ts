import { dashboards } from '../../../catalogue/dashboards.ts'
import { type Metric, metrics } from '../../../catalogue/index.ts'
import { flagMappings } from '../colours.ts'
import type { Page, Row, Target } from '../model.ts'
import { steps, timeSeries } from '../panels/graph.ts'
import { stat } from '../panels/single.ts'
import { line, rising } from '../panels/thresholds.ts'
import { stateTimeline } from '../panels/timeline.ts'
import { quantiles } from '../query/compound.ts'
import { type Expression, increase, largest, max, maxBy, rate, type Selector, sum, sumBy } from '../query/expression.ts'
import { scopeOf } from '../query/selector.ts'

const page = scopeOf(dashboards.self.variables)
const { series, foreign } = page

const ingest: Row = {
  title: 'Ingest',
  panels: [
    timeSeries({
      title: 'Reports by outcome',
      description: 'How many reports are judged each second, and how?',
      targets: [{ expression: sumBy(['outcome'], rate(series(metrics.reports))), legend: '{{outcome}}' }],
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Rejections by code',
      description: 'Why are reports or requests refused?',
      targets: [{ expression: sumBy(['code'], rate(series(metrics.reportRejections))), legend: '{{code}}' }],
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Request time',
      description: 'How long does a request with reports take to be answered?',
      targets: quantiles(page, metrics.ingestRequest, [0.5, 0.99]),
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Report delay',
      description: "How long are reports on their way, by the engines' clocks?",
      targets: quantiles(page, metrics.reportDelay, [0.5, 0.95]),
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Ignored fields, top 10',
      description: 'Which fields do senders send in vain?',
      targets: [{ expression: largest(10, sumBy(['field'], rate(series(metrics.ignoredFields)))), legend: '{{field}}' }],
      width: 8,
      height: 8,
    }),
    steps({
      title: 'Lost reports',
      description: 'How many numbered reports never came and were given up?',
      targets: [{ expression: sum(increase(series(metrics.reportsLost), '$__interval')), legend: 'lost' }],
      interval: '1m',
      decimals: 0,
      width: 8,
      height: 8,
    }),
  ],
}

const store: Row = {
  title: 'Redis',
  panels: [
    timeSeries({
      title: 'Command time',
      description: 'How long does Redis take to answer?',
      targets: quantiles(page, metrics.redisCommand, [0.5, 0.99]),
      thresholds: line(0.05),
      width: 8,
      height: 7,
    }),
    timeSeries({
      title: 'Errors',
      description: 'How many commands does Redis refuse or leave unanswered each second?',
      targets: [{ expression: sumBy(['kind'], rate(series(metrics.redisErrors))), legend: '{{kind}}' }],
      width: 6,
      height: 7,
    }),
    stat({
      title: 'Durable',
      description: 'Would an acknowledged report survive a power cut of the Redis machine?',
      targets: [{ expression: max(series(metrics.redisNotDurable)), legend: 'durable', isInstant: true }],
      mappings: flagMappings(['not durable', 'red'], ['durable', 'green']),
      thresholds: line(1),
      width: 4,
      height: 7,
    }),
    steps({
      title: 'Shards owned',
      description: 'Does every shard have an owner?',
      targets: [
        { expression: sum(series(metrics.shardsOwned)), legend: 'owned' },
        { expression: max(series(metrics.shards)), legend: 'shards', isCapacity: true },
      ],
      decimals: 0,
      width: 6,
      height: 7,
    }),
  ],
}

const exposition: Row = {
  title: 'Series',
  panels: [
    steps({
      title: 'Series and their limit',
      description: 'How many series does each family print, and for how many is there room?',
      targets: [
        { expression: sumBy(['family'], series(metrics.series)), legend: '{{family}}' },
        { expression: maxBy(['family'], series(metrics.seriesLimit)), legend: '{{family}} limit', isCapacity: true },
      ],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Overflow',
      description: 'How often was there no room for a series?',
      targets: [{ expression: sumBy(['family'], rate(series(metrics.seriesOverflow))), legend: '{{family}}' }],
      width: 5,
      height: 8,
    }),
    timeSeries({
      title: 'Scrape time',
      description: 'How long does Prometheus take to scrape the slowest replica?',
      targets: [{ expression: max(scraped('scrape_duration_seconds', 'seconds')), legend: 'slowest replica' }],
      thresholds: line(10),
      width: 5,
      height: 8,
    }),
    timeSeries({
      title: 'Samples scraped',
      description: 'How many samples do all replicas hand out at a scrape?',
      targets: [{ expression: sum(scraped('scrape_samples_scraped', 'count')), legend: 'samples' }],
      width: 6,
      height: 8,
    }),
  ],
}

const logs: Row = {
  title: 'Logs',
  panels: [
    timeSeries({
      title: 'Outbox and its limit',
      description: 'How much log text waits for Loki, and how much may wait?',
      targets: [
        { expression: sum(series(metrics.logOutboxBytes)), legend: 'waiting' },
        { expression: max(series(metrics.logOutboxLimit)), legend: 'limit', isCapacity: true },
      ],
      width: 6,
      height: 8,
    }),
    timeSeries({
      title: 'Age of the oldest line',
      description: 'How long has the oldest line waited for Loki?',
      targets: [{ expression: max(series(metrics.logOutboxAge)), legend: 'oldest line' }],
      thresholds: rising(30, 120),
      width: 6,
      height: 8,
    }),
    timeSeries({
      title: 'Answers of Loki',
      description: 'What does Loki answer to pushes?',
      targets: [{ expression: sumBy(['code'], rate(series(metrics.lokiRequests))), legend: '{{code}}' }],
      width: 6,
      height: 8,
    }),
    timeSeries({
      title: 'Lines by outcome',
      description: 'How many lines arrive, and what becomes of them?',
      targets: [{ expression: sumBy(['outcome'], rate(series(metrics.logLines))), legend: '{{outcome}}' }],
      width: 6,
      height: 8,
    }),
  ],
}

const perReplica: Row = {
  title: 'Per replica',
  panels: [
    stateTimeline({
      title: 'Up',
      description: 'Which replica answered its scrapes, and when?',
      targets: [byReplica(scraped('up', 'flag'))],
      mappings: flagMappings(['up', 'green'], ['down', 'red']),
      width: 12,
      height: 6,
    }),
    steps({
      title: 'Shards by replica',
      description: 'How are the shards spread over the replicas?',
      targets: [byReplica(series(metrics.shardsOwned))],
      decimals: 0,
      width: 12,
      height: 6,
    }),
    timeSeries({
      title: 'Event loop lag p99',
      description: 'Which replica is busier than it can take?',
      targets: [byReplica(scraped('nodejs_eventloop_lag_p99_seconds', 'seconds'))],
      thresholds: line(0.2),
      width: 8,
      height: 7,
    }),
    timeSeries({
      title: 'CPU',
      description: 'How many cores does each replica keep busy?',
      targets: [byReplica(rate(scraped('process_cpu_seconds_total', 'seconds')))],
      width: 8,
      height: 7,
    }),
    timeSeries({
      title: 'Open descriptors',
      description: 'How many files and sockets does each replica hold open, and how many may it?',
      targets: [
        byReplica(scraped('process_open_fds', 'count')),
        { expression: maxBy(['instance'], scraped('process_max_fds', 'count')), legend: '{{instance}} limit', isCapacity: true },
      ],
      decimals: 0,
      width: 8,
      height: 7,
    }),
    timeSeries({
      title: 'Memory',
      description: 'How much memory does each replica hold?',
      targets: [byReplica(scraped('process_resident_memory_bytes', 'bytes'))],
      width: 12,
      height: 7,
    }),
    timeSeries({
      title: 'Heap',
      description: 'How much of its heap does each replica use, and how much has it?',
      targets: [
        byReplica(scraped('nodejs_heap_size_used_bytes', 'bytes')),
        { expression: maxBy(['instance'], scraped('nodejs_heap_size_total_bytes', 'bytes')), legend: '{{instance}} size' },
      ],
      width: 12,
      height: 7,
    }),
  ],
}

/** Series that Prometheus or Node.js writes for each replica. */
function scraped(name: string, unit: Metric['unit']): Selector<'instance'> {
  return foreign({ name, unit, labels: ['instance'] })
}

/** One line for each replica: in this row alone replicas are told apart. */
function byReplica<L extends string>(expression: Expression<L | 'instance'>): Target {
  return { expression: maxBy(['instance'], expression), legend: '{{instance}}' }
}

/** How the aggregator itself does. */
export const selfPage: Page = {
  key: 'self',
  description: 'Does the aggregator take reports, keep its store, print its series and ship log lines as it should?',
  audience:
    '**For whoever runs Enginescope.** From the door to Loki: reports, Redis, series, log lines. All rows but the last add ' +
    'up the chosen replicas; the last one tells them apart.',
  rows: [ingest, store, exposition, logs, perReplica],
  from: '3h',
  refresh: '30s',
  needsLoki: false,
}
