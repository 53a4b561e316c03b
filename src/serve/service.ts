/** The aggregator as a whole: starts its parts, hands each what it needs, and takes them down in order. */
import { hostname } from 'node:os'
import { Bus } from '../bus/bus.ts'
import { createQueries } from '../jobs/queries/queries.ts'
import { LiveHub } from '../live/hub.ts'
import { makeDoors } from './doors.ts'
import { listen } from './http-server.ts'
import { makeParts, type Parts, type ServiceOptions } from './parts.ts'

export type Service = {
  readonly url: string
  /** Reads tokens again. */
  reload(): void
  /** Finishes requests in progress, gives its shards back, closes. At most about ten seconds. */
  stop(): Promise<void>
}

const drainWithinMs = 5_000
const busSettings = { pollMs: 250, sweepMs: 1_000, expiryCheckMs: 200 }

/** Starts the aggregator. @throws AuthFileError, ConfigError (task types, listed runtimes), and the system's error when the port is taken */
export async function startService(options: ServiceOptions): Promise<Service> {
  const parts = await makeParts(options)
  const { config, log, state, watchers } = parts
  const live = new LiveHub({
    follow: (watcher) => {
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    queries: createQueries(parts.stores.read, parts.keys, parts.jobStore.runs),
    runs: parts.jobStore.runs.known,
    onFault: (error) => log.warn({ error }, 'an event stream could not be fed'),
  })
  const server = await listen(makeDoors(parts, live), config.host, config.port, (error) => options.onFatal('fault', error))
  state.bus = makeBus(parts, `${hostname()}:${server.port}`)
  await state.bus.start()
  parts.runtimes.start({ name: `${hostname()}:${server.port}`, start: parts.start })
  state.bus.watch((shard, events) => {
    for (const watcher of watchers) watcher(shard, events)
  })
  return {
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${server.port}`,
    reload: () => void parts.authoriser.reload(),
    async stop() {
      state.isDraining = true
      live.close()
      await server.drain(drainWithinMs)
      await parts.runtimes.stop()
      await state.bus?.stop()
      await parts.shipping.close()
      for (const part of [parts.series, parts.insight, parts.health, parts.overload, parts.authoriser]) part.close()
      for (const store of Object.values(parts.stores)) store.disconnect()
    },
  }
}

function makeBus(parts: Parts, name: string): Bus {
  const { stores, keys, config, series, insight, jobStore, own, shipping, log } = parts
  return new Bus({
    store: stores.read,
    keys,
    holder: { name, start: parts.start },
    settings: { ...busSettings, leaseMs: config.leaseMs },
    listeners: [...series.listeners, ...insight.listeners],
    sweep: (shard) => jobStore.sweeper.sweep(shard),
    onOwnership: ({ shards, hasFleet }) => {
      own.shards.owned(shards.length)
      series.setFleetHolder(hasFleet)
      shipping.own(shards)
      log.info({ shards: shards.length, hasFleet }, 'owned shards changed')
    },
    onTrouble: (step, error) => log.debug({ step, error }, 'a step of the bus failed and is tried again'),
  })
}
