import { dashboards } from '../../src/catalogue/dashboards.ts'
import type { PanelQuery } from '../../src/generate/dashboards/index.ts'

type Exception = { readonly where: (query: PanelQuery) => boolean; readonly reason: string }

/** What has no data in a stack at work, or one with learners, that is tried for a minute. An entry that has data after all fails the test. */
const exceptions: readonly Exception[] = [
  {
    where: ({ expression }) => /offset 1w/.test(expression),
    reason: 'the stack was not there a week ago',
  },
  {
    where: ({ expression }) => /enginescope_runtimes?[_{]/.test(expression),
    reason: 'no runtime is monitored',
  },
  {
    where: ({ expression }) => /enginescope_hub_/.test(expression),
    reason: 'no hub is part of this stack',
  },
  {
    where: ({ expression }) => /\b(kube|container)_/.test(expression) && !expression.endsWith('or vector(0)'),
    reason: 'no cluster is part of this stack: kube-state-metrics and the kubelets have these series',
  },
  {
    where: (query) => isOfLearning(query) && query.expression.includes('_usage_gpu_'),
    reason: 'the learners use no GPU',
  },
  {
    where: ({ expression }) => expression.includes('enginescope_federated_learning_drift_score'),
    reason: 'a node trains on the same samples in every round: nothing drifts',
  },
]

/** Why a query may have no data; `undefined` when it must have some. */
export function reasonForNoData(query: PanelQuery): string | undefined {
  return exceptions.find(({ where }) => where(query))?.reason
}

const learningDashboards = ['sedna', 'jointInference', 'incremental', 'federated'] as const

/** Whether a query belongs to the pages of learning tasks, which are asked where such tasks run. */
export function isOfLearning({ dashboard }: Pick<PanelQuery, 'dashboard'>): boolean {
  return learningDashboards.some((key) => dashboards[key].uid === dashboard)
}
