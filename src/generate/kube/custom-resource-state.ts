import { stringify } from 'yaml'
import { sednaGroup, sednaResources } from '../../catalogue/kube/index.ts'
import type { CustomResource, ResourceField, ResourcePath } from '../../catalogue/kube/resource.ts'
import type { Artefact } from '../artefact.ts'

type LabelPaths = Readonly<Record<string, ResourcePath>>

/** Errors of one resource are worth a line of its log only for those who look for them: most are fields not yet there. */
const errorLogV = 5

/** The configuration that makes kube-state-metrics read Sedna's custom resources. */
export function customResourceState(): Artefact {
  const document = { kind: 'CustomResourceStateMetrics', spec: { resources: sednaResources.map(resourceEntry) } }
  const header = [
    '# Generated from src/catalogue/kube by `npm run generate`; changes here are lost.',
    '# For kube-state-metrics --custom-resource-state-config-file, 2.8 or newer.',
  ].join('\n')
  return {
    path: 'deploy/kube-state-metrics/custom-resource-state.yaml',
    text: `${header}\n${stringify(document, { lineWidth: 0, defaultKeyType: 'PLAIN', aliasDuplicateObjects: false })}`,
  }
}

function resourceEntry({ kind, prefix, labelPaths, fields }: CustomResource) {
  return {
    groupVersionKind: { ...sednaGroup, kind },
    metricNamePrefix: prefix,
    errorLogV,
    labelsFromPath: pathsOf(labelPaths),
    metrics: Object.entries(fields).map(([name, field]) => ({ name, help: field.help, each: eachOf(field) })),
  }
}

function eachOf(field: ResourceField) {
  const { path, labelPaths } = field
  const place = { path, ...(labelPaths === undefined ? {} : { labelsFromPath: pathsOf(labelPaths) }) }
  switch (field.type) {
    case 'Gauge':
      return { type: 'Gauge', gauge: { ...place, ...goingOn(field) } }
    case 'Info':
      return { type: 'Info', info: place }
    case 'StateSet':
      return { type: 'StateSet', stateSet: { labelName: field.label, list: field.states, ...place, ...goingOn(field) } }
  }
}

function goingOn({ valueFrom }: { readonly valueFrom?: ResourcePath }) {
  return valueFrom === undefined ? {} : { valueFrom }
}

function pathsOf(paths: LabelPaths): LabelPaths {
  return Object.fromEntries(Object.entries(paths))
}
