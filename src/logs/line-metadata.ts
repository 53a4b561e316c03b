/** What goes into a line's structured metadata: flat text, within Loki's limits, under names that cannot pass for ours. */
import { toUSVString } from 'node:util'
import type { LogEntry } from '../jobs/records.ts'

/** Loki's defaults, with room for what it counts itself. */
const entriesMax = 128
const bytesMax = 60 * 1024
/** Names and values of our own are short; one that is not is cut, so that a line is never refused for it. */
const ownValueMax = 1024
const nameMax = 256

/** Names with a meaning of their own in our streams. A field of that name is kept as `field_<name>`. */
const ownNames = new Set([
  'service_name',
  'namespace',
  'engine_type',
  'task_type',
  'level',
  'job_id',
  'task',
  'attempt',
  'engine',
  'node',
  'original_ts',
  'fields_dropped',
  'event',
])

/** Prefix of a field whose name is one of ours. */
const fieldPrefix = 'field_'

type Metadata = Record<string, string>

/** The part that all lines of an entry share. */
export function ownMetadata(entry: LogEntry): Readonly<Metadata> {
  const own: Metadata = {}
  const facts: [string, string | number | undefined][] = [
    ['job_id', entry.jobId],
    ['task', entry.task],
    ['attempt', entry.attempt],
    ['engine', entry.engine],
    ['node', entry.node],
  ]
  for (const [name, value] of facts) {
    if (value !== undefined && value !== '') own[name] = toUSVString(String(value).slice(0, ownValueMax))
  }
  return own
}

/**
 * The metadata of one line. Own keys win. Fields that do not fit are left out and counted in `fields_dropped`.
 * @param isOwn the line was made by the aggregator, so its `event` is meant
 * @param originalTs ns, where the line had to be moved in time
 */
export function lineMetadata(
  own: Readonly<Metadata>,
  fields: Readonly<Record<string, string>> | undefined,
  isOwn: boolean,
  originalTs?: string,
): Readonly<Metadata> {
  if (fields === undefined && originalTs === undefined) return own
  const metadata: Metadata = { ...own }
  if (originalTs !== undefined) metadata['original_ts'] = originalTs
  const budget = { entries: entriesMax - Object.keys(metadata).length - 1, bytes: bytesMax - bytesOf(metadata) }
  let dropped = 0
  for (const [name, raw] of Object.entries(fields ?? {})) {
    const value = textOf(raw)
    const key = budget.entries > 0 ? freeName(metadata, nameOf(name, isOwn)) : name
    const bytes = Buffer.byteLength(value) + key.length
    if (budget.entries === 0 || bytes > budget.bytes) {
      dropped++
      continue
    }
    metadata[key] = value
    budget.entries--
    budget.bytes -= bytes
  }
  if (dropped > 0) metadata['fields_dropped'] = String(dropped)
  return metadata
}

/** The engine's name for a field that was read back from Loki, or undefined when the name is ours. */
export function fieldNameOf(name: string): string | undefined {
  if (name === 'event') return name
  if (ownNames.has(name) || name.startsWith('__') || name === 'detected_level') return undefined
  const bare = name.startsWith(fieldPrefix) ? name.slice(fieldPrefix.length) : name
  return ownNames.has(bare) ? bare : name
}

/** Loki's names are `[a-zA-Z_][a-zA-Z0-9_]*`, and two leading underscores are its own. */
function nameOf(name: string, isOwn: boolean): string {
  const clean = name.slice(0, nameMax).replace(/[^a-zA-Z0-9_]/g, '_')
  if (isOwn && clean === 'event') return clean
  const isFit = /^(?!__)[a-zA-Z_]/.test(clean) && clean !== 'detected_level' && !ownNames.has(clean)
  return isFit ? clean : fieldPrefix + clean
}

function freeName(taken: Metadata, name: string): string {
  if (!Object.hasOwn(taken, name)) return name
  for (let number = 2; ; number++) {
    const candidate = `${name}_${number}`
    if (!Object.hasOwn(taken, candidate)) return candidate
  }
}

function textOf(value: unknown): string {
  return toUSVString(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
}

function bytesOf(metadata: Metadata): number {
  let bytes = 0
  for (const [name, value] of Object.entries(metadata)) bytes += name.length + Buffer.byteLength(value)
  return bytes
}
