import {
  count,
  cursor,
  flag,
  listOf,
  moment,
  named,
  numberOrNull,
  ref,
  text,
  textOrNull,
  texts,
  whole,
} from '../http/schema-parts.ts'
import { engineStates } from '../jobs/records.ts'

const engineSummary = {
  instance: text,
  engineType: text,
  state: { type: 'string', enum: engineStates },
  up: { ...flag, description: 'Live: not suspect and not lost.' },
  facts: ref('EngineFacts'),
  insight: whole({ flapping: { ...flag, description: 'More than three restarts within 15 minutes, as of the last report.' } }),
  counts: whole(
    named(['running', 'pending', 'limit', 'succeeded', 'failed'], numberOrNull),
    '`succeeded` and `failed` are totals over all incarnations.',
  ),
  restarts: count,
  stateSeconds: whole(named(['idle', 'busy', 'locked', 'unlocked'], numberOrNull)),
  attributes: texts,
  timestamps: whole(named(['firstSeen', 'lastReport'], moment)),
}

/** Engines and the tasks that they have. */
export const engineSchemas = {
  EngineFacts: whole({
    instance: text,
    ...named(
      ['engineType', 'engineVersion', 'incarnation', 'ticketId', 'ecmInstance', 'node', 'user', 'creator', 'status'],
      textOrNull,
    ),
  }),
  EngineSummary: whole(engineSummary),
  EnginePage: whole({ engines: listOf(ref('EngineSummary')), nextCursor: cursor }),
  Engine: whole({
    ...engineSummary,
    tasks: listOf(
      whole({
        namespace: text,
        jobId: text,
        execId: text,
        status: textOrNull,
        progress: numberOrNull,
        etaSeconds: numberOrNull,
      }),
    ),
    usage: whole(named(['memoryBytes', 'gpuMemoryBytes', 'cpuSeconds'], numberOrNull), 'Of the tasks listed.'),
    isTruncated: flag,
  }),
  PrometheusTargets: listOf(whole({ targets: listOf(text), labels: texts })),
}
