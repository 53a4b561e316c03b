/**
 * A strict reading of a CustomResourceStateMetrics file. kube-state-metrics itself passes over keys that it does not know, and
 * shows wrong or doubled series for most of the other faults; here each is named.
 */
import { isMap, type Plain } from './path-rules.ts'

type Keys = Readonly<Record<string, true>>
const keys = (...names: string[]): Keys => Object.fromEntries(names.map((name) => [name, true as const]))

const known = {
  file: keys('kind', 'spec'),
  spec: keys('resources'),
  resource: keys('groupVersionKind', 'metricNamePrefix', 'errorLogV', 'labelsFromPath', 'metrics'),
  groupVersionKind: keys('group', 'version', 'kind'),
  metric: keys('name', 'help', 'each'),
  Gauge: keys('path', 'valueFrom', 'labelsFromPath', 'nilIsZero'),
  Info: keys('path', 'labelsFromPath'),
  StateSet: keys('path', 'labelName', 'list', 'valueFrom', 'labelsFromPath'),
} as const

/** Where each type keeps what it is told. */
const bodies: Readonly<Record<string, string>> = { Gauge: 'gauge', Info: 'info', StateSet: 'stateSet' }
/** Fields of Sedna's resources that are lists. */
const lists: ReadonlySet<string | undefined> = new Set(['conditions', 'metrics', 'trainingWorkers', 'containers', 'env'])
/** What Prometheus and kube-state-metrics write themselves. */
const reserved = /^(__.*|le|quantile|job|instance|exported_.*|customresource_.*)$/
const labelName = /^[a-z][a-z0-9_]*$/

/** All that is wrong, each with its place. */
export function configFindings(document: Plain): string[] {
  const file = mapOf(document)
  const spec = mapOf(file['spec'])
  const resources = listOf(spec['resources'])
  return [
    ...unknownKeys('the file', file, known.file),
    ...unless(file['kind'] === 'CustomResourceStateMetrics', 'the kind of the file is not CustomResourceStateMetrics'),
    ...unknownKeys('spec', spec, known.spec),
    ...unless(resources.length > 0, 'there are no resources'),
    ...repeated(resources.map(kindText)).map((kind) => `${kind} has two entries: kube-state-metrics leaves at its start`),
    ...repeated(resources.flatMap(fullNames)).map((name) => `${name} is made twice`),
    ...resources.flatMap(resourceFindings),
  ]
}

function resourceFindings(resource: Plain): string[] {
  const entry = mapOf(resource)
  const at = kindText(resource)
  const gvk = mapOf(entry['groupVersionKind'])
  const labels = mapOf(entry['labelsFromPath'])
  return [
    ...unknownKeys(at, entry, known.resource),
    ...unknownKeys(`${at} groupVersionKind`, gvk, known.groupVersionKind),
    ...Object.keys(known.groupVersionKind)
      .filter((key) => !isText(gvk[key]))
      .map((key) => `${at} has no ${key}`),
    ...unless(isText(entry['metricNamePrefix']), `${at} has no metricNamePrefix: the default has changed twice`),
    ...unless('namespace' in labels, `${at} has no label namespace: resources of one name become one series`),
    ...unless('name' in labels || 'dataset' in labels, `${at} has no label for the name of the resource`),
    ...labelFindings(at, labels, []),
    ...listOf(entry['metrics']).flatMap((metric) => metricFindings(at, metric, Object.keys(labels))),
  ]
}

function metricFindings(kind: string, metric: Plain, inherited: readonly string[]): string[] {
  const { name, help, each, ...rest } = mapOf(metric)
  const at = `${kind} ${String(name)}`
  const { type, ...body } = mapOf(each)
  const typeName = String(type)
  const bodyKey = bodies[typeName]
  const common = [
    ...Object.keys(rest).map((key) => `${at} has the unknown key ${key}`),
    ...unless(isText(name) && /^[a-z][a-z0-9_]*$/.test(name), `${at} is no name of a series`),
    ...unless(isText(help), `${at} has no help`),
  ]
  if (bodyKey === undefined) return [...common, `${at} has the unknown type ${typeName}`]
  const meta = mapOf(body[bodyKey])
  return [
    ...common,
    ...Object.keys(body)
      .filter((key) => key !== bodyKey)
      .map((key) => `${at} has the unknown key ${key}`),
    ...unknownKeys(at, meta, known[typeName as 'Gauge' | 'Info' | 'StateSet']),
    ...pathFindings(`${at} path`, meta['path']),
    ...(meta['valueFrom'] === undefined ? [] : pathFindings(`${at} valueFrom`, meta['valueFrom'])),
    ...labelFindings(at, mapOf(meta['labelsFromPath']), inherited),
    ...typeFindings(at, typeName, String(name), meta, inherited),
  ]
}

