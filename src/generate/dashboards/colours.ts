import type { DynamicConfigValue, ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard'
import { MappingType } from '@grafana/grafana-foundation-sdk/dashboard'

/** The colours that mean something, the same on every page. */
export const colours = {
  good: 'green',
  warning: 'yellow',
  raised: 'orange',
  bad: 'red',
  lost: 'purple',
  neutral: 'blue',
  muted: 'text',
} as const

/** Colour of every word that says how something stands: tasks, engines, reports, lines, agents, runtimes. */
export const stateColours: Readonly<Record<string, string>> = {
  running: 'blue',
  succeeded: 'green',
  failed: 'red',
  timed_out: 'dark-red',
  cancelled: '#8e8e8e',
  inited: 'light-yellow',
  scheduled: 'yellow',
  waiting_for_retry: 'dark-yellow',
  suspended: 'semi-dark-yellow',
  waiting: 'yellow',
  ready: 'light-yellow',
  starting: 'light-blue',
  completed: 'green',
  train: 'blue',
  eval: 'purple',
  deploy: 'green',
  ok: 'green',
  not_ok: 'red',
  skipped: '#8e8e8e',
  deployed: 'green',
  edge: 'blue',
  cloud: 'purple',
  pending: 'yellow',
  lost: 'purple',
  stalled: 'orange',
  live: 'green',
  suspect: 'yellow',
  quarantined: 'orange',
  ACTIVE: 'green',
  FINISHING: 'blue',
  UNREACHABLE: 'red',
  ENDED: '#8e8e8e',
  applied: 'green',
  late: 'yellow',
  duplicate: 'blue',
  stale: 'dark-yellow',
  closed: '#8e8e8e',
  rejected: 'red',
  accepted: 'blue',
  shipped: 'green',
  dead_lettered: 'red',
  dead_letters_trimmed: 'dark-red',
  refused: 'orange',
  ERROR: 'red',
  FATAL: 'dark-red',
  WARN: 'yellow',
  INFO: 'green',
  DEBUG: 'blue',
  TRACE: '#8e8e8e',
}

/** A rule that colours some series or columns. */
export type Override = {
  matcher: { id: string; options: unknown }
  properties: DynamicConfigValue[]
}

/** Colours each series by the last word of its name. */
export function stateOverrides(states: readonly string[]): Override[] {
  return states.flatMap((state) => {
    const fixedColor = stateColours[state]
    if (fixedColor === undefined) return []
    const properties = [{ id: 'color', value: { mode: 'fixed', fixedColor } }]
    return [{ matcher: { id: 'byRegexp', options: `/(^|\\s)${state}$/` }, properties }]
  })
}

/** Shows a word in its colour, in a table's cell. */
export function stateMappings(states: readonly string[]): ValueMapping[] {
  const options = Object.fromEntries(states.map((state, index) => [state, { text: state, color: stateColours[state], index }]))
  return [{ type: MappingType.ValueToText, options } as ValueMapping]
}

/** Shows 1 and 0 as words in colour. */
export function flagMappings(one: readonly [string, string], zero: readonly [string, string]): ValueMapping[] {
  const options = { '0': { text: zero[0], color: zero[1], index: 1 }, '1': { text: one[0], color: one[1], index: 0 } }
  return [{ type: MappingType.ValueToText, options }]
}
