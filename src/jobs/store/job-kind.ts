import type { Keys } from '../keys.ts'
import { applyReport } from '../rules/job-rules.ts'
import type { JobRules } from '../rules/job-state.ts'
import type { Committer, Store } from './commit.ts'
import { encodeJob, encodeRemoval } from './job-encoder.ts'
import type { JobItem, JobItemResult, JobLimits, OutboxGate } from './job-item.ts'
import { JobReader } from './job-reader.ts'
import type { JobSnapshot, LoadedJob } from './loaded-job.ts'
import type { RecordKind } from './record-writer.ts'

const operated: JobItemResult = { result: { outcome: 'applied' } }

/** How jobs are read, judged and written. */
export function jobKind(
  store: Store,
  keys: Keys,
  committer: Committer,
  rules: JobRules,
  limits: JobLimits,
  gate: OutboxGate,
): RecordKind<LoadedJob, JobItem, JobItemResult> {
  const reader = new JobReader(store, keys, committer, limits)
  return {
    idOf: (item) => item.name,
    load: (shard, items, cached) => reader.load(shard, items, cached),
    snapshot: (state): JobSnapshot => state.beginTrace(),
    isGone: (state) => state.isRemoved,
    weigh: (state) => 1 + state.execs.size + state.older.size,
    apply: (state, item, effects, token) => {
      if (item.kind === 'operation') {
        state.catchUp(effects)
        item.operate(state, effects, token)
        return operated
      }
      const hasRoomForLines = !gate.isShipping || gate.hasRoom()
      const moved = state.move(item.execId, item.arrival, hasRoomForLines, rules, effects)
      if (moved !== undefined) return moved
      state.catchUp(effects)
      const circumstances = { labels: item.labels, formerUids: item.formerUids, hasRoomForJob: state.hasRoom, hasRoomForLines }
      return applyReport(state, item.arrival, circumstances, rules, effects)
    },
    encode: (shard, name, held, before, effects, token) => {
      const { state } = held
      const known = before as JobSnapshot
      if (state.isRemoved) return encodeRemoval(shard, keys, gate, held, known, effects)
      if (state.job === undefined) return undefined
      return encodeJob({ shard, name, keys, limits, gate, held, known, effects, token })
    },
  }
}