function typeFindings(at: string, type: string, name: string, meta: Map, inherited: readonly string[]): string[] {
  const isInfo = name.endsWith('_info')
  switch (type) {
    case 'Info':
      return [
        ...unless(isInfo, `${at} is an Info whose name does not end in _info`),
        ...unless(Object.keys(mapOf(meta['labelsFromPath'])).length > 0, `${at} is an Info without labels`),
      ]
    case 'StateSet':
      return [
        ...unless(!isInfo, `${at} ends in _info and is none`),
        ...unless(listOf(meta['list']).length > 0 && listOf(meta['list']).every(isText), `${at} is a StateSet without a list`),
        ...repeated(listOf(meta['list']).map(String)).map((state) => `${at} has the state ${state} twice`),
        ...unless(isText(meta['labelName']), `${at} is a StateSet without labelName`),
        ...labelNameFindings(at, String(meta['labelName'] ?? ''), inherited),
        ...unless(!endsOnList(meta), `${at} is a StateSet on a list: its series contradict each other`),
      ]
    default:
      return [
        ...unless(!isInfo, `${at} ends in _info and is none`),
        ...unless(meta['nilIsZero'] === undefined, `${at} shows 0 where there is nothing: a time would be in 1970`),
      ]
  }
}

function endsOnList(meta: Map): boolean {
  return lists.has([...listOf(meta['path']), ...listOf(meta['valueFrom'])].map(String).at(-1))
}

function pathFindings(at: string, path: Plain | undefined): string[] {
  const parts = listOf(path)
  if (parts.length === 0) return [`${at} is empty`]
  const numbers = parts.filter((part) => !isText(part))
  const texts = parts.map(String)
  const inConditions = texts[texts.indexOf('conditions') + 1]
  return [
    ...numbers.map((part) => `${at}: ${JSON.stringify(part)} is not quoted`),
    ...texts
      .filter((part) => /^\[.*\]$/.test(part) && !/^\[[^=]+=.+\]$/.test(part))
      .map((part) => `${at}: ${part} looks nothing up`),
    ...unless(
      !texts.includes('conditions') || inConditions === undefined || inConditions === '-1',
      `${at}: ${inConditions} is the oldest condition for ever, the newest is -1`,
    ),
  ]
}

function labelFindings(at: string, labels: Map, inherited: readonly string[]): string[] {
  return Object.entries(labels).flatMap(([label, path]) => [
    ...labelNameFindings(at, label, inherited),
    ...pathFindings(`${at} label ${label}`, path),
  ])
}

function labelNameFindings(at: string, label: string, inherited: readonly string[]): string[] {
  return [
    ...unless(labelName.test(label), `${at}: ${label} is no name of a label`),
    ...unless(!reserved.test(label), `${at}: the label ${label} belongs to others`),
    ...unless(!inherited.includes(label), `${at}: the label ${label} hides that of its resource`),
  ]
}

type Map = { readonly [key: string]: Plain }
const mapOf = (value: Plain | undefined): Map => (isMap(value) ? value : {})
const listOf = (value: Plain | undefined): readonly Plain[] => (Array.isArray(value) ? value : [])
const isText = (value: Plain | undefined): value is string => typeof value === 'string' && value !== ''
const unless = (isFine: boolean, finding: string): string[] => (isFine ? [] : [finding])
const repeated = (names: readonly string[]) => [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]

function unknownKeys(at: string, map: Map, allowed: Keys): string[] {
  return Object.keys(map)
    .filter((key) => !(key in allowed))
    .map((key) => `${at} has the unknown key ${key}`)
}

function kindText(resource: Plain): string {
  return String(mapOf(mapOf(resource)['groupVersionKind'])['kind'] ?? 'a resource without a kind')
}

function fullNames(resource: Plain): string[] {
  const { metricNamePrefix, metrics } = mapOf(resource)
  return listOf(metrics).map((metric) => `${String(metricNamePrefix)}_${String(mapOf(metric)['name'])}`)
}
