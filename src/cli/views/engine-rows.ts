import type { EngineSummary } from '../../jobs/queries/engine-view.ts'
import { age } from './format.ts'
import { colourOfStatus, type Paint } from './paint.ts'
import { safeText } from './safe-text.ts'
import { columns } from './table.ts'

/** Engines as a table. */
export function engineTable(engines: readonly EngineSummary[], nowMs: number, paint: Paint): string {
  return columns(
    ['ENGINE', 'TYPE', 'STATE', 'SAYS', 'RUNNING', 'PENDING', 'LIMIT', 'SUCCEEDED', 'FAILED', 'RESTARTS', 'NODE', 'REPORTED'],
    engines.map(({ counts, ...engine }) => [
      safeText(engine.instance),
      safeText(engine.engineType),
      paint(engine.state, colourOfStatus(engine.state)),
      safeText(engine.facts.status ?? '-'),
      ...[counts.running, counts.pending, counts.limit, counts.succeeded, counts.failed].map((count) => String(count ?? '-')),
      String(engine.restarts),
      safeText(engine.facts.node ?? '-'),
      age(engine.timestamps.lastReport, nowMs),
    ]),
  )
}
