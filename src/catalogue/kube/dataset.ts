import type { CustomResource } from './resource.ts'

/** Sedna's data sets. */
export const dataset = {
  kind: 'Dataset',
  plural: 'datasets',
  prefix: 'kube_sedna_dataset',
  labelPaths: { namespace: ['metadata', 'namespace'], dataset: ['metadata', 'name'] },
  fields: {
    status_samples: {
      type: 'Gauge',
      unit: 'count',
      help: 'Samples in the data set; no series before they have been counted.',
      path: ['status', 'numberOfSamples'],
    },
  },
} as const satisfies CustomResource
