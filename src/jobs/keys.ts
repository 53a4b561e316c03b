/** Every Redis key of the project, in one place. All keys of a shard share one hash tag, so that one script touches one slot. */

export type Shard = number

/** FNV-1a over UTF-16 code units: cheap, stable over releases, spreads ids well enough for 16 shards. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return hash >>> 0
}

/**
 * A job's name in keys and sorted sets. Ids may hold slashes: those of the namespace are written as `|`, which no id holds,
 * so that the first slash always ends the namespace.
 */
export function jobName(namespace: string, jobId: string): string {
  return `${namespace.replaceAll('/', '|')}/${jobId}`
}

/** The ids in a job's name. */
export function idsOfJobName(name: string): { namespace: string; jobId: string } {
  const slash = name.indexOf('/')
  return { namespace: name.slice(0, slash).replaceAll('|', '/'), jobId: name.slice(slash + 1) }
}

/** Keys of log lines on their way to Loki. @param at a key of a shard */
function logKeys(at: (shard: Shard, rest: string) => string) {
  return {
    /** Stream of packed log entries, field `e` → LogEntry; consumer group `shipper`. */
    outbox: (shard: Shard) => at(shard, 'outbox'),
    /** Bytes of LogEntry text in the outbox. */
    outboxBytes: (shard: Shard) => at(shard, 'outbox-bytes'),
    /** What a consumer's last call that ended entries was named, and which it ended; for ten minutes. */
    outboxSettled: (shard: Shard, consumer: string) => at(shard, `outbox-settled:${consumer}`),
    /** Stream of single refused lines: field `e` → LogEntry with one line, `reason`, `firstSeenMs`, `lastSeenMs`. */
    deadLetters: (shard: Shard) => at(shard, 'dead-letters'),
    /** Bytes of LogEntry text in the dead letters. */
    deadLetterBytes: (shard: Shard) => at(shard, 'dead-letter-bytes'),
  }
}

/** Keys of runtimes whose messages are fetched. @param at a key of a shard */
function runtimeKeys(at: (shard: Shard, rest: string) => string) {
  return {
    /** Hash of a runtime: `spec`, `token`, `state`, ...; `o:<topic>` offsets. In the shard of the job of the same name. */
    runtime: (shard: Shard, namespace: string, id: string) => at(shard, `runtime:${jobName(namespace, id)}`),
    /** Its lease, as `owner` and `fence`. */
    runtimeOwner: (shard: Shard, namespace: string, id: string) => at(shard, `runtime-owner:${jobName(namespace, id)}`),
    runtimeFence: (shard: Shard, namespace: string, id: string) => at(shard, `runtime-fence:${jobName(namespace, id)}`),
    /** List of messages that could not be read, newest first. */
    runtimeRefused: (shard: Shard, namespace: string, id: string) => at(shard, `runtime-refused:${jobName(namespace, id)}`),
    /** Hash of messages of topics that mean nothing to us: a ring for each topic. */
    runtimeOpaque: (shard: Shard, namespace: string, id: string) => at(shard, `runtime-opaque-topics:${jobName(namespace, id)}`),
    /** Hash of all runtimes: id → namespace. */
    runtimes: '{es:runtimes}:all',
    /** Set of the ids of those that have not ended. */
    activeRuntimes: '{es:runtimes}:active',
    /** Sorted set of ended ones, score when they are forgotten, in ms. */
    endedRuntimes: '{es:runtimes}:ended',
    /** Sorted set of live monitors, as `replicas`. */
    monitors: '{es:runtimes}:monitors',
    /** Stream of the statuses of a namespace's runs, ids `<epoch>-<number>`. */
    programLog: (namespace: string) => `{es:programs:${namespace}}:log`,
    /** Hash: `epoch`, `number` of the newest entry, `r:<runtime>` or `r:<runtime>|<partition>` → position of its newest status. */
    programLogState: (namespace: string) => `{es:programs:${namespace}}:state`,
    /** Sorted set of those runtimes and partitions, score when they last wrote, in ms. */
    programLogSources: (namespace: string) => `{es:programs:${namespace}}:sources`,
  }
}

