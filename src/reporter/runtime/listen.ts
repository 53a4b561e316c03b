import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, BlockList, isIP } from 'node:net'
import { hostname } from 'node:os'
import { writeByRename } from './epoch.ts'
import type { RuntimeHandler } from './handler.ts'
import type { RuntimeSettings } from './settings.ts'

/** Where a runtime listens. */
export type ListenOptions = {
  /** Default `127.0.0.1`. Anything that other machines can reach needs a token or mutual TLS. */
  readonly host?: string | undefined
  /** Default 0: any free one. */
  readonly port?: number | undefined
  /** Where the port is written to, as a whole or not at all. */
  readonly portFile?: string | undefined
  /** Host name that monitors use. Default: `host`, or the name of this machine where that is all addresses. */
  readonly publicHost?: string | undefined
  /** PEM texts. With `ca`, only monitors with a certificate signed by it are let in. */
  readonly tls?: TlsOptions | undefined
}

export type TlsOptions = {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  readonly ca?: string | Buffer | undefined
}

/** A server that listens. */
export type Listening = { readonly url: string; readonly port: number; readonly close: () => Promise<void> }

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * Serves the handler on an address of its own. Nothing of it keeps the process alive.
 * @throws BIND_REFUSED where others could reach it unasked; as `listen` does; as the file system does for `portFile`
 */
export async function listen(
  handler: RuntimeHandler,
  options: ListenOptions,
  token: string | undefined,
  settings: RuntimeSettings,
): Promise<Listening> {
  const { host = '127.0.0.1', port = 0, portFile, tls } = options
  if (!isLoopback(host) && !token && tls?.ca === undefined) {
    throw Object.assign(new Error(`${host} can be reached from other machines and there is no token`), { code: 'BIND_REFUSED' })
  }
  // A page in a browser may give its own name the address of this machine, and then read what is here as if it were its own.
  const isGuarded = (token !== undefined && token !== '') || tls?.ca !== undefined
  const names = isGuarded ? undefined : [host, options.publicHost, 'localhost']
  const server = serverOf(names === undefined ? handler : forHosts(names, handler), tls, settings)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = (server.address() as AddressInfo).port
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  try {
    if (portFile !== undefined) writeByRename(portFile, `${bound}\n`)
  } catch (error) {
    await close()
    throw error
  }
  return { url: `${tls === undefined ? 'http' : 'https'}://${urlHost(options.publicHost ?? host)}:${bound}`, port: bound, close }
}

function serverOf(handler: RuntimeHandler, tls: TlsOptions | undefined, settings: RuntimeSettings): Server {
  const { requestTimeoutMs, connectionsMax } = settings
  const limits = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.min(requestTimeoutMs, 1_000),
    keepAliveTimeout: 60_000,
    maxHeaderSize: 16 * 1024,
  }
  const listener: RuntimeHandler = (request, response) => handler(request, response)
  const server =
    tls === undefined
      ? createServer(limits, listener)
      : createTlsServer(
          { ...limits, ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined },
          listener,
        )
  // A connection that cannot be taken (no file left, say) is the monitor's to try again; it must not end the engine.
  server.on('error', () => undefined)
  server.maxConnections = connectionsMax
  server.unref()
  server.on('connection', (socket) => socket.unref())
  return server
}

/** Serves only those who have come by one of these names, or by an address of this machine. */
function forHosts(names: readonly (string | undefined)[], handler: RuntimeHandler): RuntimeHandler {
  return (request, response, next) => {
    const { host = '' } = request.headers
    const name = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '') : host
    if (host === '' || names.includes(name) || isLoopback(name)) return handler(request, response, next)
    response.writeHead(403, { 'content-type': 'application/json', connection: 'close' })
    response.end(`${JSON.stringify({ error: { code: 'HOST_FORBIDDEN', message: 'there is nothing here by this name' } })}\n`)
  }
}

function isLoopback(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host === 'localhost'
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return hostname()
  return isIP(host) === 6 ? `[${host}]` : host
}
