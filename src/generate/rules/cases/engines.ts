import { families } from '../../../catalogue/families.ts'
import { type AlertCase, inDefault, shared } from './case.ts'

const { engineUp, engines, engineRestarts, engineTasks, engineTaskLimit, tasks } = families
const engine = { engine: 'n1:1', engine_type: 'spark' } as const
const spark = { engine_type: 'spark' } as const

export const engineCases: readonly AlertCase[] = [
  {
    alert: 'EnginescopeEngineDown',
    input: [shared(engineUp, engine, '1x4 0x20')],
    labels: engine,
    description: 'Engine n1:1 (spark) is silent. Its open tasks are lost unless it speaks again.',
    lastSilentMinute: 6,
    firstFiringMinute: 7,
  },
  {
    alert: 'EnginescopeManyEnginesSuspect',
    input: [
      shared(engines, { ...spark, state: 'live' }, '10x4 6x20'),
      shared(engines, { ...spark, state: 'suspect' }, '0x4 4x20'),
    ],
    labels: {},
    description: '40% of the engines that were there have stopped reporting.',
    lastSilentMinute: 5,
    firstFiringMinute: 6,
  },
  {
    alert: 'EnginescopeEngineFlapping',
    input: [shared(engineRestarts, engine, '0x15 0+1x30')],
    labels: engine,
    description: 'Engine n1:1 (spark) started 4 times within 15 minutes.',
    lastSilentMinute: 19,
    firstFiringMinute: 20,
  },
  {
    alert: 'EnginescopeNoLiveEngine',
    input: [shared(tasks, { ...inDefault, status: 'inited' }, '3x30'), shared(engines, { ...spark, state: 'live' }, '1x4 0x30')],
    labels: spark,
    description: '3 tasks wait for an engine of type spark.',
    lastSilentMinute: 6,
    firstFiringMinute: 7,
  },
  {
    alert: 'EnginescopeEnginesSaturated',
    input: [
      shared(engineTasks, { ...engine, state: 'running' }, '1x4 4x40'),
      shared(engineTasks, { ...engine, state: 'pending' }, '2x50'),
      shared(engineTaskLimit, engine, '4x50'),
    ],
    labels: spark,
    description: 'Engines of type spark have 100% of their slots taken, and more tasks wait.',
    lastSilentMinute: 19,
    firstFiringMinute: 20,
  },
]
