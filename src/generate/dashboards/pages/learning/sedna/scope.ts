/** What the rows of the page of Sedna ask from: its jobs, its workers and its pods. */
import { dashboards } from '../../../../../catalogue/dashboards.ts'
import { families } from '../../../../../catalogue/families.ts'
import { clusterSeries } from '../../../../../catalogue/kube/index.ts'
import { learningTypes } from '../../../../../catalogue/learning/index.ts'
import { like, oneOf } from '../../../../../catalogue/select.ts'
import { type Expression, equalTo, written } from '../../../query/expression.ts'
import { scopeOf } from '../../../query/selector.ts'

/** Series of the jobs that the page is about, and of the cluster, which knows no jobs. */
export const { series } = scopeOf(dashboards.sedna.variables)
export const cluster = scopeOf(['namespace'])
export const m = families
export const ofSedna = { task_type: oneOf(...learningTypes.map(({ name }) => name)) } as const

/** Present conditions of the jobs of all three types. */
export const conditions = [m.jiCondition, m.ilCondition, m.flCondition] as const
export const present = conditions.map((metric) => equalTo(1, series(metric)))

/** One query out of three. */
export function any(made: readonly Expression<string>[], labels: readonly string[]): Expression<string> {
  const [first] = made
  if (first === undefined) throw new RangeError('there is nothing to join')
  return written(first, made.map(({ text }) => text).join(' or '), labels)
}

/** Pods that Sedna has made: those with one of its labels. */
const podsOfSedna = ['jointinferenceservice', 'incrementallearningjob', 'federatedlearningjob']
  .map((kind) => cluster.foreign(clusterSeries.podLabels, { [`label_${kind}_sedna_io_name`]: like('.+') }).text)
  .concat(cluster.foreign(clusterSeries.podLabels, { label_sedna: oneOf('gm', 'lc', 'kb') }).text)
  .join(' or ')

/** A series of pods, of Sedna's pods alone. */
export function ofItsPods<L extends string>(pods: Expression<L>): Expression<L> {
  return written(pods, `${pods.text} * on (namespace, pod) group_left () (max by (namespace, pod) (${podsOfSedna}))`, pods.labels)
}

export const phase = cluster.foreign(clusterSeries.podPhase)
export const itsContainers = (of: 'containerRunning' | 'containerWaiting' | 'containerTerminated') =>
  ofItsPods(cluster.foreign(clusterSeries[of]))
