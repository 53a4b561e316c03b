/** JSON that is kept as it is: metadata, lineage, workflow tokens, algorithm metrics. Copied, so that only clean values remain. */
import { isPrototypeKey, type JsonObject, keysOf, type Read } from './fields.ts'
import type { ReportLimits } from './limits.ts'
import type { Notes } from './notes.ts'
import { safeText } from './url-secrets.ts'

/** Deeper values are dropped, so that nobody's recursion ends the process. Bodies are held to the same depth at the door. */
const depthMax = 32

/**
 * Copies JSON values: texts cleaned, numbers that are not finite and keys that name prototypes left out, each noted under `path`.
 * `left` counts down the characters of JSON that may still come; below zero the copy is not complete and must not be used.
 */
export class JsonCopier {
  left: number
  readonly #limits: ReportLimits
  readonly #notes: Notes
  readonly #path: string

  constructor(limits: ReportLimits, notes: Notes, path: string) {
    this.left = limits.opaqueLengthMax
    this.#limits = limits
    this.#notes = notes
    this.#path = path
  }

  /** @returns `undefined` for a value that is left out. */
  copy(value: unknown, depth = 0): unknown {
    if (this.left < 0) return undefined
    switch (typeof value) {
      case 'string':
        this.left -= value.length + 2
        return this.left < 0 ? undefined : this.#text(value)
      case 'number':
        this.left -= 8
        if (Number.isFinite(value)) return value + 0
        this.#notes.ignore(this.#path)
        return undefined
      case 'boolean':
        this.left -= 5
        return value
      default:
        return this.#container(value, depth)
    }
  }

  #container(value: unknown, depth: number): unknown {
    this.left -= 4
    if (value === null) return null
    if (depth >= depthMax) this.left = -1
    if (this.left < 0 || typeof value !== 'object') return undefined
    return Array.isArray(value) ? this.#list(value, depth) : this.#object(value as JsonObject, depth)
  }

  #list(values: readonly unknown[], depth: number): unknown[] {
    const list: unknown[] = []
    for (const value of values) {
      if (this.left < 0) break
      // The others keep their places: a list per class is read by index.
      list.push(this.copy(value, depth + 1) ?? null)
    }
    return list
  }

  #object(source: JsonObject, depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    for (const key of keysOf(source, this.#path, this.#limits, this.#notes)) {
      if (this.left < 0) break
      const name = this.#text(key)
      this.left -= name.length + 4
      const value = isPrototypeKey(name) ? undefined : this.copy(source[key], depth + 1)
      if (value !== undefined) object[name] = value
      else if (isPrototypeKey(name)) this.#notes.ignore(this.#path)
    }
    return object
  }

  #text(text: string): string {
    const clean = safeText(text)
    if (clean !== text) this.#notes.ignore(this.#path)
    return clean
  }
}

/** Any JSON up to the limit; a larger value is dropped whole and noted. */
export function opaqueOf(limits: ReportLimits): Read<unknown> {
  return (value, path, notes) => {
    const copier = new JsonCopier(limits, notes, path)
    const copy = copier.copy(value)
    if (copier.left >= 0) return copy
    notes.ignore(path)
    return undefined
  }
}
