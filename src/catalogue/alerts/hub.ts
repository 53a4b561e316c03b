import { families } from '../families.ts'
import { histogramQuantile, increase, maxWithout, promql, rate, sumWithout } from '../promql.ts'
import { select, selectBuckets } from '../select.ts'
import { type Alert, alert } from './alert.ts'
import type { RuleOptions } from './options.ts'

const { hubAgents, hubDenies, hubQueueOldestAge, hubQueueProcesses, hubScheduleToStart, hubSlots, hubTakeovers } = families

/** Alerts about processes that wait, and about who should run them. Two hubs over one store print the same numbers. */
export function hubAlerts(options: RuleOptions): readonly Alert[] {
  return [...waitingAlerts(options), ...workerAlerts(options)]
}

function waitingAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  return [
    alert({
      name: 'EnginescopeHubSlowToStart',
      severity: 'warning',
      for: '5m',
      expr: promql`${histogramQuantile(0.95, maxWithout(['instance'], rate(selectBuckets(hubScheduleToStart), '10m')))}
        > ${thresholds.hubScheduleToStartSecondsMax}`,
      summary: 'Processes wait long until a dispatcher takes them.',
      description: ({ value }) => `95% of the processes taken within 10 minutes waited up to ${value('duration')}.`,
      dashboard: 'hub',
      variables: [],
    }),
    alert({
      name: 'EnginescopeHubQueueStuck',
      severity: 'warning',
      for: '5m',
      expr: promql`${maxWithout(['instance'], select(hubQueueOldestAge))} > ${thresholds.hubQueueAgeSecondsMax}`,
      summary: 'A process in the queue of the hub is taken by no dispatcher.',
      description: ({ value }) => `The oldest process has waited ${value('duration')} for a dispatcher.`,
      dashboard: 'hub',
      variables: [],
    }),
    alert({
      name: 'EnginescopeHubDenies',
      severity: 'warning',
      for: '10m',
      expr: promql`${maxWithout(['instance'], increase(select(hubDenies), '5m'))} > 0`,
      summary: 'Dispatchers pass processes over again and again.',
      description: ({ label, value }) =>
        `Within 5 minutes processes were passed over ${value('count')} times: ${label('reason')}.`,
      dashboard: 'hub',
      variables: [],
    }),
  ]
}

function workerAlerts({ thresholds }: RuleOptions): readonly Alert[] {
  const slots = (state: 'used' | 'total') =>
    maxWithout(['instance'], sumWithout(['dispatcher', 'state'], select(hubSlots, { state })))
  return [
    alert({
      name: 'EnginescopeHubNoAgent',
      severity: 'warning',
      for: '5m',
      expr: promql`${maxWithout(['state', 'instance'], select(hubAgents, { state: 'live' }))} == 0`,
      summary: 'An algorithm has no live agent any more.',
      description: ({ label }) => `No agent that offers ${label('algorithm')} is live; flows that need it wait.`,
      dashboard: 'hub',
      variables: [],
    }),
    alert({
      name: 'EnginescopeHubSlotsTaken',
      severity: 'warning',
      for: '15m',
      expr: promql`${slots('used')} / ${slots('total')} > ${thresholds.slotsTakenRatioMax}
        and ${maxWithout(['instance'], select(hubQueueProcesses))} > 0`,
      summary: 'All slots of the dispatchers are taken while processes wait.',
      description: ({ value }) => `${value('share')} of the slots have been taken for 15 minutes, and processes wait.`,
      dashboard: 'hub',
      variables: [],
    }),
    alert({
      name: 'EnginescopeHubTakeovers',
      severity: 'warning',
      for: '0m',
      expr: promql`${maxWithout(['instance'], increase(select(hubTakeovers), '15m'))} > ${thresholds.hubTakeoversMax}`,
      summary: 'Processes move from dispatcher to dispatcher.',
      description: ({ value }) => `Processes were taken over ${value('count')} times within 15 minutes.`,
      dashboard: 'hub',
      variables: [],
    }),
  ]
}
