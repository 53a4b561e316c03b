import { filledIn, type PanelQuery } from '../../src/generate/dashboards/index.ts'
import { reasonForNoData } from './panels-without-data.ts'
import type { WatchedStack } from './watched-stack.ts'

/**
 * What is wrong with the answers to queries of panels: an error, nothing where there should be something, or something
 * where nothing was expected.
 * @param values what to put for variables in place of what they have at first
 */
export async function panelFaults(
  stack: WatchedStack,
  queries: readonly PanelQuery[],
  values: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const faults: string[] = []
  for (const query of queries) {
    const expression = filledIn(query, values)
    // A variable is looked up over the whole range, as a graph is drawn; and what has ended is there for two scrapes only.
    const isNow = query.isInstant && query.from === 'panel' && !expression.includes('_completion_timestamp_')
    const { series, error } = await stack.ask(expression, isNow ? 'now' : 'since the start')
    const name = `${query.dashboard}, ${query.title}: ${expression}`
    const reason = reasonForNoData(query)
    if (error !== undefined) faults.push(`${name}\n  fails: ${error}`)
    else if (series === 0 && reason === undefined) faults.push(`${name}\n  has no data`)
    else if (series > 0 && reason !== undefined) faults.push(`${name}\n  has data, though: ${reason}`)
  }
  return faults
}
