/** Flat maps of text: `attributes` and the `fields` of a log line. */
import { isAbsent, isObject, isPrototypeKey, type JsonObject, keysOf, type Read } from './fields.ts'
import type { ReportLimits } from './limits.ts'
import type { Notes } from './notes.ts'
import { JsonCopier } from './opaque.ts'
import { cutWithHash } from './text.ts'
import { safeText } from './url-secrets.ts'

type MapLimits = { readonly entriesMax: number; readonly lengthMax: number }

/**
 * Every value becomes text: numbers and booleans as printed, lists and objects as JSON.
 * What goes beyond the limits is left out; each entry left out or changed is noted under the map's own path.
 */
function textMap(mapLimits: MapLimits, limits: ReportLimits): Read<Record<string, string>> {
  return (value, path, notes) => {
    if (isObject(value)) return readMap(value, path, notes, mapLimits, limits)
    notes.ignore(path)
    return undefined
  }
}

function readMap(
  source: JsonObject,
  path: string,
  notes: Notes,
  mapLimits: MapLimits,
  limits: ReportLimits,
): Record<string, string> {
  const map: Record<string, string> = {}
  let entries = 0
  let left = mapLimits.lengthMax
  for (const key of keysOf(source, path, limits, notes)) {
    const value = source[key]
    if (isAbsent(value)) continue
    const name = cutWithHash(safeText(key), limits.labelLengthMax)
    const text = textOf(value, path, notes, limits)
    const length = name.length + (text?.length ?? 0)
    if (text === undefined || length > left || entries >= mapLimits.entriesMax || isPrototypeKey(name)) {
      notes.ignore(path)
      continue
    }
    if (name !== key) notes.ignore(path)
    map[name] = text
    left -= length
    entries++
  }
  return map
}

/** @returns `undefined` for a list or object that is larger than anything that is kept. */
function textOf(value: unknown, path: string, notes: Notes, limits: ReportLimits): string | undefined {
  const sent = typeof value === 'string' ? value : printed(value, path, notes, limits)
  if (sent === undefined) return undefined
  const text = cutWithHash(safeText(sent), limits.attributeLengthMax)
  if (text !== sent) notes.ignore(path)
  return text
}

function printed(value: unknown, path: string, notes: Notes, limits: ReportLimits): string | undefined {
  if (typeof value !== 'object') return String(value)
  const copier = new JsonCopier(limits, notes, path)
  const copy = copier.copy(value)
  return copier.left < 0 ? undefined : JSON.stringify(copy)
}

/** `attributes` and its alias `extraInfoMap`. */
export function attributesOf(limits: ReportLimits): Read<Record<string, string>> {
  return textMap({ entriesMax: limits.attributesMax, lengthMax: limits.attributesLengthMax }, limits)
}

/** `logs[].fields`. */
export function logFieldsOf(limits: ReportLimits): Read<Record<string, string>> {
  return textMap({ entriesMax: limits.logFieldsMax, lengthMax: limits.logFieldsLengthMax }, limits)
}
