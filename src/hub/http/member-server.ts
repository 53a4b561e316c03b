import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A member that listens. */
export type MemberServer = {
  readonly port: number
  /** `http://<host>:<port>`, without a slash at the end. */
  readonly url: string
  /** Ends: requests in progress are answered, for so long at most. */
  readonly close: (withinMs: number) => Promise<void>
}

const headersTimeoutMs = 20_000
const requestTimeoutMs = 60_000
const headerBytesMax = 16_384
const connectionsMax = 2_000

/** Starts to listen. @throws with code EADDRINUSE when the port is taken */
export async function listenAsMember(listener: RequestListener, host: string, port: number): Promise<MemberServer> {
  const options = { headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs, maxHeaderSize: headerBytesMax }
  const server = createServer(options, listener)
  server.maxConnections = connectionsMax
  server.listen(port, host)
  await once(server, 'listening')
  const taken = (server.address() as AddressInfo).port
  return {
    port: taken,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    async close(withinMs) {
      const closed = once(server, 'close')
      server.close()
      server.closeIdleConnections()
      const timer = setTimeout(() => server.closeAllConnections(), withinMs)
      await closed
      clearTimeout(timer)
    },
  }
}
