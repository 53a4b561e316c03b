/** What the census reads of a source file, and of the manifest of a package. */

import { builtinModules } from 'node:module'

/** One row of the parse step: a file, as far as the census is concerned. */
export type SourceRow = {
  readonly package: string
  readonly extension: string
  readonly bytes: number
  readonly lines: number
  /** Names of packages that it imports, each once. */
  readonly imports: readonly string[]
}

export type Manifest = { readonly name: string; readonly version: string; readonly license: string }

const specifier = /\b(?:from|import|require)\s*\(?\s*['"]([^'"\n]{1,200})['"]/g

/** The packages that a source text imports: no relative paths, no parts of Node, the name without a path inside. */
export function importsOf(text: string): string[] {
  const names = new Set<string>()
  for (const [, path = ''] of text.matchAll(specifier)) {
    const [first = '', second = ''] = path.split('/')
    if (/^[./]|:/.test(path) || builtinModules.includes(first)) continue
    names.add(first.startsWith('@') ? `${first}/${second}` : first)
  }
  return [...names]
}

/** The package a file belongs to: what follows the last `node_modules`, or the first folder below the one that is counted. */
export function packageOf(path: string, folder: string): string {
  const inside = path.slice(folder.length).replace(/^\//, '').split('node_modules/').at(-1) ?? ''
  const [first = '', second = ''] = inside.split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}

/** A file as a row; undefined where it is not text. */
export function rowOf(path: string, folder: string, text: string): SourceRow | undefined {
  if (text.includes('\0')) return undefined
  const extension = /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? 'none'
  const lines = text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  return { package: packageOf(path, folder), extension, bytes: Buffer.byteLength(text), lines, imports: importsOf(text) }
}

/** Reads a manifest; undefined where it names no package. */
export function manifestOf(text: string): Manifest | undefined {
  try {
    const { name, version, license } = JSON.parse(text) as Record<string, unknown>
    if (typeof name !== 'string' || typeof version !== 'string') return undefined
    return { name, version, license: typeof license === 'string' ? license : 'none given' }
  } catch {
    return undefined
  }
}
