/** What single entries of the file of task types cannot say: rules that hold between them, and with what there is already. */
import { taskLabels } from './metric.ts'
import { taskTypeSeriesName, taskTypes } from './task-types.ts'

type Complaint = { readonly path: readonly (string | number)[]; readonly message: string }
type Place = Complaint['path']
type Loose = Readonly<Record<string, unknown>>

/** Words after which the project's own series are called: a type of that name could not be told from them. */
const reservedTypes = new Set(
  'dead engine engines event ignored ingest log logs loki hub redis report reports runtime runtimes series shards stream task tasks'.split(
    ' ',
  ),
)
const reservedLabels = new Set([...taskLabels, 'instance', 'job', 'le', 'quantile', 'type'])
const unitSuffixes: Readonly<Record<string, string>> = {
  seconds: '_seconds',
  timestamp: '_timestamp_seconds',
  bytes: '_bytes',
  ratio: '_ratio',
  cores: '_cores',
}
const nameEnds = /_(total|info|sum|count|bucket|created|seconds|bytes|ratio|cores)$/

/** @param file as it was read, right or wrong: what is wrong in itself is passed over here */
export function conflictsOf(file: unknown, knownSeries: ReadonlySet<string>): Complaint[] {
  const types = listAt(file, 'taskTypes')
  const names = new Map<string, Place>()
  const series = new Map<string, { readonly place: Place; readonly family: string }>()
  return types.flatMap((type, index) => {
    const place = ['taskTypes', index]
    return [
      ...typeName(type, place, names),
      ...entries(type, place).flatMap((entry) => seriesName(type, entry, knownSeries, series)),
      ...fields(type, place),
      ...entries(type, place).flatMap(labels),
    ]
  })
}

function typeName(type: Loose, place: Place, seen: Map<string, Place>): Complaint[] {
  const name = textAt(type, 'name')
  const path = [...place, 'name']
  const first = seen.get(name)
  if (name === '') return []
  if (first !== undefined) return [{ path, message: `${name} is declared before` }]
  seen.set(name, path)
  if (reservedTypes.has(name)) return [{ path, message: `${name} is kept for series of Enginescope itself` }]
  return taskTypes().some((known) => known.name === name) ? [{ path, message: `${name} is built in` }] : []
}

type EntryPlace = { readonly entry: Loose; readonly kind: 'metrics' | 'states' | 'infos'; readonly place: Place }

function entries(type: Loose, place: Place): EntryPlace[] {
  return (['metrics', 'states', 'infos'] as const).flatMap((kind) =>
    listAt(type, kind).map((entry, index) => ({ entry, kind, place: [...place, kind, index] })),
  )
}

function seriesName(
  type: Loose,
  { entry, kind, place }: EntryPlace,
  knownSeries: ReadonlySet<string>,
  seen: Map<string, { readonly place: Place; readonly family: string }>,
): Complaint[] {
  const name = textAt(entry, 'name')
  const path = [...place, 'name']
  if (name === '' || textAt(type, 'name') === '') return []
  const full = taskTypeSeriesName(textAt(type, 'name'), name)
  const wrongEnd = endComplaint(kind, entry, name)
  if (wrongEnd !== undefined) return [{ path, message: wrongEnd }]
  if (knownSeries.has(full)) return [{ path, message: `makes ${full}, which there is already` }]
  const family = familyOf(kind, entry)
  const first = seen.get(full)
  if (first === undefined) seen.set(full, { place, family })
  if (first === undefined || (kind === 'metrics' && first.family === family)) return repeatedLabels(entry, full, place, seen)
  return [{ path, message: `makes ${full} again: only metrics that differ in the values of the same labels may share a name` }]
}

/** Two entries are one family when everything but their field and the values of their labels is alike. */
function familyOf(kind: string, entry: Loose): string {
  const names = Object.keys(objectAt(entry, 'labels')).sort()
  return JSON.stringify([kind, names, entry['type'], entry['unit'] ?? 'count', entry['help']])
}

function repeatedLabels(
  entry: Loose,
  full: string,
  place: Place,
  seen: Map<string, { readonly place: Place; readonly family: string }>,
): Complaint[] {
  const pairs = Object.entries(objectAt(entry, 'labels')).sort(([a], [b]) => (a < b ? -1 : 1))
  const key = `${full}${JSON.stringify(pairs)}`
  if (seen.has(key)) return [{ path: [...place, 'name'], message: `makes ${full} again with the same labels` }]
  seen.set(key, { place, family: key })
  return []
}

function endComplaint(kind: EntryPlace['kind'], entry: Loose, name: string): string | undefined {
  if (kind === 'infos') return name === 'info' || name.endsWith('_info') ? undefined : `${name} must end in _info`
  const unit = kind === 'states' ? '' : (unitSuffixes[String(entry['unit'])] ?? '')
  const ending = `${unit}${entry['type'] === 'counter' && kind === 'metrics' ? '_total' : ''}`
  if (ending !== '') return `_${name}`.endsWith(ending) ? undefined : `${name} must end in ${ending}`
  const found = nameEnds.exec(`_${name}`)
  return found === null ? undefined : `${name} must not end in ${found[0]}, which says what it is not`
}

/** A field is one number or one state set; facts may name any. */
function fields(type: Loose, place: Place): Complaint[] {
  const seen = new Set<string>()
  return entries(type, place).flatMap(({ entry, kind, place: at }) => {
    const name = textAt(entry, 'field')
    if (kind === 'infos' || name === '') return []
    if (seen.has(name)) return [{ path: [...at, 'field'], message: `${name} is used before in this type` }]
    seen.add(name)
    return []
  })
}

function labels({ entry, kind, place }: EntryPlace): Complaint[] {
  if (kind === 'states') {
    const label = textAt(entry, 'label')
    const states = Array.isArray(entry['states']) ? entry['states'].map(String) : []
    return [
      ...(reservedLabels.has(label) ? [{ path: [...place, 'label'], message: `${label} is a label that is kept` }] : []),
      ...states.flatMap((state, index) =>
        states.indexOf(state) < index ? [{ path: [...place, 'states', index], message: `${state} is there twice` }] : [],
      ),
    ]
  }
  const key = kind === 'infos' ? 'fields' : 'labels'
  return Object.keys(objectAt(entry, key)).flatMap((label) =>
    reservedLabels.has(label) ? [{ path: [...place, key, label], message: `${label} is a label that is kept` }] : [],
  )
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectAt(value: unknown, key: string): Loose {
  const inner = isObject(value) ? value[key] : undefined
  return isObject(inner) ? inner : {}
}

function listAt(value: unknown, key: string): Loose[] {
  const inner = isObject(value) ? value[key] : undefined
  return Array.isArray(inner) ? inner.map((entry) => (isObject(entry) ? entry : {})) : []
}

function textAt(value: Loose, key: string): string {
  const text = value[key]
  return typeof text === 'string' ? text : ''
}
