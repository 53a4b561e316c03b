/** Gathers what each source says about each setting; later sources win. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { isMap, isScalar, isSeq } from 'yaml'
import type { Fault } from './fault.ts'
import { hint, nearest } from './nearest.ts'
import { flagOf, otherVariables, type Spelling, spellings, variableOf } from './setting-names.ts'
import type { SettingKey } from './settings.ts'
import { readYamlFile, reasonOf } from './yaml-file.ts'

/** Text given for a setting, and where it was given. */
export type Given = { readonly text: string; readonly source: string }

/** Environment variables as the process has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What one source, or all of them together, says. */
export type Gathered = {
  readonly values: ReadonlyMap<SettingKey, Given>
  readonly faults: readonly Fault[]
  readonly warnings: readonly Fault[]
}

type Entry = { spelling: Spelling; text: string; source: string }

const byName = new Map(spellings.map((spelling) => [spelling.name, spelling]))
const prefix = 'ENGINESCOPE_'
const valueFileMaxBytes = 65_536

function readValueFile(path: string, source: string, faults: Fault[]): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    if (text !== '' && text.length <= valueFileMaxBytes) return text
    faults.push({ source, message: `${path} ${text === '' ? 'is empty' : 'is larger than 64 KiB'}` })
  } catch (error) {
    faults.push({ source, message: `${path}: ${reasonOf(error)}` })
  }
  return undefined
}

/** One source's entries as values: `*File` entries are read, and a setting given both ways is a fault. */
function settle(entries: readonly Entry[], faults: Fault[], folder: string): Map<SettingKey, Given> {
  const values = new Map<SettingKey, Given>()
  for (const { spelling, text, source } of entries) {
    const before = values.get(spelling.key)
    if (before !== undefined) faults.push({ source, message: `says the same as ${before.source}: give one of them` })
    const value = spelling.isPath ? readValueFile(resolve(folder, text), source, faults) : text
    if (value !== undefined) values.set(spelling.key, { text: value, source })
  }
  return values
}

/** A list is written as YAML in the file and as JSON elsewhere. */
function textOf({ key }: Spelling, value: unknown): string | undefined {
  if (key === 'runtimes' && isSeq(value)) return JSON.stringify(value.toJSON())
  return isScalar(value) && value.value !== null ? String(value.value) : undefined
}

/** The settings of `enginescope.yaml`. Unknown names in it are faults. */
export function fromFile(path: string, folder: string): Gathered {
  const { document, faults: broken, at } = readYamlFile(resolve(folder, path))
  const faults = [...broken]
  const entries: Entry[] = []
  const pairs = isMap(document?.contents) ? document.contents.items : []
  for (const { key, value } of pairs) {
    const name = isScalar(key) ? String(key.value) : '?'
    const spelling = byName.get(name)
    const source = at(key)
    if (spelling === undefined) {
      faults.push({ source, message: `${name.slice(0, 64)} is no setting${hint(name, [...byName.keys()])}` })
      continue
    }
    const text = textOf(spelling, value)
    if (text === undefined) faults.push({ source, message: `${name} must have a single value` })
    else entries.push({ spelling, text, source })
  }
  return { values: settle(entries, faults, folder), faults, warnings: [] }
}

// Names are compared without the prefix: it would make all of them alike.
function unknownVariable(name: string, known: ReadonlySet<string>): string {
  const found = nearest(
    name.slice(prefix.length),
    [...known].map((candidate) => candidate.slice(prefix.length)),
  )
  return `is no setting of this version and has no effect${found === undefined ? '' : `; did you mean ${prefix}${found}?`}`
}

/** The settings among the environment variables. An empty variable counts as not set. Unknown `ENGINESCOPE_*` names are warnings. */
export function fromEnvironment(env: Environment, folder: string): Gathered {
  const byVariable = new Map(spellings.map((spelling) => [variableOf(spelling.name), spelling]))
  const known = new Set([...byVariable.keys(), ...otherVariables])
  const faults: Fault[] = []
  const warnings: Fault[] = []
  const entries: Entry[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(prefix) || text === undefined || text === '') continue
    const spelling = byVariable.get(name)
    if (spelling !== undefined) entries.push({ spelling, text, source: name })
    else if (!known.has(name)) warnings.push({ source: name, message: unknownVariable(name, known) })
  }
  return { values: settle(entries, faults, folder), faults, warnings }
}

/** The settings among the flags. @param flags text by setting name, e.g. `{ lostAfter: '30s' }` for `--lost-after 30s`. */
export function fromFlags(flags: Environment, folder: string): Gathered {
  const faults: Fault[] = []
  const entries: Entry[] = []
  for (const [name, text] of Object.entries(flags)) {
    const spelling = byName.get(name)
    if (text === undefined) continue
    if (spelling?.hasFlag === true) entries.push({ spelling, text, source: flagOf(name) })
    else faults.push({ source: flagOf(name), message: 'is no flag' })
  }
  return { values: settle(entries, faults, folder), faults, warnings: [] }
}

/** Several sources as one; where two speak of the same setting the later one wins. */
export function together(gathered: readonly Gathered[]): Gathered {
  return {
    values: new Map(gathered.flatMap(({ values }) => [...values])),
    faults: gathered.flatMap(({ faults }) => faults),
    warnings: gathered.flatMap(({ warnings }) => warnings),
  }
}
