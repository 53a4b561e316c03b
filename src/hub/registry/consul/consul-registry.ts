/** The registry in Consul: one service per kind, one TTL check per member. */
import { setTimeout as pause } from 'node:timers/promises'
import { Part } from '../../model/part.ts'
import {
  type LeaseTimes,
  type Load,
  livenessOf,
  type Member,
  type MemberKind,
  type MemberView,
  memberKinds,
  memberName,
  readMember,
} from '../member.ts'
import type { Registry } from '../registry.ts'
import type { ConsulClient } from './consul-client.ts'

/** Consul deregisters nothing sooner than this. */
const deregisterAfter = '1m'
const blockSeconds = 30
const againMs = 1_000
const metaMax = 512

/**
 * Opens the registry in Consul. What Consul cannot say is found by looking: since when a check is critical by the own monotonic
 * clock from the first look on; one that Consul has removed meanwhile is forgotten.
 */
export function openConsulRegistry(consul: ConsulClient, times: LeaseTimes): Registry {
  const stop = new AbortController()
  const watchers = new Set<() => void>()
  const criticalSinceMs = new Map<string, number>()
  const list = async (kind?: MemberKind) => {
    const kinds = kind === undefined ? memberKinds : [kind]
    const all = await Promise.all(kinds.map((each) => consul.get(healthPath(each))))
    const entries = all.flatMap(({ body }) => (Array.isArray(body) ? body : [])) as unknown[]
    return entries
      .flatMap((entry) => viewOf(entry, criticalSinceMs, times) ?? [])
      .sort((a, b) => (memberName(a) < memberName(b) ? -1 : 1))
  }
  const tell = () => {
    for (const onChange of watchers) onChange()
  }
  let isFollowing = false
  const followAll = () => {
    if (isFollowing) return
    isFollowing = true
    for (const kind of memberKinds) void follow(consul, kind, tell, stop.signal)
  }
  return {
    register: async (member) => {
      await consul.put('/v1/agent/service/register', serviceOf(member, times))
      await pass(consul, member, { running: 0 })
    },
    renew: async (ref, load) => {
      const known = await list(ref.kind)
      const isOurs = known.some(({ id, incarnation }) => id === ref.id && incarnation === ref.incarnation)
      return isOurs && (await pass(consul, ref, load))
    },
    leave: async (ref) => {
      const known = await list(ref.kind)
      if (!known.some(({ id, incarnation }) => id === ref.id && incarnation === ref.incarnation)) return
      await consul.put(`/v1/agent/service/deregister/${encodeURIComponent(serviceId(ref))}`)
    },
    list,
    watch(onChange) {
      watchers.add(onChange)
      followAll()
      // What is suspect becomes lost with no change in Consul.
      const timer = setInterval(onChange, againMs).unref()
      return () => {
        clearInterval(timer)
        watchers.delete(onChange)
      }
    },
    close: () => {
      watchers.clear()
      stop.abort()
      return Promise.resolve()
    },
  }
}

/** Waits for changes of one service by Consul's index; one that goes back starts over, as Consul's documentation asks. */
async function follow(consul: ConsulClient, kind: MemberKind, tell: () => void, signal: AbortSignal): Promise<void> {
  for (let index = 0; !signal.aborted; ) {
    try {
      const answer = await consul.get(`${healthPath(kind)}?index=${index}&wait=${blockSeconds}s`, signal)
      const isChanged = answer.index !== index
      index = answer.index < index ? 0 : answer.index
      if (isChanged) tell()
      else if (index === 0) await pause(againMs, undefined, { signal })
    } catch {
      await pause(againMs, undefined, { signal }).catch(() => undefined)
    }
  }
}

function healthPath(kind: MemberKind): string {
  return `/v1/health/service/enginehub-${kind}`
}

function serviceId({ kind, id }: Pick<Member, 'kind' | 'id'>): string {
  return `enginehub-${kind}-${id}`
}

function pass(consul: ConsulClient, ref: Pick<Member, 'kind' | 'id'>, load: Load): Promise<boolean> {
  const check = encodeURIComponent(`service:${serviceId(ref)}`)
  return consul.put(`/v1/agent/check/update/${check}`, { Status: 'passing', Output: JSON.stringify(load) })
}

function serviceOf(member: Member, { leaseMs }: LeaseTimes): unknown {
  const { hostname, port, protocol } = new URL(member.url)
  return {
    ID: serviceId(member),
    Name: `enginehub-${member.kind}`,
    Address: hostname.replace(/^\[|\]$/g, ''),
    Port: Number(port || (protocol === 'https:' ? 443 : 80)),
    Meta: metaOf(member),
    Check: { TTL: `${leaseMs}ms`, DeregisterCriticalServiceAfter: deregisterAfter, Status: 'passing' },
  }
}

/** A value of Consul's metadata has at most 512 characters. */
function metaOf({ algorithm, capacity, slots, ...facts }: Member): Record<string, string> {
  const { key, name, description, tags, catalog } = algorithm ?? {}
  const meta = { ...facts, key, name, description, tags: tags?.join(','), catalog, capacity, slots }
  return Object.fromEntries(
    Object.entries(meta).flatMap(([field, value]) => (value === undefined ? [] : [[field, String(value).slice(0, metaMax)]])),
  )
}

/** Undefined for a service that is none of ours, or to be forgotten. */
function viewOf(entry: unknown, criticalSinceMs: Map<string, number>, times: LeaseTimes): MemberView | undefined {
  const part = new Part(entry, '', 'REQUEST_INVALID')
  try {
    const member = memberOf(part.field('Service').field('Meta').value as Record<string, string>)
    const check = part
      .field('Checks')
      .items(100)
      .find((one) => String(one.field('CheckID').value).startsWith('service:enginehub-'))
    const isPassing = check?.field('Status').value === 'passing'
    const key = `${memberName(member)} ${member.incarnation}`
    if (isPassing) criticalSinceMs.delete(key)
    else if (!criticalSinceMs.has(key)) criticalSinceMs.set(key, performance.now())
    const sinceMs = criticalSinceMs.get(key)
    const state = livenessOf(sinceMs === undefined ? -1 : performance.now() - sinceMs, times)
    if (state === undefined) return undefined
    const load = loadOf(check?.field('Output').value)
    const limit =
      load.limit === undefined || member.kind === 'hub' ? {} : { [member.kind === 'agent' ? 'capacity' : 'slots']: load.limit }
    return { ...member, ...limit, state, running: load.running }
  } catch {
    return undefined
  }
}

function loadOf(output: unknown): Load {
  try {
    const load = JSON.parse(String(output)) as Partial<Load>
    return { running: Number(load.running ?? 0), ...(load.limit === undefined ? {} : { limit: Number(load.limit) }) }
  } catch {
    // Consul writes a text of its own there when the time is up.
    return { running: 0 }
  }
}

function memberOf(meta: Readonly<Record<string, string>>): Member {
  const { key, name, description = '', tags = '', catalog, capacity, slots, ...facts } = meta
  return readMember({
    ...facts,
    ...(key === undefined ? {} : { algorithm: { key, name, description, tags: tags === '' ? [] : tags.split(','), catalog } }),
    ...(capacity === undefined ? {} : { capacity: Number(capacity) }),
    ...(slots === undefined ? {} : { slots: Number(slots) }),
  })
}
