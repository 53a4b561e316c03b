/** Readers of single fields. Each takes what was sent (never null), gives what is kept, and notes what it left out. */
import type { ReportLimits } from './limits.ts'
import type { Notes } from './notes.ts'
import { cutWithHash } from './text.ts'
import { safeText } from './url-secrets.ts'

export type JsonObject = { readonly [key: string]: unknown }

/** @returns `undefined` when nothing of the value can be used; the reader has noted it then. */
export type Read<V> = (value: unknown, path: string, notes: Notes) => V | undefined

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

/** Keys that name parts of an object's prototype. They are dropped wherever they appear. */
export function isPrototypeKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype'
}

/** What the compiled check has passed is taken as it is. */
export const asChecked: Read<never> = (value) => value as never

/** A finite number from 0 to 2^53 - 1, fractions allowed: bytes, cores, seconds. */
export const quantity: Read<number> = (value, path, notes) => {
  // `+ 0` makes a plain zero out of a negative one.
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value + 0
  notes.ignore(path)
  return undefined
}

/** A whole number from 0 to 2^53 - 1. */
export const count: Read<number> = (value, path, notes) => {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return (value as number) + 0
  notes.ignore(path)
  return undefined
}

/** A number from 0 to 1. */
export const ratio: Read<number> = (value, path, notes) => {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value + 0
  notes.ignore(path)
  return undefined
}

/** A text that may become a label: cleaned and cut, both noted. Numbers are taken as text; an empty text is no news. */
export function label(limits: ReportLimits): Read<string> {
  return (value, path, notes) => {
    if (typeof value === 'string') {
      if (value === '') return undefined
      const text = cutWithHash(safeText(value), limits.labelLengthMax)
      if (text !== value) notes.ignore(path)
      return text
    }
    if (typeof value === 'number' && Number.isFinite(value)) return String(value)
    notes.ignore(path)
    return undefined
  }
}

/** A field of an object: under which key it comes, under which it is kept, and how it is read. */
export type Field<T> = {
  [K in keyof T]-?: { readonly from: string; readonly to: K; readonly read: Read<Exclude<T[K], undefined>> }
}[keyof T]

/** Reads the fields of an object into `target`. Unknown keys are noted, `null` is passed over. */
export type ReadInto<T> = (source: JsonObject, target: T, notes: Notes) => void

/** @param known keys that are read elsewhere: neither taken nor noted. */
export function fieldsInto<T extends object>(
  parent: string,
  fields: readonly Field<T>[],
  limits: ReportLimits,
  known: readonly string[] = [],
): ReadInto<T> {
  const byKey = new Map(fields.map((field) => [field.from, { ...field, path: pathOf(parent, field.from) }]))
  const elsewhere = new Set(known)
  const readField = (source: JsonObject, key: string, target: T, notes: Notes) => {
    const field = byKey.get(key)
    if (field === undefined) {
      if (!elsewhere.has(key)) notes.ignoreKey(parent, key)
      return
    }
    const value = source[key]
    if (isAbsent(value)) return
    const kept = field.read(value, field.path, notes)
    if (kept !== undefined) target[field.to] = kept as T[typeof field.to]
  }
  return (source, target, notes) => {
    let keys = 0
    for (const key in source) {
      if (++keys > limits.objectKeysMax) {
        keysBeyond(parent, limits, notes)
        return
      }
      readField(source, key, target, notes)
    }
  }
}

function pathOf(parent: string, key: string): string {
  return parent === '' ? key : `${parent}.${key}`
}

/** The keys of an object from outside; none, and the report rejected, when there are too many to be honest. */
export function keysOf(source: JsonObject, path: string, limits: ReportLimits, notes: Notes): readonly string[] {
  const keys = Object.keys(source)
  if (keys.length <= limits.objectKeysMax) return keys
  keysBeyond(path, limits, notes)
  return []
}

function keysBeyond(path: string, limits: ReportLimits, notes: Notes): JsonObject {
  notes.reject('REPORT_INVALID', path, `has more than ${limits.objectKeysMax} keys`)
  return {}
}

/** How each part of an object is read, by its key. */
export type Parts<T> = { readonly [K in keyof T]-?: Read<Exclude<T[K], undefined>> }

/**
 * An object that keeps its keys. One that needs no change is taken itself rather than copied: most do not, and copying was
 * the dearest step of all. Unknown keys are noted, `null` is passed over; anything but an object is noted and dropped.
 */
export function partsOf<T extends object>(parent: string, parts: Parts<T>, limits: ReportLimits): Read<Partial<T>> {
  const byKey = new Map(Object.entries<Read<unknown>>(parts).map(([key, read]) => [key, { read, path: pathOf(parent, key) }]))
  const readPart = (key: string, value: unknown, notes: Notes): unknown => {
    const part = byKey.get(key)
    if (part === undefined) {
      notes.ignoreKey(parent, key)
      return undefined
    }
    return isAbsent(value) ? undefined : part.read(value, part.path, notes)
  }
  return (value, path, notes) => {
    if (isObject(value)) return sameOrCopy(value, readPart, notes, parent, limits) as Partial<T>
    notes.ignore(path)
    return undefined
  }
}

function sameOrCopy(
  source: JsonObject,
  readPart: (key: string, value: unknown, notes: Notes) => unknown,
  notes: Notes,
  path: string,
  limits: ReportLimits,
): JsonObject {
  let copy: Record<string, unknown> | undefined
  let keys = 0
  for (const key in source) {
    if (++keys > limits.objectKeysMax) return keysBeyond(path, limits, notes)
    const value = source[key]
    const kept = readPart(key, value, notes)
    if (copy === undefined && Object.is(kept, value)) continue
    copy ??= copyUpTo(source, key)
    if (kept !== undefined) copy[key] = kept
  }
  return copy ?? source
}

/** The parts that come before `end`. */
function copyUpTo(source: JsonObject, end: string): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const key in source) {
    if (key === end) break
    copy[key] = source[key]
  }
  return copy
}

/** `{}` where a list belongs still says "none now". */
export function emptyObject(value: unknown, path: string, notes: Notes): [] | undefined {
  if (isObject(value) && Object.keys(value).length === 0) return []
  notes.ignore(path)
  return undefined
}
