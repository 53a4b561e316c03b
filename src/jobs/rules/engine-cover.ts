import type { EngineFacts, EngineTaskCounts, Report } from '../../report/report.ts'

/** A report of a task as its engine sees it. */
export type Heard = { readonly report: Report; readonly stampUs: number; readonly engineType: string }

/**
 * Whether an engine learns nothing from a report that a later one of the same request does not tell it anew. An engine's reports mostly
 * come many to a request, and each but the last repeats the engine's facts and counts.
 */
export function isCoveredBy(earlier: Heard, later: Heard): boolean {
  const { engine } = earlier.report
  // Without an incarnation a fall of a count tells of a restart: then none may be left out.
  if (engine.incarnation === undefined || engine.incarnation !== later.report.engine.incarnation) return false
  if (earlier.report.execId === undefined || later.report.execId === undefined) return false
  if (later.stampUs === 0 || later.stampUs < earlier.stampUs || earlier.engineType !== later.engineType) return false
  return (
    areFactsCovered(engine, later.report.engine) &&
    areCountsCovered(earlier.report.engineTaskCounts, later.report.engineTaskCounts)
  )
}

function areFactsCovered(earlier: EngineFacts, later: EngineFacts): boolean {
  // What only grows is read from every report.
  if (earlier.stateSeconds !== undefined) return false
  let name: keyof EngineFacts
  for (name in earlier) if (later[name] === undefined) return false
  return true
}

function areCountsCovered(earlier: EngineTaskCounts | undefined, later: EngineTaskCounts | undefined): boolean {
  if (earlier === undefined) return true
  if (later === undefined) return false
  const { succeeded = 0, failed = 0 } = earlier
  if (succeeded > (later.succeeded ?? -1) && earlier.succeeded !== undefined) return false
  if (failed > (later.failed ?? -1) && earlier.failed !== undefined) return false
  let name: keyof EngineTaskCounts
  for (name in earlier) if (earlier[name] !== undefined && later[name] === undefined) return false
  return true
}
