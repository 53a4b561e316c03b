/** The agent as a whole: one algorithm, its routes, its place in the registry. */
import type { Reporter } from '../../reporter/index.ts'
import type { MemberClient } from '../http/member-client.ts'
import { type MemberOptions, openDoor } from '../http/member-door.ts'
import type { Algorithm } from '../model/algorithm.ts'
import { paced } from '../registry/paced.ts'
import { agentRoutes } from './agent-routes.ts'
import { type AgentFamilies, agentExposition } from './agent-series.ts'
import { Dispatchers } from './dispatchers.ts'
import { EventBook } from './event-book.ts'
import { offeredBy } from './offer.ts'
import { RunPool } from './run-pool.ts'
import type { AgentLimits } from './settings.ts'

export type AgentServiceOptions = MemberOptions & {
  /** What the agent is to offer; the module may say more of it, but nothing else. */
  readonly algorithmKey: string
  /** Path of the module. */
  readonly moduleFile: string
  readonly limits: AgentLimits
  readonly families: AgentFamilies
  readonly client: MemberClient
  readonly reporter: Reporter
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
  const { capacity } = limits
  const door = await openDoor(options, {
    member: { kind: 'agent', id, incarnation, algorithm, capacity },
    routes: agentRoutes({ agent: id, incarnation, algorithm, capacity, events, dispatchers, state }),
    bodyBytesMax: limits.outputBytesMax * bodyShare,
    series: () => agentExposition(options.families, events, capacity),
    load: () => ({ running: events.running }),
    closeWithinMs,
  })
  const load = paced(door.tell, loadEveryMs)
  tell = load.ask
  return {
    url: door.url,
    algorithm,
    async stop() {
      isLeaving = true
      load.stop()
      await door.leave()
      await events.drain(limits.drainMs)
      await Promise.all([pool.close(), door.close()])
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
