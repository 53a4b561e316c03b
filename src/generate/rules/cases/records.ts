import { families } from '../../../catalogue/families.ts'
import { recordingRules } from '../../../catalogue/rules.ts'
import { bucket, inDefault, own, type RecordCase, shared, sqlOnSpark } from './case.ts'

const { engineTaskLimit, engineTasks, redisCommand, reports, taskDuration, taskQueue, tasksFinished } = families
const durations = { ...sqlOnSpark, status: 'succeeded' } as const

/** Of four ended attempts one fails; what is cancelled counts on neither side. */
const ended = [
  shared(tasksFinished, { ...inDefault, status: 'succeeded' }, '0+3x30'),
  shared(tasksFinished, { ...inDefault, status: 'failed' }, '0+1x30'),
  shared(tasksFinished, { ...inDefault, namespace: 'other', status: 'succeeded' }, '0+3x30'),
  shared(tasksFinished, { ...inDefault, namespace: 'other', status: 'timed_out' }, '0+1x30'),
  shared(tasksFinished, { ...inDefault, status: 'cancelled' }, '0+5x30'),
]

const ratios = (['5m', '1h', '2h', '1d'] as const).map((window) => ({
  record: recordingRules[`failuresPerFinished${window}`].record,
  input: ended,
  labels: sqlOnSpark,
  minute: 30,
  value: 0.25,
}))

export const recordCases: readonly RecordCase[] = [
  ...ratios,
  {
    record: recordingRules.tasksFinished10m.record,
    input: ended,
    labels: sqlOnSpark,
    minute: 20,
    value: 80,
    because: 'eight a minute',
  },
  {
    record: recordingRules.queueP95.record,
    input: [bucket(taskQueue, sqlOnSpark, '10.0', '0+1x30'), bucket(taskQueue, sqlOnSpark, '+Inf', '0+2x30')],
    labels: sqlOnSpark,
    minute: 20,
    value: 10,
    because: 'beyond the last bound the quantile is that bound',
  },
  {
    record: recordingRules.durationP95.record,
    input: [bucket(taskDuration, durations, '600.0', '0+1x30'), bucket(taskDuration, durations, '+Inf', '0+2x30')],
    labels: sqlOnSpark,
    minute: 20,
    value: 600,
  },
  {
    record: recordingRules.succeeded7d.record,
    input: [{ name: `${taskDuration.name}_count`, labels: durations, samples: '0+2x30' }],
    labels: sqlOnSpark,
    minute: 16,
    value: 32,
  },
  {
    record: recordingRules.tasksPerLimit.record,
    input: ['n1:1', 'n2:1'].flatMap((engine) => [
      shared(engineTasks, { engine, engine_type: 'spark', state: 'running' }, engine === 'n1:1' ? '3x10' : '0x10'),
      shared(engineTaskLimit, { engine, engine_type: 'spark' }, '2x10'),
    ]),
    labels: { engine_type: 'spark' },
    minute: 5,
    value: 0.75,
  },
  {
    record: recordingRules.rejectedPerReport.record,
    input: [
      own(reports, { outcome: 'applied' }, '0+96x30', ['0+64x30', '0+24x30', '0+8x30']),
      own(reports, { outcome: 'rejected' }, '0+32x30', ['0+0x30', '0+8x30', '0+24x30']),
    ],
    labels: {},
    minute: 30,
    value: 0.25,
  },
  {
    record: recordingRules.redisP99.record,
    input: [
      own(
        { ...redisCommand, name: `${redisCommand.name}_bucket`, labels: ['command', 'le'] },
        { command: 'evalsha', le: '0.5' },
        '0+8x30',
        ['0+4x30', '0+2x30', '0+2x30'],
      ),
      own(
        { ...redisCommand, name: `${redisCommand.name}_bucket`, labels: ['command', 'le'] },
        { command: 'evalsha', le: '+Inf' },
        '0+16x30',
        ['0+8x30', '0+4x30', '0+4x30'],
      ),
    ],
    labels: {},
    minute: 30,
    value: 0.5,
  },
]
