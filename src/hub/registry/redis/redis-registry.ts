import type { Bell } from '../../bell.ts'
import { hubKeys } from '../../keys.ts'
import { defineScript, type HubRedis } from '../../scripts.ts'
import { wellFormedJson } from '../../well-formed.ts'
import { type LeaseTimes, type Load, livenessOf, type Member, type MemberView, memberName } from '../member.ts'
import type { Registry } from '../registry.ts'

export type LostMember = { readonly member: Member; readonly state: 'suspect' | 'lost' }

/** The registry in Redis; beyond the interface it can look for leases that have run out. */
export type RedisRegistry = Registry & {
  /** Who became suspect or lost since anybody looked last: each change is answered once, to one caller. */
  readonly sweep: () => Promise<readonly LostMember[]>
}

const { members, memberLeases, memberLoads, memberStates } = hubKeys
const channel = hubKeys.bells.members
const keys = [members, memberLeases, memberLoads, memberStates]
const pollMs = 1_000
const sweptMax = 1_000

/** @param bell heard for changes; watchers are also called once a second. Both connections belong to the caller */
export function openRedisRegistry(redis: HubRedis, bell: Bell, times: LeaseTimes): RedisRegistry {
  const script = (name: string) =>
    defineScript(redis, `hubMember${name}`, [new URL(`./${name.toLowerCase()}.lua`, import.meta.url)])
  const [register, renew, leave, list, sweep] = ['Register', 'Renew', 'Leave', 'List', 'Sweep'].map(script)
  if (!register || !renew || !leave || !list || !sweep) throw new Error('a script of the registry is missing')
  const watches = new Set<() => void>()
  return {
    register: async (member) => void (await register(keys, [memberName(member), wellFormedJson(member), times.leaseMs, channel])),
    renew: async (ref, load) =>
      (await renew(keys, [memberName(ref), ref.incarnation, times.leaseMs, wellFormedJson(load), channel])) === 1,
    leave: async (ref) => void (await leave(keys, [memberName(ref), ref.incarnation, channel])),
    list: async (kind) => {
      const all = viewsOf((await list(keys.slice(0, 3), [])) as string[], times)
      return kind === undefined ? all : all.filter((member) => member.kind === kind)
    },
    sweep: async () => changesOf((await sweep(keys, [times.suspectMs, times.forgetMs, channel, sweptMax])) as string[]),
    watch(onChange) {
      const unhear = bell.hear('members', onChange)
      const timer = setInterval(onChange, pollMs).unref()
      const unwatch = () => {
        unhear()
        clearInterval(timer)
        watches.delete(unwatch)
      }
      watches.add(unwatch)
      return unwatch
    },
    close: () => {
      for (const unwatch of watches) unwatch()
      return Promise.resolve()
    },
  }
}

function viewsOf([now, ...rest]: readonly string[], times: LeaseTimes): MemberView[] {
  const views: MemberView[] = []
  for (let at = 0; at < rest.length; at += 3) {
    const state = livenessOf(Number(now) - Number(rest[at + 1]), times)
    if (state === undefined) continue
    // Written by `register` alone, of a checked member.
    const member = JSON.parse(rest[at] ?? '{}') as Member
    const load = (rest[at + 2] ? JSON.parse(rest[at + 2] ?? '') : { running: 0 }) as Load
    views.push({ ...member, ...limitOf(member, load), state, running: load.running })
  }
  return views.sort((a, b) => (memberName(a) < memberName(b) ? -1 : 1))
}

/** The limit of a member as its newest renewal says. */
function limitOf({ kind }: Member, { limit }: Load): { capacity?: number; slots?: number } {
  if (limit === undefined || kind === 'hub') return {}
  return kind === 'agent' ? { capacity: limit } : { slots: limit }
}

function changesOf(flat: readonly string[]): LostMember[] {
  const changes: LostMember[] = []
  for (let at = 0; at < flat.length; at += 3) {
    changes.push({ state: flat[at + 1] as LostMember['state'], member: JSON.parse(flat[at + 2] ?? '{}') as Member })
  }
  return changes
}
