import type { Shard } from '../jobs/keys.ts'
import type { EngineRecord, JobRecord, ScopeEvent, TaskRecord } from '../jobs/records.ts'

/** Everything of a shard that has series: tasks that are open or linger, engines that are not gone, jobs that are open. */
export type ShardSnapshot = {
  readonly tasks: readonly TaskRecord[]
  readonly jobs: readonly JobRecord[]
  /** Jobs of learning types that are not open, but have tasks with series. */
  readonly endedJobs?: readonly JobRecord[]
  readonly engines: readonly EngineRecord[]
}

/**
 * Follows the shards that this replica owns. Calls for one shard come one after the other, in stream order.
 * A listener never throws and never waits: it keeps what it needs in memory.
 */
export type ShardListener = {
  /** The shard was taken over, or must be read anew: the snapshot replaces all that was known of it. */
  load(shard: Shard, snapshot: ShardSnapshot): void
  apply(shard: Shard, events: readonly ScopeEvent[]): void
  /** The shard is no longer owned: forget it at once. */
  drop(shard: Shard): void
}
