/** The registry as a list that somebody wrote: nobody registers, each member is looked for at its address. */
import type { MemberClient } from '../../http/member-client.ts'
import { type LeaseTimes, type Load, livenessOf, type Member, type MemberView, memberName } from '../member.ts'
import type { Registry } from '../registry.ts'

/** Where each kind says what it does. */
const statusPath = { hub: '/-/healthy', dispatcher: '/dispatcher/status', agent: '/agent/status' } as const

const rendered = 3

/** Members that are listed count as silent until they have answered once. */
export function openStaticRegistry(members: readonly Member[], client: MemberClient, times: LeaseTimes): Registry {
  const answers = new Map<string, { atMs: number; running: number; incarnation: string }>()
  const beganMs = performance.now()
  const watchers = new Set<() => void>()
  const look = async (member: Member) => {
    const { status, body } = await client.get(`${member.url}${statusPath[member.kind]}`)
    if (status !== 200) return
    const { running, incarnation } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
    answers.set(memberName(member), {
      atMs: performance.now(),
      running: typeof running === 'number' ? running : 0,
      // A later start has forgotten what the one before had.
      incarnation: typeof incarnation === 'string' ? incarnation : member.incarnation,
    })
  }
  const lookAtAll = async () => {
    await Promise.all(members.map((member) => look(member).catch(() => undefined)))
    for (const onChange of watchers) onChange()
  }
  const timer = setInterval(() => void lookAtAll(), times.leaseMs / rendered).unref()
  const first = lookAtAll()
  const viewOf = (member: Member): MemberView => {
    const answer = answers.get(memberName(member))
    const overdueMs = performance.now() - (answer?.atMs ?? beganMs - times.leaseMs) - times.leaseMs
    // Who is on the list is never forgotten.
    const state = livenessOf(overdueMs, times) ?? 'lost'
    return { ...member, incarnation: answer?.incarnation ?? member.incarnation, state, running: answer?.running ?? 0 }
  }
  return {
    register: () => Promise.resolve(),
    renew: (_ref, _load: Load) => Promise.resolve(true),
    leave: () => Promise.resolve(),
    list: async (kind) => {
      await first
      return members.filter((member) => kind === undefined || member.kind === kind).map(viewOf)
    },
    watch(onChange) {
      watchers.add(onChange)
      return () => watchers.delete(onChange)
    },
    close: () => {
      clearInterval(timer)
      watchers.clear()
      return Promise.resolve()
    },
  }
}
