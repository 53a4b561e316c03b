/** The Compose files as an engine would read them: anchors, merges and defaults of variables resolved, files laid over each other. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The text of a file of the repository. */
export const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

type Dependency = { readonly condition: string }

/** The parts of a service that the tests look at; the schema keeps everything else out. */
export type Service = {
  readonly image: string
  readonly build?: { readonly context: string }
  readonly user?: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly networks?: readonly string[]
  readonly profiles?: readonly string[]
  readonly secrets?: readonly string[]
  readonly depends_on?: Readonly<Record<string, Dependency>>
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly deploy?: { readonly resources: { readonly limits: { readonly memory: string; readonly pids: number } } }
}

export type Compose = {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>
  readonly secrets?: Readonly<Record<string, { readonly file: string }>>
}

/** Variables of the engine's surroundings that a text asks for, with their defaults: `${NAME:-default}`. */
const variable = /\$\{(?<name>[A-Z][A-Z0-9_]*):-(?<byDefault>[^}]*)\}/g

/** Puts values for variables and turns `$$` into `$`. @throws on a variable without a default: `up` would warn and go on with nothing */
export function interpolate(text: string, values: Readonly<Record<string, string>> = {}): string {
  const filled = text.replace(variable, (_whole, name: string, byDefault: string) => values[name] || byDefault)
  const rest = /(?<!\$)(?:\$\$)*\$(?!\$)[{A-Za-z_]\w*/.exec(filled)
  if (rest !== null) throw new Error(`${rest[0]} has no default`)
  return filled.replaceAll('$$', '$')
}

function walk(node: unknown, change: (text: string) => string): unknown {
  if (typeof node === 'string') return change(node)
  if (Array.isArray(node)) return node.map((item) => walk(item, change))
  if (node === null || typeof node !== 'object') return node
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, walk(value, change)]))
}

/** The file with its anchors resolved, as written otherwise. */
export function readCompose(path: string): Record<string, unknown> {
  return parse(textOf(path), { merge: true, uniqueKeys: true }) as Record<string, unknown>
}

/** Lays `over` on `under` by the rules for files given after one another: maps by key, lists one after the other. */
function lay(under: unknown, over: unknown): unknown {
  if (Array.isArray(under) && Array.isArray(over)) return [...under, ...over]
  if (isMap(under) && isMap(over)) {
    const keys = new Set([...Object.keys(under), ...Object.keys(over)])
    return Object.fromEntries([...keys].map((key) => [key, lay(under[key], over[key])]))
  }
  return over === undefined ? under : over
}

function isMap(node: unknown): node is Record<string, unknown> {
  return node !== null && typeof node === 'object' && !Array.isArray(node)
}

/** What an engine would run for `docker compose -f FILE -f FILE ...`, all profiles included. */
export function composeOf(paths: readonly string[], values: Readonly<Record<string, string>> = {}): Compose {
  const laid = paths.map(readCompose).reduce((under, over) => lay(under, over) as Record<string, unknown>)
  return walk(laid, (text) => interpolate(text, values)) as Compose
}
