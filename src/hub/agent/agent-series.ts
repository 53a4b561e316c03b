import { Exposition, type Family } from '../http/exposition.ts'
import type { EventBook } from './event-book.ts'

export type AgentFamilies = Readonly<Record<'agentRuns' | 'agentRunning' | 'agentCapacity', Family>>

/** How a run ended, for its series. */
export const runOutcomes = ['succeeded', 'failed', 'timed_out', 'cancelled'] as const
export type RunOutcome = (typeof runOutcomes)[number]

/** The agent's series in Prometheus's text format 0.0.4. */
export function agentExposition(
  families: AgentFamilies,
  { running, ended }: Pick<EventBook, 'running' | 'ended'>,
  capacity: number,
): string {
  const text = new Exposition()
  text.family(
    families.agentRuns,
    runOutcomes.map((outcome) => [{ outcome }, ended.get(outcome) ?? 0]),
  )
  text.family(families.agentRunning, [[{}, running]])
  text.family(families.agentCapacity, [[{}, capacity]])
  return text.toString()
}
