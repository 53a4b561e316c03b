import { Exposition, type Family, type HistogramOf, type Labels } from '../http/exposition.ts'
import type { MemberView } from '../registry/member.ts'

export type HubFamilies = Readonly<
  Record<
    | 'hubQueueProcesses'
    | 'hubQueueOldestAge'
    | 'hubProcessesAdded'
    | 'hubProcessesDispatched'
    | 'hubProcessesFinished'
    | 'hubScheduleToStart'
    | 'hubSlots'
    | 'hubDenies'
    | 'hubAgents'
    | 'hubNode'
    | 'hubTakeovers'
    | 'hubResultsRefused',
    Family
  >
>

export type HubNumbers = {
  readonly queueLength: number
  readonly oldestAgeMs: number
  readonly counters: ReadonlyMap<string, number>
  readonly members: readonly MemberView[]
  readonly isQuarantined: (agent: MemberView) => boolean
  /** Dispatchers, and algorithms, with series of their own. */
  readonly seriesMax: number
}

/** The hub's series in Prometheus's text format 0.0.4. */
export function hubExposition(families: HubFamilies, numbers: HubNumbers): string {
  const { counters, members } = numbers
  const count = (name: string) => counters.get(name) ?? 0
  const text = new Exposition()
  text.family(families.hubQueueProcesses, [[{}, numbers.queueLength]])
  text.family(families.hubQueueOldestAge, [[{}, numbers.oldestAgeMs / 1_000]])
  text.family(families.hubProcessesAdded, [[{}, count('added')]])
  text.family(families.hubProcessesDispatched, [[{}, count('dispatched')]])
  text.family(
    families.hubProcessesFinished,
    ['succeeded', 'failed', 'cancelled', 'lost'].map((outcome) => [{ outcome }, count(`finished:${outcome}`)]),
  )
  text.histograms(families.hubScheduleToStart, [{ labels: {}, names: ['scheduleToStart'] }], count)
  text.family(families.hubSlots, slotsOf(members, numbers.seriesMax))
  text.family(families.hubDenies, reasonsOf(counters, 'denies:', ['no_agent', 'no_capacity', 'other']))
  text.family(families.hubAgents, agentsOf(numbers))
  text.histograms(families.hubNode, nodeNames(counters, numbers.seriesMax), count)
  text.family(families.hubTakeovers, [[{}, count('takeovers')]])
  text.family(families.hubResultsRefused, reasonsOf(counters, 'refused:', ['fence_stale', 'event_unknown', 'shape', 'agent']))
  return text.toString()
}

/** Known reasons are there from the start, since an alert rests on their increase. */
function reasonsOf(counters: ReadonlyMap<string, number>, prefix: string, known: readonly string[]): [Labels, number][] {
  return known.map((reason) => [{ reason }, counters.get(prefix + reason) ?? 0])
}

function slotsOf(members: readonly MemberView[], seriesMax: number): [Labels, number][] {
  const dispatchers = members.filter(({ kind, state }) => kind === 'dispatcher' && state !== 'lost')
  return dispatchers.slice(0, seriesMax).flatMap(({ id, running, slots = 0 }): [Labels, number][] => [
    [{ dispatcher: id, state: 'used' }, running],
    [{ dispatcher: id, state: 'total' }, slots],
  ])
}

function agentsOf({ members, isQuarantined, seriesMax }: HubNumbers): [Labels, number][] {
  const states = ['live', 'suspect', 'lost', 'quarantined'] as const
  const byAlgorithm = new Map<string, Map<string, number>>()
  for (const member of members) {
    if (member.kind !== 'agent' || member.algorithm === undefined) continue
    const { key } = member.algorithm
    const algorithm = byAlgorithm.has(key) || byAlgorithm.size < seriesMax ? key : 'other'
    const counts = byAlgorithm.get(algorithm) ?? new Map<string, number>()
    const state = isQuarantined(member) ? 'quarantined' : member.state
    counts.set(state, (counts.get(state) ?? 0) + 1)
    byAlgorithm.set(algorithm, counts)
  }
  return [...byAlgorithm].flatMap(([algorithm, counts]) =>
    states.map((state): [Labels, number] => [{ algorithm, state }, counts.get(state) ?? 0]),
  )
}

/** Algorithms that a node has run of, in order of their names; beyond the limit they are added up as `other`. */
function nodeNames(counters: ReadonlyMap<string, number>, seriesMax: number): HistogramOf[] {
  const keys = [...counters.keys()].flatMap((name) => /^node:(.+):sum$/.exec(name)?.[1] ?? []).sort()
  const own = keys.slice(0, seriesMax).map((algorithm) => ({ labels: { algorithm }, names: [`node:${algorithm}`] }))
  const others = keys.slice(seriesMax).map((algorithm) => `node:${algorithm}`)
  return others.length === 0 ? own : [...own, { labels: { algorithm: 'other' }, names: others }]
}
