/** Connections to runtimes: each address is judged where it is connected to, whatever its name said before. */
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'
import type { Networks } from './networks.ts'
import { addressIn } from './registration.ts'

export type TlsFiles = { readonly ca?: string; readonly cert?: string; readonly key?: string }

/** The address must not be connected to. */
export class BlockedTarget extends Error {
  override readonly name = 'BlockedTarget'
}

/** Finds the addresses of a name, as `dns.lookup` does. */
export type Resolve = typeof lookup

const keepAliveMs = 30_000

/** Makes the agent for all requests to runtimes. It follows no redirects. */
export function guardedAgent(networks: Networks, connectTimeoutMs: number, tls: TlsFiles, resolve: Resolve = lookup): Agent {
  const connectors = {
    'http:': buildConnector({ timeout: connectTimeoutMs, lookup: guardedLookup(networks, 'http:', resolve) }),
    'https:': buildConnector({ timeout: connectTimeoutMs, lookup: guardedLookup(networks, 'https:', resolve), ...tls }),
  }
  return new Agent({
    keepAliveTimeout: keepAliveMs,
    connect: (options, callback) => {
      const protocol = options.protocol === 'https:' ? 'https:' : 'http:'
      const literal = addressIn(
        `${protocol}//${options.hostname.includes(':') ? `[${options.hostname.replace(/[[\]]/g, '')}]` : options.hostname}/`,
      )
      const refusal = literal === undefined ? undefined : networks.refusalOf(literal, protocol)
      if (refusal !== undefined) {
        callback(new BlockedTarget(refusal), null)
        return
      }
      connectors[protocol](options, (error, socket) => {
        if (error !== null) return callback(error, null)
        const late = networks.refusalOf(socket.remoteAddress ?? '', protocol)
        if (late === undefined) return callback(null, socket)
        socket.destroy()
        callback(new BlockedTarget(late), null)
      })
    },
  })
}

/** Resolves a name to those of its addresses that may be connected to. */
function guardedLookup(networks: Networks, protocol: string, resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0)
      const allowed = addresses.filter(({ address }) => networks.refusalOf(address, protocol) === undefined)
      const [first] = allowed
      if (first === undefined) return callback(new BlockedTarget(`${hostname} has no address that is allowed`), '', 0)
      if (options.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

/** Why nothing may be sent to a URL as its name stands now; `undefined` = it may be, or the name is not known yet. */
export async function refusalOfUrl(networks: Networks, url: string): Promise<string | undefined> {
  const { protocol, hostname } = new URL(url)
  const literal = addressIn(url)
  if (literal !== undefined) return networks.refusalOf(literal, protocol)
  return new Promise((answer) => {
    lookup(hostname, { all: true }, (error, addresses) => {
      if (error !== null) return answer(undefined)
      const refusals = addresses.map(({ address }) => networks.refusalOf(address, protocol))
      answer(refusals.every((each) => each !== undefined) ? (refusals[0] ?? undefined) : undefined)
    })
  })
}
