/** The dispatcher as a whole: its slots, its routes, its place in the registry. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Authoriser } from '../../access/authoriser.ts'
import type { Reporter } from '../../reporter/index.ts'
import type { Bell } from '../bell.ts'
import { type MemberRoute, memberApp } from '../http/member-app.ts'
import type { MemberClient } from '../http/member-client.ts'
import { listenAsMember } from '../http/member-server.ts'
import type { HubLog } from '../log.ts'
import { Part } from '../model/part.ts'
import { keepRegistered } from '../registry/membership.ts'
import { paced } from '../registry/paced.ts'
import type { Registry } from '../registry/registry.ts'
import type { HubRedis } from '../scripts.ts'
import { HubQueries } from '../store/hub-queries.ts'
import { HubStore } from '../store/hub-store.ts'
import type { HubStoreSettings } from '../store/settings.ts'
import { Agents } from './agents.ts'
import { Dispatcher } from './dispatcher.ts'

export type DispatcherServiceOptions = {
  readonly slots: number
  readonly version: string
  readonly host: string
  readonly port: number
  readonly advertiseUrl: string | undefined
  readonly namespace: string
  readonly redis: HubRedis
  readonly bell: Bell
  readonly registry: Registry
  /** A third of a member's lease. */
  readonly renewEveryMs: number
  readonly authoriser: Authoriser
  readonly isMetricsOpen: boolean
  readonly settings: HubStoreSettings
  readonly nodeDeadlineMs: number
  readonly triesMax: number
  readonly agentWaitMs: number
  readonly drainMs: number
  readonly client: MemberClient
  readonly processSeries: () => Promise<string>
  readonly makeReporter: (slots: () => number) => Reporter
  readonly log: HubLog
  readonly onFault: (error: unknown) => void
}

export type DispatcherService = { readonly url: string; readonly stop: () => Promise<void> }

/** Everybody reads the registry anew when a load changes; of slots, only series and status make use. */
const loadEveryMs = 250
const closeWithinMs = 2_000
const reportsWithinMs = 2_000
const slotsMax = 100_000
/** An output and the lines that were said on the way. */
const bodyShare = 4

/** Starts a dispatcher. @throws the system's error when the port is taken */
export async function startDispatcher(options: DispatcherServiceOptions): Promise<DispatcherService> {
  const { registry, log, redis, settings } = options
  let dispatcher: Dispatcher | undefined
  const reporter = options.makeReporter(() => dispatcher?.slots ?? options.slots)
  const { instance: id, incarnation } = reporter
  let url = ''
  let tell = () => {}
  const agents = new Agents({
    registry,
    client: options.client,
    onQuarantine: (agent, found) =>
      log.warn({ agent: agent.id, says: agent.algorithm?.key, found }, 'an agent offers something else than it says'),
    onTrouble: (error) => log.debug({ error }, 'the registry cannot be read; what was known stays'),
  })
  const current = new Dispatcher(
    {
      ...options,
      agents,
      reporter,
      store: new HubStore(redis, settings),
      queries: new HubQueries(redis),
      dispatcher: id,
      replyTo: () => `${url}/dispatcher/results`,
      onLoad: () => tell(),
      pause,
    },
    options.slots,
  )
  dispatcher = current
  const app = memberApp({
    routes: routesOf(current, id, options),
    authoriser: options.authoriser,
    namespace: options.namespace,
    bodyBytesMax: settings.dataBytesMax * bodyShare,
    onFault: options.onFault,
  })
  const server = await listenAsMember(app, options.host, options.port)
  url = options.advertiseUrl ?? server.url
  const membership = keepRegistered({
    registry,
    member: { kind: 'dispatcher', id, incarnation, url, slots: options.slots, version: options.version },
    load: () => ({ running: current.running, limit: current.slots }),
    renewEveryMs: options.renewEveryMs,
    onTrouble: (error) => log.debug({ error }, 'the dispatcher could not be registered; it is tried again'),
  })
  const load = paced(membership.tell, loadEveryMs)
  tell = load.ask
  await agents.read()
  return {
    url: server.url,
    async stop() {
      await current.stop(options.drainMs)
      agents.close()
      load.stop()
      await membership.leave()
      await server.close(closeWithinMs)
      await reporter.close(reportsWithinMs)
    },
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(Math.max(0, ms), undefined, { signal }).catch(() => undefined)
}

function routesOf(dispatcher: Dispatcher, id: string, options: DispatcherServiceOptions): MemberRoute[] {
  const status = () => ({
    status: 200,
    body: { dispatcher: id, slots: dispatcher.slots, running: dispatcher.running, processes: dispatcher.processes() },
  })
  return [
    {
      method: 'post',
      path: '/dispatcher/results',
      role: 'report',
      summary: 'The result of an event, from the agent that ran it.',
      answer: async ({ body }) => {
        await dispatcher.takeResult(body)
        return { status: 204 }
      },
    },
    {
      method: 'get',
      path: '/dispatcher/status',
      role: 'read',
      summary: 'Slots and what is in them.',
      answer: status,
    },
    {
      method: 'post',
      path: '/dispatcher/slots',
      role: 'admin',
      summary: 'Sets the number of slots; what is beyond a lower one runs to its end.',
      answer: ({ body }) => {
        dispatcher.setSlots(new Part(body, '', 'REQUEST_INVALID').field('slots').whole(0, slotsMax))
        return status()
      },
    },
    {
      method: 'get',
      path: '/-/healthy',
      role: 'open',
      summary: 'The process runs.',
      answer: () => ({ status: 200, body: { status: 'healthy' } }),
    },
    {
      method: 'get',
      path: '/metrics',
      role: options.isMetricsOpen ? 'open' : 'read',
      summary: 'Series of the process in the text format of Prometheus.',
      answer: async () => ({
        status: 200,
        text: { type: 'text/plain; version=0.0.4; charset=utf-8', content: await options.processSeries() },
      }),
    },
  ]
}
