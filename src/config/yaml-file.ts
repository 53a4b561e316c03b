import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { type Document, isMap, isNode, LineCounter, type Node, parseDocument } from 'yaml'
import type { Fault } from './fault.ts'

const fileMaxBytes = 1_048_576

/** A YAML (or JSON) file as it was read, and where things stand in it. */
export type YamlFile = {
  /** `undefined` when nothing of it can be used. */
  readonly document: Document | undefined
  readonly faults: readonly Fault[]
  /** `auth.yaml:3` of the node. */
  readonly at: (node: unknown) => string
}

/** Why a file cannot be read, in few words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EACCES') return 'may not be read by this user'
  if (code === 'EISDIR') return 'is a folder'
  return error instanceof Error ? error.message : String(error)
}

function readText(path: string): string {
  if (statSync(path).size > fileMaxBytes) throw new Error('is larger than 1 MiB')
  return readFileSync(path, 'utf8')
}

/** Reads a file whose top level is a map. Never throws: what is wrong is in `faults`. */
export function readYamlFile(path: string): YamlFile {
  const lines = new LineCounter()
  const name = basename(path)
  const at = (node: unknown) => {
    const start = isNode(node) ? node.range?.[0] : undefined
    return start === undefined ? name : `${name}:${lines.linePos(start).line}`
  }
  let document: Document
  try {
    document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false })
  } catch (error) {
    return { document: undefined, faults: [{ source: path, message: reasonOf(error) }], at }
  }
  const faults = document.errors.map((error): Fault => {
    return { source: `${name}:${lines.linePos(error.pos[0]).line}`, message: error.message }
  })
  const contents: Node | null = document.contents
  const fits = contents === null || isMap(contents)
  if (fits || faults.length > 0) return { document: faults.length > 0 ? undefined : document, faults, at }
  return { document: undefined, faults: [{ source: at(contents), message: 'must be a map of names and values' }], at }
}
