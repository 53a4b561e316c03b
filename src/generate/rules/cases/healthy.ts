import { families, foreignSeries } from '../../../catalogue/families.ts'
import { aTask, bucket, type InputSeries, inDefault, own, shared, sqlOnSpark } from './case.ts'
import { healthySedna } from './sedna.ts'

/** Longer than the longest `for` and window of a day's work in which nothing goes wrong. */
export const healthyMinutes = 240

const minutes = `x${healthyMinutes}`
const always = (value: number) => `${value}${minutes}`
const growing = (perMinute: number) => `0+${perMinute}${minutes}`
/** The same value on one replica and on each of three. */
const onEach = (samples: string) => [samples, [samples, samples, samples]] as const

const engine = { engine: 'n1:1', engine_type: 'spark' } as const
const durations = { ...sqlOnSpark, status: 'succeeded' } as const

/** Every series that an alert reads, of an installation in which work comes, waits a little, runs and succeeds. */
export const healthyFleet: readonly InputSeries[] = [
  ...fleet(),
  ...oneEngine(),
  ...threeTasks(),
  ...ownSeries(),
  ...sources(),
  ...healthySedna(healthyMinutes),
]

function fleet(): InputSeries[] {
  return [
    shared(families.tasks, { ...inDefault, status: 'inited' }, always(1)),
    shared(families.tasks, { ...inDefault, status: 'running' }, always(3)),
    shared(families.tasksFinished, { ...inDefault, status: 'succeeded' }, growing(100)),
    // Well below one in a hundred: some work always fails.
    shared(families.tasksFinished, { ...inDefault, status: 'failed' }, growing(0.5)),
    shared(families.tasksFinished, { ...inDefault, status: 'timed_out' }, always(0)),
    shared(families.tasksFinished, { ...inDefault, status: 'cancelled' }, growing(20)),
    shared(families.tasksLost, inDefault, always(0)),
    shared(families.tasksStalled, sqlOnSpark, always(0)),
    // The oldest waiting task is always from the beginning of the present quarter of an hour.
    shared(families.tasksOldestWaiting, sqlOnSpark, quarters()),
    shared(families.engines, { engine_type: 'spark', state: 'live' }, always(9)),
    shared(families.engines, { engine_type: 'spark', state: 'suspect' }, always(1)),
    shared(families.engines, { engine_type: 'spark', state: 'lost' }, always(0)),
    shared(families.reportsLost, {}, always(0)),
    bucket(families.taskQueue, sqlOnSpark, '10.0', growing(99)),
    bucket(families.taskQueue, sqlOnSpark, '+Inf', growing(100)),
    bucket(families.taskDuration, durations, '14400.0', growing(99)),
    bucket(families.taskDuration, durations, '+Inf', growing(100)),
    { name: `${families.taskDuration.name}_count`, labels: durations, samples: growing(100) },
  ]
}

function quarters(): string {
  return Array.from({ length: healthyMinutes + 1 }, (_, minute) => Math.floor(minute / 15) * 900).join(' ')
}

function oneEngine(): InputSeries[] {
  return [
    shared(families.engineUp, engine, always(1)),
    shared(families.engineRestarts, engine, `0x99 1x${healthyMinutes - 100}`),
    shared(families.engineTasks, { ...engine, state: 'running' }, always(3)),
    shared(families.engineTasks, { ...engine, state: 'pending' }, always(1)),
    shared(families.engineTaskLimit, engine, always(4)),
  ]
}

function threeTasks(): InputSeries[] {
  return ['1', '2', '3'].flatMap((task) => [
    shared(families.taskStart, aTask(task), always(0)),
    shared(families.taskStatus, { ...aTask(task), status: 'running' }, always(1)),
    shared(families.taskProgress, aTask(task), `0+0.00${Number(task) + 1}${minutes}`),
  ])
}

function ownSeries(): InputSeries[] {
  const command = (le: string) => ({ name: `${families.redisCommand.name}_bucket`, labels: { command: 'evalsha', le } })
  const counts = { one: growing(900), three: [growing(300), growing(300), growing(300)] } as const
  return [
    own(foreignSeries.up, {}, ...onEach(always(1))),
    own(foreignSeries.eventLoopLagP99, {}, ...onEach(always(0.02))),
    own(families.reports, { outcome: 'applied' }, ...onEach(growing(300))),
    own(families.reports, { outcome: 'rejected' }, ...onEach(growing(1))),
    own(families.seriesOverflow, { family: 'task' }, ...onEach(always(0))),
    own(families.logLines, { outcome: 'dead_lettered' }, ...onEach(always(0))),
    own(families.logLines, { outcome: 'shipped' }, ...onEach(growing(1000))),
    own(families.logOutboxAge, {}, ...onEach(always(1))),
    own(families.logOutboxBytes, {}, ...onEach(always(1000))),
    own(families.logOutboxLimit, {}, ...onEach(always(268_435_456))),
    own(families.lokiRequests, { code: '204' }, ...onEach(growing(60))),
    own(families.lokiRequests, { code: '401' }, ...onEach(always(0))),
    own(families.shardsOwned, {}, always(16), [always(6), always(5), always(5)]),
    own(families.shards, {}, ...onEach(always(16))),
    own(families.redisErrors, { kind: 'timeout' }, ...onEach(always(0))),
    own(families.redisNotDurable, {}, ...onEach(always(0))),
    { ...command('0.005'), samples: counts },
    { ...command('+Inf'), samples: counts },
  ]
}

function sources(): InputSeries[] {
  return [
    shared(families.runtimeUp, { namespace: 'default', runtime: 'r1' }, always(1)),
    shared(families.runtimePollLag, { namespace: 'default', runtime: 'r1' }, always(2)),
    shared(families.runtimeMessagesBehind, { namespace: 'default', runtime: 'r1', topic: 'logs' }, always(10)),
    shared(families.runtimeMessages, { topic: 'logs', outcome: 'lost' }, always(0)),
    shared(families.runtimeResets, { reason: 'log_lost' }, always(0)),
    shared(families.hubQueueOldestAge, {}, always(20)),
    shared(families.hubQueueProcesses, {}, always(3)),
    shared(families.hubDenies, { reason: 'no_agent' }, always(7)),
    shared(families.hubAgents, { algorithm: 'io.csv', state: 'live' }, always(1)),
    shared(families.hubAgents, { algorithm: 'io.csv', state: 'lost' }, always(1)),
    shared(families.hubSlots, { dispatcher: 'd-1', state: 'used' }, always(3)),
    shared(families.hubSlots, { dispatcher: 'd-1', state: 'total' }, always(4)),
    shared(families.hubTakeovers, {}, always(2)),
    bucket(families.hubScheduleToStart, {}, '10.0', growing(99)),
    bucket(families.hubScheduleToStart, {}, '+Inf', growing(100)),
  ]
}
