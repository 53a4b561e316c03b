import type { Artefact, Contribution } from '../artefact.ts'
import { customResourceState } from './custom-resource-state.ts'
import { dashboardMaps } from './dashboard-maps.ts'
import { prometheusRule } from './prometheus-rule.ts'

/**
 * Files for Kubernetes that are made from the catalogue, beside manifests that are written by hand.
 * @param made what the generators of dashboards and rules have made, which goes into a cluster as it is
 */
export function kubeContribution(made: {
  readonly dashboards: readonly Artefact[]
  readonly rules: readonly Artefact[]
}): Contribution {
  const ruleFiles = made.rules.filter(({ path }) => path.startsWith('prometheus/rules/'))
  return { folders: [], artefacts: [customResourceState(), dashboardMaps(made.dashboards), prometheusRule(ruleFiles)] }
}
