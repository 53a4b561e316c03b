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
  /** Channel on which everybody is woken. */
  bell: `${tag}:bell`,
} as const

/** What is said on the channel. Missing one costs time only: everybody also looks once a second. */
export const bellWords = { member: 'member', queue: 'queue', slot: 'slot', cancel: 'cancel' } as const
