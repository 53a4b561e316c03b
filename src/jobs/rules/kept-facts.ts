/** Metadata, lineage and workflow token: kept with the job as they came, put together over its reports. */
import type { Report } from '../../report/report.ts'
import type { JobRecord } from '../records.ts'
import { counterFields } from './counter-fields.ts'
import { addTo, type Effects } from './effects.ts'

const lineageMax = 1_000
const namesMax = 1_000
/** Characters of JSON that one of them may grow to. */
const lengthMax = 262_144

type Named = Readonly<Record<string, unknown>>

/** Takes in what a report says of them. */
export function takeKeptFacts(job: JobRecord, { metadata, lineage, workflowToken }: Report, effects: Effects): void {
  if (metadata !== undefined) job.metadata = merged(job.metadata, metadata)
  if (workflowToken !== undefined) job.workflowToken = merged(job.workflowToken, workflowToken)
  if (lineage !== undefined) job.lineage = appended(job.lineage, lineage, effects)
}

const isNamed = (value: unknown): value is Named => typeof value === 'object' && value !== null && !Array.isArray(value)

/** By top-level name, the newest value of each; `{}` = none now. What is no object takes the place of what is known. */
function merged(known: unknown, reported: unknown): unknown {
  if (!isNamed(reported) || !isNamed(known) || Object.keys(reported).length === 0) return reported
  // A name that comes again goes to the end: beyond the bounds those go that were said longest ago.
  const all = new Map(Object.entries(known))
  for (const [name, value] of Object.entries(reported)) {
    all.delete(name)
    all.set(name, value)
  }
  const both = Object.fromEntries([...all].slice(-namesMax))
  return JSON.stringify(both).length <= lengthMax ? both : reported
}

/** Entries one after the other, equal ones once; `[]` = none now. Beyond the bound the new ones are left out and counted. */
function appended(known: unknown, reported: unknown, effects: Effects): unknown {
  if (!Array.isArray(reported) || reported.length === 0) return reported
  const all: unknown[] = Array.isArray(known) ? [...known] : []
  const seen = new Set(all.map((entry) => JSON.stringify(entry)))
  let length = all.reduce((sum: number, entry) => sum + JSON.stringify(entry).length, 0)
  let dropped = 0
  for (const entry of reported) {
    const text = JSON.stringify(entry)
    if (seen.has(text)) continue
    if (all.length >= lineageMax || length + text.length > lengthMax) {
      dropped++
      continue
    }
    seen.add(text)
    all.push(entry)
    length += text.length
  }
  if (dropped > 0) addTo(effects, counterFields.lineageDropped(), dropped)
  return all
}
