/** Names of everything the hub keeps in Redis. One hash tag: one script touches one slot of a cluster. */

const tag = '{hub}'

export const hubKeys = {
  /** Hash, name of a member → JSON of it. */
  members: `${tag}:members`,
  /** Sorted set, when the lease of each member runs out → its name. */
  memberLeases: `${tag}:members:leases`,
  /** Hash, name of a member → JSON of its load. */
  memberLoads: `${tag}:members:loads`,
  /** Hash, name of a member → the last state that was told of. */
  memberStates: `${tag}:members:states`,
  /** Sorted set, running number → key of each process that waits. */
  queue: `${tag}:queue`,
  /** Sorted set, when the lease of each running process runs out → its key. */
  leases: `${tag}:leases`,
  /** Sorted set, end → key of each process that has ended, for the retention. */
  done: `${tag}:done`,
  /** Hash of totals; they only grow. */
  counters: `${tag}:counters`,
  /** Hash: the last running number and the last fence that were given out. */
  numbers: `${tag}:numbers`,
  /** List of processes whose end no dispatcher can report: the hub does. */
  ends: `${tag}:ends`,
  /** Which hub prints the series that all hubs share; gone when that one falls silent. */
  series: `${tag}:series`,
  /** Hash, key of a deployed flow → JSON of it. */
  flows: `${tag}:flows`,
  /** Channels on which others are woken: by news of members, and dispatchers by news of processes, of which there are many more. */
  bells: { members: `${tag}:bell:members`, processes: `${tag}:bell` },
  /** Hash of one process. */
  process: (key: string) => `${tag}:p:${key}`,
  /** Hash, node → JSON of where it stands. */
  nodes: (key: string) => `${tag}:n:${key}`,
  /** Hash, node → JSON of its output, until the process ends. */
  outputs: (key: string) => `${tag}:o:${key}`,
  /** List of decisions on one process. */
  checks: (key: string) => `${tag}:c:${key}`,
  /** List of lines that the nodes of one process said. */
  lines: (key: string) => `${tag}:l:${key}`,
  /** Sorted set, running number → key of each process of a deployed flow. */
  runs: (flowKey: string) => `${tag}:f:${flowKey}`,
  /** What was submitted under a client's key. */
  client: (clientKey: string) => `${tag}:k:${clientKey}`,
} as const

export type BellChannel = keyof typeof hubKeys.bells

/** What is said there. Missing one costs time only: everybody also looks once a second. */
export const bellWords = { queue: 'queue', cancel: 'cancel' } as const
