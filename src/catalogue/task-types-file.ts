/** The file in which users declare task types of their own. */
import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { type Document, isNode, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { engineMetrics } from './engine.ts'
import { fleetMetrics } from './fleet.ts'
import { hubMetrics } from './hub.ts'
import type { Metric } from './metric.ts'
import { ownMetrics } from './own.ts'
import { runtimeMetrics } from './runtime.ts'
import { taskMetrics } from './task.ts'
import type { TaskType } from './task-types.ts'
import { conflictsOf } from './task-types-rules.ts'
import { type DeclaredTypes, declaredTypes, toTaskType } from './task-types-schema.ts'

/** Something in the file that cannot be used: where (`task-types.yaml:3`), and what would be right. */
export type TaskTypesFault = { readonly source: string; readonly message: string }

/** Either every declared type, or every fault. */
export type TaskTypesReading =
  | { readonly types: readonly TaskType[]; readonly faults?: never }
  | { readonly faults: readonly TaskTypesFault[]; readonly types?: never }

type Path = readonly PropertyKey[]
type Complaint = { readonly path: Path; readonly message: string }

const fileMaxBytes = 1_048_576

/** Reads a file of task types, YAML or JSON. Never throws: what cannot be read or used is told in `faults`, all at once. */
export function readTaskTypes(path: string): TaskTypesReading {
  try {
    if (statSync(path).size > fileMaxBytes) return { faults: [{ source: path, message: 'is larger than 1 MiB' }] }
    return check(readFileSync(path, 'utf8'), basename(path))
  } catch (error) {
    return { faults: [{ source: path, message: error instanceof Error ? error.message : String(error) }] }
  }
}

function check(text: string, name: string): TaskTypesReading {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    return { faults: document.errors.map(({ pos, message }) => ({ source: `${name}:${lines.linePos(pos[0]).line}`, message })) }
  }
  const parsed = declaredTypes.safeParse(document.toJS())
  // What holds between entries is also said of those that are right in themselves, so that nothing comes as a second surprise.
  const complaints = [
    ...(parsed.success ? [] : parsed.error.issues.flatMap(describe)),
    ...conflictsOf(parsed.success ? parsed.data : document.toJS(), knownSeries()),
  ]
  if (parsed.success && complaints.length === 0) return { types: typesOf(parsed.data) }
  return { faults: inOrder(complaints, document, lines).map(({ line, message }) => ({ source: `${name}${line}`, message })) }
}

function typesOf({ taskTypes }: DeclaredTypes): TaskType[] {
  return taskTypes.map(toTaskType)
}

/** Names of all series that there are without any declared type. */
function knownSeries(): ReadonlySet<string> {
  const groups = [fleetMetrics, engineMetrics, taskMetrics, ownMetrics, runtimeMetrics, hubMetrics]
  const all: Metric[] = groups.flatMap((group) => Object.values<Metric>(group))
  return new Set(all.flatMap(({ name, type }) => (type === 'histogram' ? [name, ...histogramNames(name)] : [name])))
}

const histogramNames = (name: string) => ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`)

function describe(issue: z.core.$ZodIssue): Complaint[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: issue.message }]
  return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not known here' }))
}

/** Complaints in the order of the file, each with its line. */
function inOrder(complaints: readonly Complaint[], document: Document, lines: LineCounter): { line: string; message: string }[] {
  return complaints
    .map(({ path, message }) => ({ start: startOf(document, path), message: `${pathText(path)} ${message}`.trim() }))
    .sort((a, b) => (a.start ?? 0) - (b.start ?? 0))
    .map(({ start, message }) => ({ line: start === undefined ? '' : `:${lines.linePos(start).line}`, message }))
}

/** Where the nearest thing to `path` stands in the file: a missing key has no place, its parent has. */
function startOf(document: Document, path: Path): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    const start = isNode(node) ? node.range?.[0] : undefined
    if (start !== undefined) return start
  }
  return undefined
}

function pathText(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
}
