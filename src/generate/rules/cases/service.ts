import { families, foreignSeries } from '../../../catalogue/families.ts'
import { type AlertCase, own, shared } from './case.ts'

const { logLines, logOutboxAge, logOutboxBytes, logOutboxLimit, lokiRequests } = families
const { redisErrors, redisNotDurable, reports, reportsLost, seriesOverflow, shards, shardsOwned } = families
const { runtimeUp } = families

/** What comes in and does not get where it belongs. */
export const ingestCases: readonly AlertCase[] = [
  {
    alert: 'EnginescopeReportsRejected',
    input: [
      own(reports, { outcome: 'applied' }, '0+96x60', ['0+64x60', '0+24x60', '0+8x60']),
      own(reports, { outcome: 'rejected' }, '0x5 4+4x50', ['0x60', '0x5 4+4x50', '0x60']),
    ],
    labels: {},
    description: '4% of the reports of the last 5 minutes were rejected.',
    lastSilentMinute: 11,
    firstFiringMinute: 12,
    because: 'one rejection in a window of five minutes is 0.83 % of the reports, two are above 1 %',
  },
  {
    alert: 'EnginescopeReportsLost',
    input: [shared(reportsLost, {}, '0x4 3x30')],
    labels: {},
    description: '3 reports were given up waiting for within 15 minutes.',
    lastSilentMinute: 4,
    firstFiringMinute: 5,
  },
  {
    alert: 'EnginescopeSeriesOverflow',
    input: [own(seriesOverflow, { family: 'task' }, '0x4 1+1x30', ['0x40', '0x4 1+1x30', '0x40'])],
    labels: { family: 'task' },
    description: 'The family task turned 6 series away within 10 minutes; the fleet series count them all.',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
]

/** Log lines on their way to Loki. */
export const logCases: readonly AlertCase[] = [
  {
    alert: 'EnginescopeLogLinesDeadLettered',
    input: [own(logLines, { outcome: 'dead_lettered' }, '0x4 1x30', ['0x40', '0x40', '0x4 1x30'])],
    labels: {},
    description: '1 lines became dead letters within 10 minutes.',
    lastSilentMinute: 4,
    firstFiringMinute: 5,
  },
  {
    alert: 'EnginescopeLogShippingLag',
    input: [own(logOutboxAge, {}, '0x4 60+60x30', ['0x40', '0x4 60+60x30', '0x4 30+30x30'])],
    labels: {},
    description: 'The oldest line has waited 8m 0s for Loki.',
    lastSilentMinute: 11,
    firstFiringMinute: 12,
  },
  {
    alert: 'EnginescopeLogOutboxNearlyFull',
    input: [
      own(logOutboxBytes, {}, '10x4 80x30', ['10x4 40x30', '0x4 40x30', '0x40']),
      own(logOutboxLimit, {}, '100x40', ['100x40', '100x40', '100x40']),
    ],
    labels: {},
    description: '80% of the outbox is taken.',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
  {
    alert: 'EnginescopeLokiMisconfigured',
    input: [own(lokiRequests, { code: '401' }, '0x4 1+1x30', ['0x4 1+1x30', '0x40', '0x40'])],
    labels: {},
    description: '3 requests were answered with 401, 403 or 404 within 5 minutes.',
    lastSilentMinute: 6,
    firstFiringMinute: 7,
  },
]

/** The replicas and the Redis under them. */
export const replicaCases: readonly AlertCase[] = [
  {
    alert: 'EnginescopeDown',
    input: [own(foreignSeries.up, {}, '1x4 0x20', ['1x4 0x20', '1x3 0x21', '0x30'])],
    labels: {},
    description: 'Prometheus reaches no target of the job enginescope. Engines keep their reports until one answers.',
    lastSilentMinute: 5,
    firstFiringMinute: 6,
  },
  {
    alert: 'EnginescopeShardOwnership',
    input: [
      own(shardsOwned, {}, '16x4 8x20', ['6x30', '5x4 2x20', '5x4 0x20']),
      own(shards, {}, '16x40', ['16x40', '16x40', '16x40']),
    ],
    labels: {},
    description: 'The replicas own 8 shards together, which is not how many there are.',
    lastSilentMinute: 6,
    firstFiringMinute: 7,
  },
  {
    alert: 'EnginescopeRedisFailing',
    input: [own(redisErrors, { kind: 'timeout' }, '0x4 1+1x30', ['0x40', '0x4 1+1x30', '0x40'])],
    labels: { kind: 'timeout' },
    description: 'Commands to Redis fail or take too long. Reports are answered with 503 and sent again by their engines.',
    lastSilentMinute: 6,
    firstFiringMinute: 7,
  },
  {
    alert: 'EnginescopeRedisFailing',
    input: slowCommands(),
    labels: {},
    description: 'Commands to Redis fail or take too long. Reports are answered with 503 and sent again by their engines.',
    lastSilentMinute: 8,
    firstFiringMinute: 9,
    because: 'no errors; 2 % of the commands take longer than 0.05 s, which is 1 % of the window after three minutes',
  },
  {
    alert: 'EnginescopeRedisNotDurable',
    input: [own(redisNotDurable, {}, '0x4 1x30', ['0x4 1x30', '0x4 1x30', '0x40'])],
    labels: {},
    description: 'AOF is off, or appendfsync is not always.',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
  {
    alert: 'EnginescopeEventLoopLag',
    input: [own(foreignSeries.eventLoopLagP99, {}, '0x4 0.5x30', ['0x40', '0x4 0.5x30', '0x4 0.1x30'])],
    labels: {},
    description: 'The event loop of a replica is held up for 500ms (99th percentile).',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
]

function slowCommands() {
  const { name } = families.redisCommand
  const at = (le: string, one: string, three: readonly [string, string, string]) => ({
    name: `${name}_bucket`,
    labels: { command: 'evalsha', le },
    samples: { one, three },
  })
  return [
    at('0.05', '0+100x4 498+98x30', ['0+50x40', '0+40x4 198+38x30', '0+10x40']),
    at('0.1', '0+100x40', ['0+50x40', '0+40x40', '0+10x40']),
    at('+Inf', '0+100x40', ['0+50x40', '0+40x40', '0+10x40']),
  ]
}

/** Runtimes that are polled. */
export const sourceCases: readonly AlertCase[] = [
  {
    alert: 'EnginescopeRuntimeUnreachable',
    input: [shared(runtimeUp, { namespace: 'default', runtime: 'r1' }, '1x4 0x30')],
    labels: { namespace: 'default', runtime: 'r1' },
    description: 'Runtime r1 in namespace default does not answer its monitor.',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
  {
    alert: 'EnginescopeRuntimeLagging',
    input: [shared(families.runtimePollLag, { namespace: 'default', runtime: 'r1' }, '1x4 180x30')],
    labels: { namespace: 'default', runtime: 'r1' },
    description: 'The last good answer of runtime r1 in namespace default is 3m 0s old.',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
  {
    alert: 'EnginescopeRuntimeBehind',
    input: [
      shared(families.runtimeMessagesBehind, { namespace: 'default', runtime: 'r1', topic: 'logs' }, '0x4 9000x30'),
      shared(families.runtimeMessagesBehind, { namespace: 'default', runtime: 'r1', topic: 'metadata' }, '0x4 2000x30'),
    ],
    labels: { namespace: 'default', runtime: 'r1' },
    description: '11000 messages of runtime r1 in namespace default are not yet taken in.',
    lastSilentMinute: 14,
    firstFiringMinute: 15,
  },
  {
    alert: 'EnginescopeRuntimeMessagesLost',
    input: [shared(families.runtimeMessages, { topic: 'logs', outcome: 'lost' }, '0x9 15x30')],
    labels: {},
    description: '15 messages left the logs of runtimes unread within 15 minutes.',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
  {
    alert: 'EnginescopeRuntimeLogLost',
    input: [shared(families.runtimeResets, { reason: 'log_lost' }, '0x9 1x30')],
    labels: {},
    description: '1 topics of runtimes were read anew within 15 minutes.',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
]
