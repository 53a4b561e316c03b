import type { RuleGroup } from '../../catalogue/alerts/groups.ts'
import type { RuleOptions } from '../../catalogue/alerts/options.ts'
import type { Contribution } from '../artefact.ts'
import { ruleFile } from './rule-file.ts'
import { ruleTests } from './rule-tests.ts'

/** Rule files and their tests. Users may put tests of their own beside these; the folder of rules holds ours alone. */
export function rulesContribution(groups: readonly RuleGroup[], options: RuleOptions): Contribution {
  const alerts = groups.flatMap((group) => group.alerts)
  const files = groups.map((group) => ruleFile(group, options))
  return { folders: ['prometheus/rules'], artefacts: [...files, ...ruleTests(alerts, options)] }
}
