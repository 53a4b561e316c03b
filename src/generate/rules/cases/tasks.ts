import { families } from '../../../catalogue/families.ts'
import { type AlertCase, aTask, bucket, inDefault, shared, sqlOnSpark } from './case.ts'

const { taskDuration, taskProgress, taskQueue, tasksFinished, tasksLost, tasksOldestWaiting, tasksStalled } = families
const { taskStart, taskStatus } = families
const succeeded = { ...inDefault, status: 'succeeded' } as const
const failed = { ...inDefault, status: 'failed' } as const
const durations = { ...sqlOnSpark, status: 'succeeded' } as const

export const taskCases: readonly AlertCase[] = [
  {
    alert: 'EnginescopeTasksLost',
    input: [shared(tasksLost, inDefault, '0x4 2x30')],
    labels: inDefault,
    description: '2 tasks of type sql in namespace default were lost within 10 minutes.',
    lastSilentMinute: 4,
    firstFiringMinute: 5,
  },
  {
    alert: 'EnginescopeTaskFailureRateHigh',
    input: [shared(tasksFinished, succeeded, '0+9x60'), shared(tasksFinished, failed, '0x20 1+1x40')],
    labels: sqlOnSpark,
    description: '6.25% of the sql tasks on spark engines failed within 10 minutes.',
    lastSilentMinute: 25,
    firstFiringMinute: 26,
  },
  {
    alert: 'EnginescopeTaskFailureBudgetBurnFast',
    input: [shared(tasksFinished, succeeded, '0+10x60 605+5x60'), shared(tasksFinished, failed, '0x60 5+5x60')],
    labels: sqlOnSpark,
    description: '16.67% of the sql tasks on spark engines failed within the last hour.',
    lastSilentMinute: 79,
    firstFiringMinute: 80,
  },
  {
    alert: 'EnginescopeTaskFailureBudgetBurnSlow',
    input: [shared(tasksFinished, succeeded, '0+9x600'), shared(tasksFinished, failed, '0+1x600')],
    labels: sqlOnSpark,
    description: '10% of the sql tasks on spark engines failed within the last day.',
    lastSilentMinute: 180,
    firstFiringMinute: 181,
  },
  {
    alert: 'EnginescopeQueueWaitHigh',
    input: [
      bucket(taskQueue, sqlOnSpark, '60.0', '0x60'),
      bucket(taskQueue, sqlOnSpark, '600.0', '0x5 1+1x50'),
      bucket(taskQueue, sqlOnSpark, '+Inf', '0x5 1+1x50'),
    ],
    labels: sqlOnSpark,
    description: 'One in twenty sql tasks waits 9m 32s or longer for a spark engine.',
    lastSilentMinute: 15,
    firstFiringMinute: 16,
  },
  {
    alert: 'EnginescopeQueueStuck',
    input: [shared(tasksOldestWaiting, sqlOnSpark, '0x60')],
    labels: sqlOnSpark,
    description: 'The oldest sql task for spark engines has waited 36m 0s.',
    lastSilentMinute: 35,
    firstFiringMinute: 36,
  },
  {
    alert: 'EnginescopeTasksStalled',
    input: [shared(tasksStalled, sqlOnSpark, '0x4 1x30')],
    labels: sqlOnSpark,
    description: '1 sql tasks on spark engines stand still.',
    lastSilentMinute: 14,
    firstFiringMinute: 15,
  },
  {
    alert: 'EnginescopeTaskOverdue',
    input: [
      shared(taskStart, aTask('main'), '0x120'),
      shared(taskStatus, { ...aTask('main'), status: 'running' }, '1x120'),
      bucket(taskDuration, durations, '600.0', '0+2x120'),
      bucket(taskDuration, durations, '+Inf', '0+2x120'),
      { name: `${taskDuration.name}_count`, labels: durations, samples: '0+2x120' },
    ],
    labels: aTask('main'),
    description: 'Task main of job 48213 (sql) has been running for 34m 0s.',
    lastSilentMinute: 33,
    firstFiringMinute: 34,
    because:
      'the lowest bucket given ends at 600, so that the usual time reads as 0.95 * 600 = 570 s, three times which is 28.5 min',
  },
  {
    alert: 'EnginescopeTaskStraggler',
    input: ['1', '2', '3', '4'].flatMap((task) => [
      shared(taskProgress, aTask(task), task === '4' ? '0+0.001x60' : '0+0.01x60'),
      shared(taskStatus, { ...aTask(task), status: 'running' }, '1x60'),
    ]),
    labels: aTask('4'),
    description: 'Task 4 of job 48213 on n1:1 falls behind the other tasks of the job.',
    lastSilentMinute: 10,
    firstFiringMinute: 11,
  },
]
