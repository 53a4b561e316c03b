import type { MemberRoute } from '../http/member-app.ts'
import { type Algorithm, isInCatalog } from '../model/algorithm.ts'
import type { Liveness, MemberView } from '../registry/member.ts'
import type { HubApiDeps } from './deps.ts'

/** An algorithm with who offers it. */
type Offer = Algorithm & {
  readonly agents: Readonly<Record<Liveness, number>>
  /** Of live agents. */
  readonly capacity: number
  readonly running: number
}

/** Who takes part: algorithms, members, and the same for Prometheus. */
export function memberRoutes({ members, isQuarantined }: HubApiDeps): MemberRoute[] {
  return [
    {
      method: 'get',
      path: '/hub/algorithms',
      role: 'read',
      summary: 'What the live agents offer; `catalog` = a path that it must lie under.',
      answer: async ({ query }) => {
        const agents = (await members()).filter((member) => member.kind === 'agent' && !isQuarantined(member))
        const offers = offersOf(agents).filter(({ catalog }) => isInCatalog(catalog, query['catalog'] ?? ''))
        return { status: 200, body: offers }
      },
    },
    {
      method: 'get',
      path: '/hub/members',
      role: 'read',
      summary: 'Hubs, dispatchers and agents, with their state.',
      answer: async () => ({
        status: 200,
        body: (await members()).map((member) => (isQuarantined(member) ? { ...member, state: 'quarantined' } : member)),
      }),
    },
    {
      method: 'get',
      path: '/hub/discovery/prometheus',
      role: 'read',
      summary: 'Every member that is not lost, as HTTP service discovery of Prometheus.',
      answer: async () => ({
        status: 200,
        body: (await members()).filter(({ state }) => state !== 'lost').map(targetOf),
      }),
    },
  ]
}

function offersOf(agents: readonly MemberView[]): Offer[] {
  const offers = new Map<string, Offer>()
  for (const { algorithm, state, capacity = 0, running } of agents) {
    if (algorithm === undefined) continue
    const before = offers.get(algorithm.key) ?? {
      ...algorithm,
      agents: { live: 0, suspect: 0, lost: 0 },
      capacity: 0,
      running: 0,
    }
    const isLive = state === 'live'
    offers.set(algorithm.key, {
      ...before,
      agents: { ...before.agents, [state]: before.agents[state] + 1 },
      capacity: before.capacity + (isLive ? capacity : 0),
      running: before.running + (isLive ? running : 0),
    })
  }
  return [...offers.values()].filter(({ agents: { live } }) => live > 0).sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** Labels that begin with `__meta_` stay out of the series unless a relabelling takes them. */
function targetOf({ kind, id, url, algorithm }: MemberView): { targets: string[]; labels: Record<string, string> } {
  const { host, protocol, pathname } = new URL(url)
  return {
    targets: [host],
    labels: {
      __scheme__: protocol.replace(':', ''),
      __metrics_path__: `${pathname.replace(/\/$/, '')}/metrics`,
      __meta_enginehub_kind: kind,
      __meta_enginehub_id: id,
      ...(algorithm === undefined ? {} : { __meta_enginehub_algorithm: algorithm.key }),
    },
  }
}
