import { dashboards } from '../../../../catalogue/dashboards.ts'
import { families } from '../../../../catalogue/families.ts'
import type { Page, Row } from '../../model.ts'
import { steps, timeSeries } from '../../panels/graph.ts'
import { pie } from '../../panels/pie.ts'
import { barGauge } from '../../panels/single.ts'
import { table } from '../../panels/table.ts'
import { rising } from '../../panels/thresholds.ts'
import { divide, maxBy, quantile, rate, sumBy } from '../../query/expression.ts'
import { scopeOf } from '../../query/selector.ts'
import { driftPanel, jobStat, logRow, statesOf, throughput, usageRow, workersTable } from './shared-panels.ts'

const page = scopeOf(dashboards.federated.variables)
const { series } = page
const m = families
const perJob = ['job_id'] as const
const perNode = ['job_id', 'node'] as const
const recorded = (name: string, unit: 'seconds' | 'count') =>
  page.foreign({ name, unit, labels: ['namespace', 'job_id', 'node', 'task'] as const })
const wait = recorded('node:enginescope_federated_learning_wait:seconds', 'seconds')
const staleness = recorded('node:enginescope_federated_learning_staleness:rounds', 'count')
const participation = page.foreign({
  name: 'job:enginescope_federated_learning_participation:ratio',
  unit: 'ratio',
  // Of the job, so that no choice of nodes hides it.
  labels: ['namespace', 'job_id'] as const,
})

const overview: Row = {
  title: 'Jobs',
  panels: [
    barGauge({
      title: 'Rounds',
      description: 'How far is the training through its rounds?',
      targets: [
        {
          expression: divide(maxBy(perJob, series(m.flAggregationRound)), maxBy(perJob, series(m.flExitRound))),
          legend: '{{job_id}}',
          isInstant: true,
        },
      ],
      min: 0,
      max: 1,
      width: 8,
      height: 4,
    }),
    jobStat({ title: 'Nodes', description: 'How many nodes take part?' }, series(m.flTrainNodes)),
    jobStat({ title: 'Samples', description: 'How many samples do all nodes have together?' }, series(m.flSamples)),
    jobStat({ title: 'Participation', description: 'Which share of the nodes is in the newest round?' }, participation, {
      min: 0,
      max: 1,
    }),
    jobStat({ title: 'Last round', description: 'Which round has the aggregator put together?' }, series(m.flAggregationRound)),
    statesOf(
      { title: 'Training of the jobs', description: 'How did the training of each job stand, and when?' },
      'status',
      m.flTrainStatus,
      series(m.flTrainStatus),
      perJob,
    ),
    statesOf(
      { title: 'Training on the nodes', description: 'How did the training on each node stand, and when?' },
      'status',
      m.flNodeTrainStatus,
      series(m.flNodeTrainStatus),
      perNode,
    ),
    statesOf(
      { title: 'Condition', description: 'How did each job stand, and when?' },
      'condition',
      m.flCondition,
      series(m.flCondition),
      perJob,
      { width: 24 },
    ),
  ],
}

const perNodeLines = { legend: '{{job_id}} {{node}}' } as const

const rounds: Row = {
  title: 'Rounds and nodes',
  panels: [
    steps({
      title: 'Rounds of the nodes',
      description: 'Which round is each node in, and which has the aggregator put together?',
      targets: [
        { expression: maxBy(perNode, series(m.flNodeIteration)), ...perNodeLines },
        { expression: maxBy(perJob, series(m.flAggregationRound)), legend: '{{job_id}} aggregated' },
      ],
      decimals: 0,
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Loss',
      description: 'How does the loss fall on each node, and that of the aggregated model?',
      targets: [
        { expression: maxBy(perNode, series(m.flTrainLoss)), ...perNodeLines },
        { expression: maxBy(perJob, series(m.flAggregatedLoss)), legend: '{{job_id}} aggregated' },
      ],
      width: 12,
      height: 8,
    }),
    pie({
      title: 'Samples of the nodes',
      description: 'How are the samples spread over the nodes?',
      targets: [{ expression: maxBy(perNode, series(m.flNodeSamples)), ...perNodeLines, isInstant: true }],
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Time of training in a round',
      description: 'How long did each node train in its newest round?',
      targets: [{ expression: maxBy(perNode, series(m.flRoundTrain)), ...perNodeLines }],
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Waiting for the slowest',
      description: 'How long did each node wait for the slowest one?',
      targets: [{ expression: maxBy(perNode, wait), ...perNodeLines }],
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Time of a round',
      description: 'How long do rounds take, and how much of it does the aggregator wait?',
      targets: [
        {
          expression: divide(sumBy(perJob, page.sumOf(m.flRoundDuration)), sumBy(perJob, page.countOf(m.flRoundDuration))),
          legend: '{{job_id}} mean round',
        },
        { expression: quantile(0.95, sumBy(['job_id', 'le'], rate(page.bucket(m.flRoundWait)))), legend: '{{job_id}} p95 wait' },
      ],
      width: 8,
      height: 8,
    }),
    steps({
      title: 'Rounds behind',
      description: 'How many rounds is each node behind the aggregator?',
      targets: [{ expression: maxBy(perNode, staleness), ...perNodeLines }],
      thresholds: rising(2),
      decimals: 0,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Learning rate and batch size',
      description: 'What does each node train with?',
      targets: [
        { expression: maxBy(perNode, series(m.flLearningRate)), legend: '{{job_id}} {{node}} learning rate' },
        { expression: maxBy(perNode, series(m.flBatchSize)), legend: '{{job_id}} {{node}} batch size' },
      ],
      width: 8,
      height: 8,
    }),
    table(
      { title: 'Nodes', description: 'Which nodes take part, and how many samples has each?', width: 8, height: 8 },
      [
        { expression: maxBy(perNode, series(m.flNodeInfo)) },
        { expression: maxBy(perNode, series(m.flNodeSamples)) },
        { expression: maxBy(perNode, series(m.flNodeIteration)) },
      ],
      [
        { of: { label: 'job_id' }, title: 'Job' },
        { of: { label: 'node' }, title: 'Node' },
        { of: { query: 1 }, title: 'Samples' },
        { of: { query: 2 }, title: 'Round' },
      ],
    ),
    throughput(rate(series(m.flJobSamplesProcessed)), 8),
    timeSeries({
      title: 'Samples per second by node',
      description: 'How many samples does each node work through?',
      targets: [{ expression: sumBy(perNode, rate(series(m.flSamplesProcessed))), ...perNodeLines }],
      width: 8,
      height: 8,
    }),
    driftPanel(series(m.flDrift), 24),
    workersTable(page, m.flWorkerInfo, []),
  ],
}

/** Training on many nodes, round by round. */
export const federatedLearningPage: Page = {
  key: 'federated',
  description: 'How far are the rounds, does the loss fall, and which node do the others wait for?',
  audience:
    '**For whoever trains over many nodes.** How far the rounds are, how the loss falls on each node and in the aggregated model, and ' +
    'which node the others wait for. A node counts its rounds for itself; the aggregator counts those it has put together.',
  rows: [overview, rounds, usageRow(page, 'federated_learning'), logRow('federated_learning')],
  from: '6h',
  refresh: '10s',
  needsLoki: true,
}
