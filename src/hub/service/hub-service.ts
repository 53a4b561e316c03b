/** The hub as a whole: the API, the series, and everything that has to be looked after once for all dispatchers. */
import type { Reporter } from '../../reporter/index.ts'
import type { MemberRoute } from '../http/member-app.ts'
import type { MemberClient } from '../http/member-client.ts'
import { type DoorParts, type MemberOptions, openDoor } from '../http/member-door.ts'
import { AgentCheck } from '../registry/agent-check.ts'
import type { LostMember } from '../registry/redis/redis-registry.ts'
import type { Registry } from '../registry/registry.ts'
import type { HubApiDeps } from '../routes/deps.ts'
import { docsRoutes } from '../routes/docs-routes.ts'
import { flowRoutes } from '../routes/flow-routes.ts'
import { memberRoutes } from '../routes/member-routes.ts'
import { processRoutes } from '../routes/process-routes.ts'
import type { HubRedis } from '../scripts.ts'
import { FlowStore } from '../store/flows.ts'
import { HubQueries } from '../store/hub-queries.ts'
import { HubStore } from '../store/hub-store.ts'
import type { HubStoreSettings } from '../store/settings.ts'
import { Housekeeping } from './housekeeping.ts'
import { type HubFamilies, hubExposition } from './hub-series.ts'
import { progressOf, reportProcess } from './process-report.ts'
import { SeriesHolder } from './series-holder.ts'

export type HubServiceOptions = MemberOptions & {
  readonly redis: HubRedis
  readonly registry: Registry & { readonly sweep?: () => Promise<readonly LostMember[]> }
  readonly settings: HubStoreSettings
  readonly families: HubFamilies
  readonly seriesMax: number
  /** @param pending processes that wait */
  readonly makeReporter: (pending: () => number) => Reporter
  readonly client: MemberClient
}

export type HubService = { readonly url: string; readonly stop: () => Promise<void> }

const closeWithinMs = 5_000
const reportsWithinMs = 2_000
/** Flow and data in one body, and some room for what is around them. */
const bodyShare = 2.1

/** Starts the hub. @throws the system's error when the port is taken */
export async function startHub(options: HubServiceOptions): Promise<HubService> {
  const { redis, registry, log, settings } = options
  const queries = new HubQueries(redis)
  const store = new HubStore(redis, settings)
  const check = new AgentCheck(
    options.client,
    (agent, found) =>
      log.warn({ agent: agent.id, says: agent.algorithm?.key, found }, 'an agent offers something else than it says'),
    () => undefined,
  )
  const holder = new SeriesHolder(store)
  const housekeeping = new Housekeeping({ ...options, store, queries, check, holder })
  const reporter = options.makeReporter(() => housekeeping.queueLength)
  housekeeping.start(reporter)
  const deps: HubApiDeps = {
    store,
    queries,
    flows: new FlowStore(redis, settings),
    members: () => registry.list(),
    isQuarantined: (agent) => check.isQuarantined(agent),
    onEnded: () => housekeeping.look(),
    onSubmitted: ({ key, isAdhoc }, flow) => {
      const task = reportProcess(reporter, { key, attempt: 1, flowName: flow.key ?? '', isAdhoc }, 'inited')
      task.update(progressOf(flow.nodes.map(({ id }) => [id, 'WAITING'] as const)))
      // From here on it is the dispatcher's to report.
      task.release()
    },
  }
  const { instance: id, incarnation } = reporter
  const door = await openDoor(options, {
    member: { kind: 'hub', id, incarnation },
    ...hubRoutes(deps, redis, options.version),
    bodyBytesMax: Math.ceil(settings.dataBytesMax * bodyShare),
    series: () => seriesOf(options, holder, queries, check),
    load: () => ({ running: 0 }),
    closeWithinMs,
  })
  return {
    url: door.url,
    async stop() {
      await door.leave()
      await door.close()
      await housekeeping.stop()
      await holder.leave()
      await reporter.close(reportsWithinMs)
    },
  }
}

/** What the hub adds to the routes of every member. */
export function hubRoutes(deps: HubApiDeps, redis: HubRedis, version: string): Required<Pick<DoorParts, 'routes' | 'docs'>> {
  return {
    routes: [readyRoute(redis), ...memberRoutes(deps), ...flowRoutes(deps), ...processRoutes(deps)],
    docs: (others) => docsRoutes(others, version),
  }
}

function readyRoute(redis: HubRedis): MemberRoute {
  return {
    method: 'get',
    path: '/-/ready',
    role: 'open',
    summary: 'The store answers.',
    answer: async () => {
      try {
        await redis.get('{hub}:ready')
        return { status: 200, body: { status: 'ready' } }
      } catch {
        return { status: 503, body: { status: 'not ready', reasons: ['the store cannot be reached'] } }
      }
    },
  }
}

/** What all hubs share is printed by one of them: sums over several are right. */
async function seriesOf(
  options: HubServiceOptions,
  holder: SeriesHolder,
  queries: HubQueries,
  check: AgentCheck,
): Promise<string> {
  if (!(await holder.holds())) return ''
  const [queue, counters, members] = await Promise.all([queries.queue(1), queries.counters(), options.registry.list()])
  return hubExposition(options.families, {
    queueLength: queue.length,
    oldestAgeMs: queue.oldestAgeMs,
    counters,
    members,
    isQuarantined: (agent) => check.isQuarantined(agent),
    seriesMax: options.seriesMax,
  })
}
