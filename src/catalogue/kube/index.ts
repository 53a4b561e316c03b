import { dataset } from './dataset.ts'
import { federatedLearningJob } from './federated-learning.ts'
import { incrementalLearningJob } from './incremental-learning.ts'
import { jointInferenceService } from './joint-inference.ts'
import { type CustomResource, seriesOf } from './resource.ts'
import { clusterSeries } from './upstream.ts'

/** Every kind of custom resource that kube-state-metrics is told of. */
export const sednaResources: readonly CustomResource[] = [
  jointInferenceService,
  incrementalLearningJob,
  federatedLearningJob,
  dataset,
]

/** API group and version of all of them. */
export const sednaGroup = { group: 'sedna.io', version: 'v1alpha1' } as const

/** Series of Sedna's custom resources: by kind, then by their names without the prefix. */
export const sednaSeries = {
  jointInference: seriesOf(jointInferenceService),
  incrementalLearning: seriesOf(incrementalLearningJob),
  federatedLearning: seriesOf(federatedLearningJob),
  dataset: seriesOf(dataset),
} as const

/** What selectors, lint and reference want to know of a series of the cluster. */
export type KubeSeries = {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly group: 'fleet'
  readonly values?: Readonly<Record<string, readonly string[]>>
}

/** Every series that comes from the cluster and not from a program of ours. */
export const kubeSeries: readonly KubeSeries[] = [
  ...Object.values(sednaSeries).flatMap((series) => Object.values<KubeSeries>(series)),
  ...Object.values<KubeSeries>(clusterSeries),
]
export { clusterSeries, podLabels } from './upstream.ts'
