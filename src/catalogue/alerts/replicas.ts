import { families, foreignSeries } from '../families.ts'
import { maxWithout, promql, rate, sumWithout } from '../promql.ts'
import { recorded, recordingRules } from '../rules.ts'
import { select } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { redisErrors, redisNotDurable, shards, shardsOwned } = families

/** Alerts about the replicas of the aggregator and the Redis under them. */
export function replicaAlerts(options: RuleOptions): readonly Alert[] {
  const { job, thresholds } = options
  const lag = maxWithout(['instance'], select(foreignSeries.eventLoopLagP99, { job }))
  return [
    alert({
      name: 'EnginescopeDown',
      severity: 'critical',
      for: '1m',
      expr: absentTarget(job),
      // absent() of a comparison has no labels; without its job this alert would inhibit nothing.
      labels: { job },
      summary: 'No replica of the aggregator answers scrapes.',
      description: () => `Prometheus reaches no target of the job ${job}. Engines keep their reports until one answers.`,
      dashboard: 'self',
      variables: [],
    }),
    alert({
      name: 'EnginescopeShardOwnership',
      severity: 'critical',
      for: '2m',
      expr: promql`${sumWithout(['instance'], select(shardsOwned))} != ${maxWithout(['instance'], select(shards))}`,
      summary: 'Some shards have no owner, or two: series are missing or doubled.',
      description: ({ value }) => `The replicas own ${value('count')} shards together, which is not how many there are.`,
      dashboard: 'self',
      variables: [],
    }),
    ...redisAlerts(options),
    alert({
      name: 'EnginescopeEventLoopLag',
      severity: 'warning',
      for: '5m',
      expr: promql`${lag} > ${thresholds.eventLoopLagSecondsMax}`,
      summary: 'A replica is busier than it can take.',
      description: ({ value }) => `The event loop of a replica is held up for ${value('duration')} (99th percentile).`,
      dashboard: 'self',
      variables: [],
    }),
  ]
}

function absentTarget(job: string) {
  const up = select(foreignSeries.up, { job })
  return { ...promql`absent(${up} == 1)`, labels: ['job'] as const }
}

function redisAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  return [
    alert({
      name: 'EnginescopeRedisFailing',
      severity: 'critical',
      for: '2m',
      expr: promql`${sumWithout(['instance'], rate(select(redisErrors), '5m'))} > 0
        or ${recorded(recordingRules.redisP99)} > ${thresholds.redisCommandSecondsMax}`,
      summary: 'Redis fails or is slow; engines are told to come back later.',
      description: () =>
        'Commands to Redis fail or take too long. Reports are answered with 503 and sent again by their engines.',
      dashboard: 'self',
      variables: [],
    }),
    alert({
      name: 'EnginescopeRedisNotDurable',
      severity: 'warning',
      for: '5m',
      expr: promql`${maxWithout(['instance'], select(redisNotDurable))} == 1`,
      summary: 'Redis may lose acknowledged reports on a power cut.',
      description: () => 'AOF is off, or appendfsync is not always.',
      dashboard: 'self',
      variables: [],
    }),
  ]
}
