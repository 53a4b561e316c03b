/** Does to a configuration and resources what kube-state-metrics does to them, by its documented rules. */
import { isMap, isNothing, numberFrom, type Plain, valueAt } from './path-rules.ts'

type Paths = Readonly<Record<string, readonly string[]>>
type Meta = { readonly path?: readonly string[]; readonly labelsFromPath?: Paths }

export type Each =
  | { readonly type: 'Gauge'; readonly gauge: Meta & { readonly valueFrom?: readonly string[] } }
  | { readonly type: 'Info'; readonly info: Meta }
  | {
      readonly type: 'StateSet'
      readonly stateSet: Meta & {
        readonly labelName: string
        readonly list: readonly string[]
        readonly valueFrom?: readonly string[]
      }
    }

export type StateConfig = {
  readonly kind: string
  readonly spec: {
    readonly resources: readonly {
      readonly groupVersionKind: { readonly group: string; readonly version: string; readonly kind: string }
      readonly metricNamePrefix: string
      readonly labelsFromPath: Paths
      readonly metrics: readonly { readonly name: string; readonly help: string; readonly each: Each }[]
    }[]
  }
}

type Labels = Readonly<Record<string, string>>
export type Sample = { readonly labels: Labels; readonly value: number }
export type Family = {
  readonly name: string
  readonly help: string
  readonly type: Each['type']
  readonly samples: readonly Sample[]
}

/** Every family of the configuration, with its samples of these resources. */
export function familiesOf(config: StateConfig, objects: readonly Plain[]): Family[] {
  return config.spec.resources.flatMap(({ groupVersionKind, metricNamePrefix, labelsFromPath, metrics }) => {
    const { group, version, kind } = groupVersionKind
    const ofKind = objects.filter(
      (object) => valueAt(object, ['apiVersion']) === `${group}/${version}` && valueAt(object, ['kind']) === kind,
    )
    const common = { customresource_group: group, customresource_version: version, customresource_kind: kind }
    return metrics.map(({ name, help, each }) => ({
      name: `${metricNamePrefix}_${name}`,
      help,
      type: each.type,
      samples: ofKind.flatMap((object) => {
        const base = { ...common, ...labelsAt(object, labelsFromPath) }
        return samplesOf(each, object).map(({ labels, value }) => ({ labels: { ...base, ...labels }, value }))
      }),
    }))
  })
}

function samplesOf(each: Each, object: Plain): Sample[] {
  switch (each.type) {
    case 'Gauge':
      return gauges(each.gauge, valueAt(object, each.gauge.path ?? []))
    case 'Info':
      return infos(each.info, valueAt(object, each.info.path ?? []))
    case 'StateSet': {
      const found = valueAt(object, each.stateSet.path ?? [])
      return (Array.isArray(found) ? found : [found]).flatMap((one) => states(each.stateSet, one))
    }
  }
}

type Gauge = Extract<Each, { type: 'Gauge' }>['gauge']

/** A list is a sample an entry. Of a map with a value in it one, whose labels are looked for in the map. */
function gauges(gauge: Gauge, found: Plain | undefined): Sample[] {
  const valueFrom = gauge.valueFrom ?? []
  if (Array.isArray(found)) return found.flatMap((entry) => gaugeOf(gauge, valueAt(entry, valueFrom), entry))
  if (!isMap(found)) return gaugeOf(gauge, valueAt(found, valueFrom), found)
  const [key = ''] = valueFrom
  const direct = valueFrom.length === 1 ? gaugeOf(gauge, found[key], found) : []
  const below = Object.entries(found).flatMap(([name, entry]) => {
    if (valueFrom.length === 1 && name === key) return []
    return gaugeOf(gauge, valueAt(entry, valueFrom), entry).map(({ labels, value }) => ({
      labels: { ...labels, ...labelsAt(found, gauge.labelsFromPath) },
      value,
    }))
  })
  return [...direct, ...below]
}

function gaugeOf({ labelsFromPath }: Gauge, value: Plain | undefined, from: Plain | undefined): Sample[] {
  const number = numberFrom(value)
  return number === undefined ? [] : [{ labels: labelsAt(from, labelsFromPath), value: number }]
}

/** A map is asked for labels itself, and so is everything in it: a label found there is one more series. */
function infos({ labelsFromPath }: Meta, found: Plain | undefined): Sample[] {
  const within = isMap(found) ? Object.values(found) : []
  return [...(Array.isArray(found) ? found : [found]), ...within].flatMap((one) => {
    const labels = labelsAt(one, labelsFromPath)
    return Object.keys(labels).length === 0 ? [] : [{ labels, value: 1 }]
  })
}

type StateSet = Extract<Each, { type: 'StateSet' }>['stateSet']

function states({ labelName, list, labelsFromPath, valueFrom = [] }: StateSet, found: Plain | undefined): Sample[] {
  const present = valueAt(found, valueFrom)
  if (typeof present !== 'string') return []
  const labels = labelsAt(found, labelsFromPath)
  return list.map((state) => ({ labels: { ...labels, [labelName]: state }, value: state === present ? 1 : 0 }))
}

function labelsAt(from: Plain | undefined, paths: Paths = {}): Labels {
  const found = Object.entries(paths).flatMap(([label, path]): [string, string][] => {
    const value = valueAt(from, path)
    return isNothing(value) ? [] : [[label, String(value)]]
  })
  return Object.fromEntries(found)
}

/** The families as text, info series and state sets as gauges, which is how the text format has them. */
export function expositionOf(families: readonly Family[]): string {
  return families.map(familyText).join('')
}

function familyText({ name, help, samples }: Family): string {
  const lines = samples.map(({ labels, value }) => {
    const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
    return `${name}{${pairs.map(([label, text]) => `${label}="${escaped(text)}"`).join(',')}} ${value}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
