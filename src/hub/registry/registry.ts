/** Who takes part: hubs, dispatchers and agents, each for as long as it renews its lease. */
import type { Load, Member, MemberKind, MemberRef, MemberView } from './member.ts'

/** Stops being told of changes. */
export type Unwatch = () => void

/** One interface, several backends. Every call rejects with ScopeError REDIS_UNAVAILABLE or BUSY while the backend is away. */
export type Registry = {
  /** Enters a member, or a new start of it, as live. */
  readonly register: (member: Member) => Promise<void>
  /** Prolongs the lease. False: not known (any more), or another incarnation is: register again, or leave the place to it. */
  readonly renew: (ref: MemberRef, load: Load) => Promise<boolean>
  /** Takes a member out at once. One of another incarnation stays. */
  readonly leave: (ref: MemberRef) => Promise<void>
  /** Everybody that is not forgotten, of one kind or of all, by name. */
  readonly list: (kind?: MemberKind) => Promise<readonly MemberView[]>
  /** Calls back after something may have changed: who is there, its state, its load. Changes may be told together. */
  readonly watch: (onChange: () => void) => Unwatch
  readonly close: () => Promise<void>
}
