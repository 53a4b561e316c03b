import { families } from '../../../catalogue/families.ts'
import { type AlertCase, bucket, shared } from './case.ts'

const { hubAgents, hubDenies, hubQueueOldestAge, hubQueueProcesses, hubScheduleToStart, hubSlots, hubTakeovers } = families

/** Processes that wait, and who should run them. */
export const hubCases: readonly AlertCase[] = [
  {
    alert: 'EnginescopeHubSlowToStart',
    input: [
      bucket(hubScheduleToStart, {}, '60.0', '0+10x4 40x40'),
      bucket(hubScheduleToStart, {}, '120.0', '0+10x4 50+10x40'),
      bucket(hubScheduleToStart, {}, '+Inf', '0+10x4 50+10x40'),
    ],
    labels: {},
    description: '95% of the processes taken within 10 minutes waited up to 1m 55s.',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
  {
    alert: 'EnginescopeHubQueueStuck',
    input: [shared(hubQueueOldestAge, {}, '0x4 60+60x30')],
    labels: {},
    description: 'The oldest process has waited 11m 0s for a dispatcher.',
    lastSilentMinute: 14,
    firstFiringMinute: 15,
  },
  {
    alert: 'EnginescopeHubDenies',
    input: [shared(hubDenies, { reason: 'no_agent' }, '0x4 2+2x40')],
    labels: { reason: 'no_agent' },
    description: 'Within 5 minutes processes were passed over 10 times: no_agent.',
    lastSilentMinute: 14,
    firstFiringMinute: 15,
  },
  {
    alert: 'EnginescopeHubNoAgent',
    input: [
      shared(hubAgents, { algorithm: 'io.csv', state: 'live' }, '1x4 0x30'),
      shared(hubAgents, { algorithm: 'io.csv', state: 'lost' }, '0x4 1x30'),
    ],
    labels: { algorithm: 'io.csv' },
    description: 'No agent that offers io.csv is live; flows that need it wait.',
    lastSilentMinute: 9,
    firstFiringMinute: 10,
  },
  {
    alert: 'EnginescopeHubSlotsTaken',
    input: [
      shared(hubSlots, { dispatcher: 'd-1', state: 'used' }, '1x4 4x40'),
      shared(hubSlots, { dispatcher: 'd-1', state: 'total' }, '4x60'),
      shared(hubQueueProcesses, {}, '3x60'),
    ],
    labels: {},
    description: '100% of the slots have been taken for 15 minutes, and processes wait.',
    lastSilentMinute: 19,
    firstFiringMinute: 20,
  },
  {
    alert: 'EnginescopeHubTakeovers',
    input: [shared(hubTakeovers, {}, '0x20 6x40')],
    labels: {},
    description: 'Processes were taken over 6 times within 15 minutes.',
    lastSilentMinute: 20,
    firstFiringMinute: 21,
  },
]
