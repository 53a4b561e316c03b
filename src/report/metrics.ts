/** `algorithmMetrics`: what it means is the catalogue's; here it is only made safe. */
import { isObject, isPrototypeKey, type JsonObject, type Read } from './fields.ts'
import type { ReportLimits } from './limits.ts'
import type { Notes } from './notes.ts'
import { JsonCopier } from './opaque.ts'
import { bareUrl } from './url.ts'
import { safeText } from './url-secrets.ts'

const notANumber = /^[+-]?(?:nan|inf|infinity)$/i
const plainName = /^[\w.:-]{1,64}$/
const urlName = /url$/i
const nameLengthMax = 200
const textLengthMax = 1_024

/**
 * Numbers, texts, and whatever else a catalogue may know (lists and maps per class, histograms). Left out and noted:
 * numbers that are not finite, also when spelt as text, over-long names and texts, and all that does not fit the limit.
 */
export function metricsOf(limits: ReportLimits): Read<Record<string, unknown>> {
  return (value, path, notes) => {
    if (isObject(value)) return readMetrics(value, path, notes, limits)
    notes.ignore(path)
    return undefined
  }
}

function readMetrics(source: JsonObject, path: string, notes: Notes, limits: ReportLimits): Record<string, unknown> {
  if (isAllPlain(source, limits.metricsMax)) return source
  const names = Object.keys(source)
  if (names.length > limits.metricsMax) {
    notes.reject('REPORT_TOO_MANY_METRICS', path, `has more than ${limits.metricsMax} entries`)
    return {}
  }
  const metrics: Record<string, unknown> = {}
  const copier = new JsonCopier(limits, notes, path)
  for (const name of names) {
    const metric = source[name]
    if (metric === null) continue
    const kept = isPrototypeKey(name) || name.length > nameLengthMax ? undefined : readMetric(name, metric, copier)
    if (kept === undefined) notes.ignoreKey(path, name)
    else metrics[cleanName(name, path, notes)] = kept
  }
  return metrics
}

function isAllPlain(source: JsonObject, max: number): boolean {
  let names = 0
  for (const name in source) if (++names > max || !isPlain(name, source[name])) return false
  return true
}

/** A number under a plain name: nothing to copy. */
function isPlain(name: string, value: unknown): boolean {
  return Number.isFinite(value) && !Object.is(value, -0) && plainName.test(name) && !isPrototypeKey(name)
}

function readMetric(name: string, value: unknown, copier: JsonCopier): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : undefined
  if (typeof value === 'string' && notANumber.test(value)) return undefined
  const isUrl = urlName.test(name)
  if (typeof value === 'string' && value.length > textLengthMax && !isUrl) return undefined
  const safe = isUrl ? withoutSecrets(value) : value
  if (safe === undefined) return undefined
  const leftBefore = copier.left
  const copy = copier.copy(safe)
  if (copier.left >= 0) return copy
  // One value that is too large takes no room from those behind it.
  copier.left = leftBefore
  return undefined
}

/** A URL is a text or `{url, format}`; what else stands beside it may be as secret as what it was signed with. */
function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return bareUrl(value)
  if (!isObject(value)) return undefined
  const { url, format } = value
  const bare = typeof url === 'string' ? bareUrl(url) : undefined
  if (bare === undefined) return undefined
  return format === undefined ? { url: bare } : { url: bare, format }
}

function cleanName(name: string, path: string, notes: Notes): string {
  const clean = safeText(name)
  if (clean !== name) notes.ignore(path)
  return clean
}