/** Key names for one installation; `…Named` takes a {@link jobName}. @param shardCount fixed for the life of a store. */
export function keysFor(shardCount: number) {
  const tag = (shard: Shard) => `{es:${String(shard).padStart(2, '0')}}`
  const tags = Array.from({ length: shardCount }, (_, shard) => tag(shard))
  const at = (shard: Shard, rest: string) => `${tags[shard] ?? tag(shard)}:${rest}`
  return {
    shardCount,
    shardOfJob: (namespace: string, jobId: string): Shard => hashOf(jobName(namespace, jobId)) % shardCount,
    shardOfJobNamed: (name: string): Shard => hashOf(name) % shardCount,
    shardOfEngine: (instance: string): Shard => hashOf(instance) % shardCount,
    /** Hash: `v` (token), `tb` (bytes of the tail), `job` and `n` (JobRecord), `t:<execId>` and `n:<execId>` (ExecRecord), `o:<execId>` (older TaskRecords). */
    job: (shard: Shard, namespace: string, jobId: string) => at(shard, `job:${jobName(namespace, jobId)}`),
    jobNamed: (shard: Shard, name: string) => at(shard, `job:${name}`),
    /** List of packed log entries (LogEntry), oldest first. */
    tail: (shard: Shard, namespace: string, jobId: string) => at(shard, `tail:${jobName(namespace, jobId)}`),
    tailNamed: (shard: Shard, name: string) => at(shard, `tail:${name}`),
    /** List of HistorySample, oldest first. */
    history: (shard: Shard, namespace: string, jobId: string) => at(shard, `history:${jobName(namespace, jobId)}`),
    /** Sorted set of all jobs, member {@link jobName}, score first arrival in ms. */
    jobs: (shard: Shard) => at(shard, 'jobs'),
    /** Sorted set of jobs that are open, the same members and scores. */
    openJobs: (shard: Shard) => at(shard, 'open'),
    /** Sorted set of tasks that have series: member JSON [ns, jobId, execId, engine], score 0 while open, else the end of the linger in ms. */
    shown: (shard: Shard) => at(shard, 'shown'),
    /** Sorted set of timers: member JSON [kind, ...ids], score the due time in ms. */
    due: (shard: Shard) => at(shard, 'due'),
    /** Hash: `v`, `engine`. */
    engine: (shard: Shard, instance: string) => at(shard, `engine:${instance}`),
    /** Set of tasks that are open (or lost) on the engine: members JSON [ns, jobId, execId]. */
    engineTasks: (shard: Shard, instance: string) => at(shard, `engine-tasks:${instance}`),
    /** List of packed log entries of its heartbeats, oldest first. */
    engineTail: (shard: Shard, instance: string) => at(shard, `engine-tail:${instance}`),
    /** Sorted set of engines, score last report in ms. */
    engines: (shard: Shard) => at(shard, 'engines'),
    /** Hash of totals: field JSON [family, ...labels], value integer. */
    counters: (shard: Shard) => at(shard, 'counters'),
    /** Sorted set of tasks of one kind that wait to run: members as of `shown`, score the submission in ms. */
    waiting: (shard: Shard, taskType: string, engineType: string) =>
      at(shard, `waiting:${JSON.stringify([taskType, engineType])}`),
    /** Hash of runs that succeeded, a bounded sample of each kind: field JSON [task type, engine type, slot], value RunSample. */
    runs: (shard: Shard) => at(shard, 'runs'),
    /** Stream, fields `p` → id of the entry before, `e` → lines, each a kind and the name of a record as JSON. */
    events: (shard: Shard) => at(shard, 'events'),
    ...logKeys(at),
    /** Hash: `holder`, `incarnation`, `fence`, with expiry. */
    owner: (shard: Shard) => at(shard, 'owner'),
    /** Fencing numbers outlive the leases they were given to. */
    fence: (shard: Shard) => at(shard, 'fence'),
    /** Lease of whoever prints the fleet's series. */
    fleetOwner: '{es:fleet}:owner',
    fleetFence: '{es:fleet}:fence',
    /** Sorted set of live replicas, score the lease's end in ms of Redis TIME. */
    replicas: 'es:replicas',
    ...runtimeKeys(at),
    /** Set of label values seen, one per kind, bounded. */
    labelValues: (kind: 'namespace' | 'task_type' | 'engine_type') => `es:labels:${kind}`,
  }
}

export type Keys = ReturnType<typeof keysFor>
