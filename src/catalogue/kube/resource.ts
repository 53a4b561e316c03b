/**
 * Series that kube-state-metrics makes of Sedna's custom resources, said once as those of the aggregator are: its
 * configuration in deploy/kube-state-metrics, the lint of dashboards and the reference are made from here.
 */
import type { MetricUnit } from '../metric.ts'

/**
 * Where something lies in a resource: keys of maps, `-1` for the last entry of a list, `[key=value]` for its first entry that
 * has this value.
 */
export type ResourcePath = readonly string[]

type LabelPaths = Readonly<Record<string, ResourcePath>>

type Place = {
  /** One sentence, in one line, without quotes or backslashes. */
  readonly help: string
  readonly path: ResourcePath
  /** Labels of this series alone, from below `path`; where that is a list, each entry is a series. */
  readonly labelPaths?: LabelPaths
}

/** One series of a resource. `StateSet`: one series a state, 1 for the present one; `valueFrom` goes on from `path`. */
export type ResourceField =
  | (Place & { readonly type: 'Gauge'; readonly unit: Exclude<MetricUnit, 'info'>; readonly valueFrom?: ResourcePath })
  | (Place & { readonly type: 'Info'; readonly unit: 'info'; readonly labelPaths: LabelPaths })
  | (Place & {
      readonly type: 'StateSet'
      readonly unit: 'flag'
      readonly label: string
      readonly states: readonly string[]
      readonly valueFrom?: ResourcePath
    })

/** A kind of custom resource, and what is read from it. */
export type CustomResource = {
  readonly kind: string
  /** Name of the resource in the API, as RBAC wants it. */
  readonly plural: string
  readonly prefix: string
  /** Labels that all series of this kind carry. */
  readonly labelPaths: LabelPaths
  /** By the name of the series without the prefix. */
  readonly fields: Readonly<Record<string, ResourceField>>
}

/** Labels that kube-state-metrics itself puts on every series of a custom resource. */
export const customResourceLabels = ['customresource_group', 'customresource_kind', 'customresource_version'] as const

type LabelOf<R extends CustomResource, F extends ResourceField> =
  | (typeof customResourceLabels)[number]
  | keyof R['labelPaths']
  | (F extends { readonly labelPaths: infer L } ? keyof L : never)
  | (F extends { readonly label: infer L } ? L : never)

/** A series as selectors, lint and reference want it. */
type ResourceSeries<R extends CustomResource, K extends string, F extends ResourceField> = {
  readonly name: `${R['prefix']}_${K}`
  readonly help: string
  readonly unit: F['unit']
  readonly labels: readonly Extract<LabelOf<R, F>, string>[]
  /** Shared, as the series of the fleet are: no replica of ours writes it. */
  readonly group: 'fleet'
  readonly values: F extends { readonly label: infer L extends string; readonly states: infer S }
    ? { readonly [label in L]: S }
    : Readonly<Record<never, never>>
}

/** The series of a resource, by the same names without the prefix. */
export type SeriesOf<R extends CustomResource> = {
  readonly [K in Extract<keyof R['fields'], string>]: ResourceSeries<R, K, R['fields'][K]>
}

/** The series that kube-state-metrics makes of a resource. */
export function seriesOf<const R extends CustomResource>(resource: R): SeriesOf<R> {
  const { prefix, labelPaths, fields } = resource
  const series = Object.entries(fields).map(([name, field]) => {
    const ofState = field.type === 'StateSet' ? [field.label] : []
    const labels = [...Object.keys(labelPaths), ...customResourceLabels, ...Object.keys(field.labelPaths ?? {}), ...ofState]
    const values = field.type === 'StateSet' ? { [field.label]: field.states } : {}
    return [name, { name: `${prefix}_${name}`, help: field.help, unit: field.unit, labels, group: 'fleet', values }]
  })
  return Object.fromEntries(series) as SeriesOf<R>
}

/** Labels by which a resource is known. Without the namespace two resources of one name would be one series. */
export const identity = { namespace: ['metadata', 'namespace'], name: ['metadata', 'name'], uid: ['metadata', 'uid'] } as const

/** The newest entry of `status.conditions`, a list that only grows: the first is the oldest for ever. */
export const newestCondition = ['status', 'conditions', '-1'] as const

export const createdTimestamp = {
  type: 'Gauge',
  unit: 'timestamp',
  help: 'When the resource was created.',
  path: ['metadata', 'creationTimestamp'],
} as const satisfies ResourceField

export const startTimestamp = {
  type: 'Gauge',
  unit: 'timestamp',
  help: 'When the controller took the resource up; no series before that.',
  path: ['status', 'startTime'],
} as const satisfies ResourceField

export const completionTimestamp = {
  type: 'Gauge',
  unit: 'timestamp',
  help: 'When the resource came to its end; no series before that.',
  path: ['status', 'completionTime'],
} as const satisfies ResourceField
