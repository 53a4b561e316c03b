/** The agent as a whole: one algorithm, its routes, its place in the registry. */
import type { Authoriser } from '../../access/authoriser.ts'
import type { Reporter } from '../../reporter/index.ts'
import { memberApp } from '../http/member-app.ts'
import type { MemberClient } from '../http/member-client.ts'
import { listenAsMember } from '../http/member-server.ts'
import type { HubLog } from '../log.ts'
import type { Algorithm } from '../model/algorithm.ts'
import { keepRegistered } from '../registry/membership.ts'
import { paced } from '../registry/paced.ts'
import type { Registry } from '../registry/registry.ts'
import { agentRoutes } from './agent-routes.ts'
import { Dispatchers } from './dispatchers.ts'
import { EventBook } from './event-book.ts'
import { offeredBy } from './offer.ts'
import { RunPool } from './run-pool.ts'
import type { AgentLimits } from './settings.ts'

export type AgentServiceOptions = {
  /** What the agent is to offer; the module may say more of it, but nothing else. */
  readonly algorithmKey: string
  /** Path of the module. */
  readonly moduleFile: string
  readonly limits: AgentLimits
  readonly version: string
  readonly host: string
  readonly port: number
  readonly advertiseUrl: string | undefined
  readonly namespace: string
  readonly registry: Registry
  /** A third of a member's lease. */
  readonly renewEveryMs: number
  readonly authoriser: Authoriser
  readonly client: MemberClient
  readonly reporter: Reporter
  readonly log: HubLog
  readonly onFault: (error: unknown) => void
}

export type AgentService = { readonly url: string; readonly algorithm: Algorithm; readonly stop: () => Promise<void> }

/** Every dispatcher reads the registry anew when a load changes. It counts what it sends itself; this is for the others. */
const loadEveryMs = 250
const closeWithinMs = 2_000
const reportsWithinMs = 2_000
/** Flow data of several inputs in one event, and room for what is around them. */
const bodyShare = 8

/** Starts an agent. @throws Error with what is wrong with the module, and the system's error when the port is taken */
export async function startAgent(options: AgentServiceOptions): Promise<AgentService> {
  const { limits, log, registry, reporter } = options
  const { moduleUrl, pool, algorithm } = await prepared(options)
  const { instance: id, incarnation } = reporter
  log.debug({ moduleUrl }, 'the module is loaded')
  let isLeaving = false
  let tell = () => {}
  const events = new EventBook({ ...options, agent: id, pool, onChange: () => tell() })
  const dispatchers = new Dispatchers(registry)
  const state = () => (isLeaving ? 'draining' : 'live')
  const app = memberApp({
    routes: agentRoutes({ agent: id, incarnation, algorithm, capacity: limits.capacity, events, dispatchers, state }),
    authoriser: options.authoriser,
    namespace: options.namespace,
    bodyBytesMax: limits.outputBytesMax * bodyShare,
    onFault: options.onFault,
  })
  const server = await listenAsMember(app, options.host, options.port)
  const url = options.advertiseUrl ?? server.url
  const membership = keepRegistered({
    registry,
    member: { kind: 'agent', id, incarnation, url, algorithm, capacity: limits.capacity, version: options.version },
    load: () => ({ running: events.running }),
    renewEveryMs: options.renewEveryMs,
    onTrouble: (error) => log.debug({ error }, 'the agent could not be registered; it is tried again'),
  })
  const load = paced(membership.tell, loadEveryMs)
  tell = load.ask
  return {
    url: server.url,
    algorithm,
    async stop() {
      isLeaving = true
      load.stop()
      await membership.leave()
      await events.drain(limits.drainMs)
      await Promise.all([pool.close(), server.close(closeWithinMs)])
      await reporter.close(reportsWithinMs)
    },
  }
}

async function prepared({ algorithmKey, moduleFile, limits }: AgentServiceOptions) {
  const { moduleUrl, read } = offeredBy(moduleFile)
  const pool = new RunPool(moduleUrl, limits)
  try {
    return { moduleUrl, pool, algorithm: read(await pool.load(), algorithmKey) }
  } catch (error) {
    await pool.close()
    throw new Error(`${moduleFile}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
