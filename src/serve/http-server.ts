/** The one port: the hot door and the scrape ahead of Express, everything else behind it. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connectionGuards, guarded, serverOptions } from '../ingest/guards.ts'

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown

export type Doors = {
  readonly reports: Handler
  readonly metrics: Handler
  /** Workers of Sedna, where they are taken in. */
  readonly sedna: Handler | undefined
  readonly rest: Handler
}

export type HttpServer = {
  readonly port: number
  /** Lets requests in progress end, for so long at most, then closes every connection. */
  drain(withinMs: number): Promise<void>
}

/** How long new requests are still answered (with 503) after draining began, so that balancers see it. */
const politenessMs = 250
const drainLookMs = 25

/** Starts to listen. @throws with code EADDRINUSE when the port is taken */
export async function listen(doors: Doors, host: string, port: number, onFault: (error: unknown) => void): Promise<HttpServer> {
  let inProgress = 0
  const listener = guarded((req, res) => {
    inProgress += 1
    res.once('close', () => {
      inProgress -= 1
    })
    const door = doorOf(doors, req)
    void Promise.resolve(door(req, res)).catch(onFault)
  })
  const server = createServer(serverOptions, listener)
  connectionGuards(server)
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    drain: (withinMs) => drain(server, () => inProgress, withinMs),
  }
}

function doorOf(doors: Doors, req: IncomingMessage): Handler {
  const url = req.url ?? '/'
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  if (path === '/api/v1/reports') return doors.reports
  if (path === '/metrics') return doors.metrics
  return (path.startsWith('/sedna/') ? doors.sedna : undefined) ?? doors.rest
}

async function drain(server: Server, inProgress: () => number, withinMs: number): Promise<void> {
  const untilMs = performance.now() + withinMs
  await wait(Math.min(politenessMs, withinMs))
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  while (inProgress() > 0 && performance.now() < untilMs) await wait(drainLookMs)
  server.closeAllConnections()
  await closed
}
