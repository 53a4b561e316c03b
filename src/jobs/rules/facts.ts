import type { EngineFacts } from '../../report/report.ts'

/** Facts about an engine with what a report says on top. The very same object where that is nothing new, as it mostly is. */
export function withNews(known: EngineFacts, reported: EngineFacts): EngineFacts {
  let name: keyof EngineFacts
  for (name in reported) if (reported[name] !== known[name]) return { ...known, ...reported }
  return known
}
