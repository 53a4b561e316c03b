import { type RecordingRule, recordingRules } from '../rules.ts'
import type { Alert } from './alert.ts'
import { engineAlerts } from './engines.ts'
import { hubAlerts } from './hub.ts'
import { ingestAlerts } from './ingest.ts'
import { federatedAlerts, inferenceAlerts, modelAlerts } from './learning.ts'
import { logAlerts } from './logs.ts'
import type { RuleOptions } from './options.ts'
import { replicaAlerts } from './replicas.ts'
import { sednaAlerts } from './sedna.ts'
import { sourceAlerts } from './sources.ts'
import { singleTaskAlerts, taskAlerts } from './tasks.ts'

/** Rules that Prometheus evaluates one after the other: an alert sees what the recording rules of its group have just written. */
export type RuleGroup = {
  /** Also the name of the rule file. */
  readonly name: string
  readonly intervalSeconds: number
  readonly records: readonly RecordingRule[]
  readonly alerts: readonly Alert[]
}

/** Every group of rules, each in a file of its own. */
export function ruleGroups(options: RuleOptions): readonly RuleGroup[] {
  const alerts = [
    engineAlerts,
    taskAlerts,
    singleTaskAlerts,
    ingestAlerts,
    logAlerts,
    replicaAlerts,
    sourceAlerts,
    hubAlerts,
    federatedAlerts,
    modelAlerts,
    inferenceAlerts,
    sednaAlerts,
  ]
  return [
    {
      name: 'enginescope',
      intervalSeconds: 30,
      records: Object.values(recordingRules),
      alerts: alerts.flatMap((made) => made(options)),
    },
  ]
}
