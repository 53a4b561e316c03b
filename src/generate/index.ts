/** Writes what is made from the catalogue: dashboards, Prometheus rules and their tests, reference pages. */
import { ruleGroups } from '../catalogue/alerts/groups.ts'
import { defaultRuleOptions, type RuleOptions } from '../catalogue/alerts/options.ts'
import type { Contribution } from './artefact.ts'
import { dashboardContribution } from './dashboards/index.ts'
import { kubeContribution } from './kube/index.ts'
import { type ErrorTable, referenceContribution, type SettingRow } from './reference/index.ts'
import { rulesContribution } from './rules/index.ts'

export { freshness, writeArtefacts } from './freshness.ts'

/** Tables that belong to other folders, and what the shipped artefacts are to be made with otherwise. */
export type GenerateSources = {
  readonly settings: readonly SettingRow[]
  readonly errors: ErrorTable
  readonly rules?: Partial<RuleOptions>
  /** Where users reach the console: base of the links in dashboards. */
  readonly consoleUrl?: string
}

/** Everything that is generated, each folder of generators adding its own. */
export function contributions({ settings, errors, rules, consoleUrl }: GenerateSources): readonly Contribution[] {
  const options = { ...defaultRuleOptions, ...rules }
  const groups = ruleGroups(options)
  const dashboards = dashboardContribution(consoleUrl === undefined ? {} : { consoleUrl })
  const ruleFiles = rulesContribution(groups, options)
  return [
    dashboards,
    ruleFiles,
    kubeContribution({ dashboards: dashboards.artefacts, rules: ruleFiles.artefacts }),
    referenceContribution({ groups, thresholds: options.thresholds, settings, errors }),
  ]
}
