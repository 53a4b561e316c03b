import { type Algorithm, readAlgorithm } from '../model/algorithm.ts'
import { Part } from '../model/part.ts'

export const memberKinds = ['hub', 'dispatcher', 'agent'] as const
export type MemberKind = (typeof memberKinds)[number]

/** Who a member is. A new start of it has a new incarnation, a time in RFC 3339. */
export type MemberRef = { readonly kind: MemberKind; readonly id: string; readonly incarnation: string }

/** What a member tells of itself when it registers. */
export type Member = MemberRef & {
  /** Base of its routes, without a slash at the end: `http://10.0.0.7:7731`. */
  readonly url: string
  /** Of an agent: what it offers. */
  readonly algorithm?: Algorithm
  /** Of an agent: how many events it runs at once. */
  readonly capacity?: number
  /** Of a dispatcher: how many processes it runs at once. */
  readonly slots?: number
  readonly version: string
}

/** What changes while a member lives; told with every renewal. */
export type Load = {
  /** Events of an agent, processes of a dispatcher. */
  readonly running: number
  /** A new number of slots, or a new capacity. */
  readonly limit?: number
}

/** SUSPECT: gets no new work. LOST: its work is given to others. */
export const livenessStates = ['live', 'suspect', 'lost'] as const
export type Liveness = (typeof livenessStates)[number]

/** A member as the registry knows it. */
export type MemberView = Member & { readonly state: Liveness; readonly running: number }

/** Times of a lease. */
export type LeaseTimes = {
  /** How long a member is live without renewing. */
  readonly leaseMs: number
  /** How long it is suspect after that. */
  readonly suspectMs: number
  /** How long one that is lost is still shown. */
  readonly forgetMs: number
}

/** The times of the specification: renewed every third of a lease. @public */
export const defaultLeaseTimes: LeaseTimes = { leaseMs: 15_000, suspectMs: 15_000, forgetMs: 3_600_000 }

/** The state of a lease that ran out so long ago; undefined = to be forgotten. Negative: it has not run out. */
export function livenessOf(overdueMs: number, { suspectMs, forgetMs }: LeaseTimes): Liveness | undefined {
  if (overdueMs < 0) return 'live'
  if (overdueMs < suspectMs) return 'suspect'
  return overdueMs < suspectMs + forgetMs ? 'lost' : undefined
}

/** One text per member, whichever its incarnation: `agent/agent-id3-1`. */
export function memberName({ kind, id }: Pick<MemberRef, 'kind' | 'id'>): string {
  return `${kind}/${id}`
}

const urlMax = 500
const limitMax = 100_000

/** Checks a member that came from outside. @throws ScopeError REQUEST_INVALID */
export function readMember(value: unknown, path = ''): Member {
  const part = new Part(value, path, 'REQUEST_INVALID')
  const algorithm = part.field('algorithm')
  const member = {
    kind: part.field('kind').oneOf(memberKinds),
    id: part.field('id').id('the id of a member'),
    incarnation: part.field('incarnation').textOr('', urlMax),
    url: readUrl(part.field('url')),
    version: part.field('version').textOr('', urlMax),
    ...(algorithm.isAbsent ? {} : { algorithm: readAlgorithm(algorithm) }),
    ...limitOf(part, 'capacity'),
    ...limitOf(part, 'slots'),
  }
  if (member.kind === 'agent' && algorithm.isAbsent) algorithm.refuse('is needed of an agent')
  return member
}

function limitOf(part: Part, name: 'capacity' | 'slots'): Record<string, number> {
  const limit = part.field(name)
  return limit.isAbsent ? {} : { [name]: limit.whole(0, limitMax) }
}

function readUrl(part: Part): string {
  const text = part.text(urlMax)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return part.refuse('must be an http or https address')
  return text.replace(/\/+$/, '')
}
