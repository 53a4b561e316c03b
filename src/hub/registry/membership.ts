import type { Load, Member } from './member.ts'
import type { Registry } from './registry.ts'

/** Keeps one member in the registry. */
export type Membership = {
  /** Renews now: a load that has changed is seen at once. */
  readonly tell: () => void
  /** Stops renewing and takes the member out. */
  readonly leave: () => Promise<void>
}

export type MembershipOptions = {
  readonly registry: Registry
  readonly member: Member
  readonly load: () => Load
  /** A third of the lease. */
  readonly renewEveryMs: number
  /** The registry is away, or refuses: it is tried again all the same. */
  readonly onTrouble: (error: unknown) => void
  /** Another start of this member has taken its place; this one is no longer in the registry. */
  readonly onReplaced?: () => void
}

/** Registers a member and renews its lease until it leaves. While the registry is away it is tried again and again. */
export function keepRegistered({ registry, member, load, renewEveryMs, onTrouble, onReplaced }: MembershipOptions): Membership {
  let isRegistered = false
  let isLeft = false
  let isBusy = false
  let isAsked = false

  const renewOnce = async () => {
    if (!isRegistered) await registry.register(member)
    if (await registry.renew(member, load())) isRegistered = true
    else if (!isRegistered) return
    else if (await isReplaced(registry, member)) {
      isLeft = true
      onReplaced?.()
    } else isRegistered = false
  }
  const renew = async () => {
    if (isBusy) {
      isAsked = true
      return
    }
    isBusy = true
    do {
      isAsked = false
      await renewOnce().catch(onTrouble)
    } while (isAsked && !isLeft)
    isBusy = false
  }
  const tell = () => {
    if (!isLeft) void renew()
  }
  const timer = setInterval(tell, renewEveryMs)
  tell()
  return {
    tell,
    async leave() {
      isLeft = true
      clearInterval(timer)
      await registry.leave(member).catch(onTrouble)
    },
  }
}

/** Whether the registry holds a later start of this member. */
async function isReplaced(registry: Registry, member: Member): Promise<boolean> {
  const all = await registry.list(member.kind)
  return all.some(({ id, incarnation }) => id === member.id && incarnation > member.incarnation)
}
