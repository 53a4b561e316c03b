/** The dispatcher as a whole: its slots, its routes, its place in the registry. */
import { setTimeout as wait } from 'node:timers/promises'
import { ScopeError } from '../../errors.ts'
import type { Reporter } from '../../reporter/index.ts'
import type { Bell } from '../bell.ts'
import type { MemberRoute } from '../http/member-app.ts'
import type { MemberClient } from '../http/member-client.ts'
import { type MemberOptions, openDoor } from '../http/member-door.ts'
import { logTrouble } from '../log.ts'
import { resultsPath } from '../model/event.ts'
import { Part } from '../model/part.ts'
import { paced } from '../registry/paced.ts'
import type { HubRedis } from '../scripts.ts'
import { HubQueries } from '../store/hub-queries.ts'
import { HubStore } from '../store/hub-store.ts'
import type { HubStoreSettings } from '../store/settings.ts'
import { Agents } from './agents.ts'
import { Dispatcher } from './dispatcher.ts'

export type DispatcherServiceOptions = MemberOptions & {
  readonly slots: number
  readonly redis: HubRedis
  readonly bell: Bell
  readonly settings: HubStoreSettings
  readonly nodeDeadlineMs: number
  readonly triesMax: number
  readonly agentWaitMs: number
  readonly drainMs: number
  readonly client: MemberClient
  readonly makeReporter: (slots: () => number) => Reporter
  readonly onFault: (error: unknown) => void
}

export type DispatcherService = { readonly url: string; readonly stop: () => Promise<void> }

/** Everybody reads the registry anew when a load changes; of slots, only series and status make use. */
const loadEveryMs = 250
const closeWithinMs = 2_000
const reportsWithinMs = 2_000
const slotsMax = 100_000
/** An output, with room for what is around it. */
const bodyShare = 2
/** Lines and warnings of a result, each character escaped. */
const wordsBytesMax = 2 * 1024 * 1024

/** Starts a dispatcher. @throws the system's error when the port is taken */
export async function startDispatcher(options: DispatcherServiceOptions): Promise<DispatcherService> {
  const { registry, log, redis, settings } = options
  let dispatcher: Dispatcher | undefined
  const reporter = options.makeReporter(() => dispatcher?.slots ?? options.slots)
  const { instance: id, incarnation } = reporter
  let address = ''
  let tell = () => {}
  const agents = new Agents({
    registry,
    client: options.client,
    onQuarantine: (agent, found) =>
      log.warn({ agent: agent.id, says: agent.algorithm?.key, found }, 'an agent offers something else than it says'),
    onTrouble: (error) => logTrouble(log, 'debug', error, 'the registry cannot be read; what was known stays'),
  })
  const current = new Dispatcher(
    {
      ...options,
      agents,
      reporter,
      store: new HubStore(redis, settings),
      queries: new HubQueries(redis),
      dispatcher: id,
      replyTo: () => `${address}${resultsPath}`,
      onLoad: () => tell(),
      onFault: faultHandler(options),
      pause,
    },
    options.slots,
  )
  dispatcher = current
  const door = await openDoor(options, {
    member: { kind: 'dispatcher', id, incarnation, slots: options.slots },
    routes: routesOf(current, id),
    bodyBytesMax: settings.dataBytesMax * bodyShare + wordsBytesMax,
    load: () => ({ running: current.running, limit: current.slots }),
    closeWithinMs,
  })
  address = door.address
  const load = paced(door.tell, loadEveryMs)
  tell = load.ask
  await agents.read()
  return {
    url: door.url,
    async stop() {
      await current.stop(options.drainMs)
      agents.close()
      load.stop()
      await door.leave()
      await door.close()
      await reporter.close(reportsWithinMs)
    },
  }
}

/** What the store says of a script of ours is lived with, and told; anything else is for whoever started this. */
function faultHandler({ log, onFault }: DispatcherServiceOptions): (error: unknown) => void {
  return (error) =>
    error instanceof ScopeError ? logTrouble(log, 'warn', error, 'a process cannot be gone on with') : onFault(error)
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(Math.max(0, ms), undefined, { signal }).catch(() => undefined)
}

function routesOf(dispatcher: Dispatcher, id: string): MemberRoute[] {
  const status = () => ({
    status: 200,
    body: { dispatcher: id, slots: dispatcher.slots, running: dispatcher.running, processes: dispatcher.processes() },
  })
  return [
    {
      method: 'post',
      path: resultsPath,
      isHot: true,
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
  ]
}
