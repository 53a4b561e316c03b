/** What every member does to take part: it opens its port, and keeps its place in the registry. */
import type { Authoriser } from '../../access/authoriser.ts'
import { type HubLog, logTrouble } from '../log.ts'
import type { Load, Member } from '../registry/member.ts'
import { keepRegistered } from '../registry/membership.ts'
import type { Registry } from '../registry/registry.ts'
import { hotDoor } from './hot-door.ts'
import { type MemberAppOptions, type MemberRoute, memberApp } from './member-app.ts'
import { listenAsMember } from './member-server.ts'

/** What the command hands to every member. */
export type MemberOptions = {
  readonly version: string
  readonly host: string
  readonly port: number
  /** Where others reach it, if not where it listens. */
  readonly advertiseUrl: string | undefined
  readonly namespace: string
  readonly registry: Registry
  /** A third of a member's lease. */
  readonly renewEveryMs: number
  readonly authoriser: Authoriser
  /** `/metrics` asks for no token. */
  readonly isMetricsOpen: boolean
  /** Says what the process itself has to say on `/metrics`. */
  readonly processSeries: () => Promise<string>
  readonly log: HubLog
}

/** What one kind of member adds to it. */
export type DoorParts = {
  readonly member: Omit<Member, 'url' | 'version'>
  readonly routes: readonly MemberRoute[]
  /** Routes that tell of all others. */
  readonly docs?: (others: readonly MemberRoute[]) => readonly MemberRoute[]
  readonly bodyBytesMax: number
  /** Series of the kind, before those of the process. */
  readonly series?: () => Promise<string> | string
  readonly load: () => Load
  /** How long requests in progress may take when it closes. */
  readonly closeWithinMs: number
}

export type MemberDoor = {
  /** Where it listens. */
  readonly url: string
  /** Where others reach it. */
  readonly address: string
  /** The load has changed: the registry is told at once. */
  readonly tell: () => void
  /** Leaves the registry; requests are answered on. */
  readonly leave: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Opens the door of a member and enters it in the registry. @throws the system's error when the port is taken */
export async function openDoor(options: MemberOptions, parts: DoorParts): Promise<MemberDoor> {
  const { log, registry } = options
  const { kind } = parts.member
  const leaving = new AbortController()
  const appOptions: MemberAppOptions = {
    routes: doorRoutes(options, parts),
    authoriser: options.authoriser,
    namespace: options.namespace,
    bodyBytesMax: parts.bodyBytesMax,
    onFault: (error, requestId) => log.error({ error, requestId }, 'a request failed by a fault of our own'),
    leaving: leaving.signal,
  }
  const server = await listenAsMember(hotDoor(appOptions, memberApp(appOptions)), options.host, options.port)
  const address = options.advertiseUrl ?? server.url
  const membership = keepRegistered({
    registry,
    member: { ...parts.member, url: address, version: options.version },
    load: parts.load,
    renewEveryMs: options.renewEveryMs,
    onTrouble: (error) => logTrouble(log, 'debug', error, `the ${kind} could not be registered; it is tried again`),
  })
  return {
    url: server.url,
    address,
    tell: membership.tell,
    leave: membership.leave,
    close() {
      leaving.abort()
      return server.close(parts.closeWithinMs)
    },
  }
}

/** All that the door of a member answers. */
export function doorRoutes(
  options: Pick<MemberOptions, 'isMetricsOpen' | 'processSeries'>,
  { routes, docs, series }: Pick<DoorParts, 'routes' | 'docs' | 'series'>,
): MemberRoute[] {
  const all = [healthyRoute, metricsRoute(options, series), ...routes]
  return [...all, ...(docs?.(all) ?? [])]
}

const healthyRoute: MemberRoute = {
  method: 'get',
  path: '/-/healthy',
  role: 'open',
  summary: 'The process runs.',
  answer: () => ({ status: 200, body: { status: 'healthy' } }),
}

function metricsRoute(
  { isMetricsOpen, processSeries }: Pick<MemberOptions, 'isMetricsOpen' | 'processSeries'>,
  series: DoorParts['series'],
): MemberRoute {
  return {
    method: 'get',
    path: '/metrics',
    role: isMetricsOpen ? 'open' : 'read',
    summary: 'Series in the text format of Prometheus.',
    answer: async () => {
      const content = (await (series?.() ?? '')) + (await processSeries())
      return { status: 200, text: { type: 'text/plain; version=0.0.4; charset=utf-8', content } }
    },
  }
}
