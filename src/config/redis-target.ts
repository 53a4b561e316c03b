import { Secret } from './secret.ts'

/** One node of Redis. */
export type RedisNode = { readonly host: string; readonly port: number }

type Login = { readonly username?: string; readonly password?: Secret }

/** Where the store is, out of `redisUrl`. */
export type RedisTarget =
  | ({ readonly kind: 'single'; readonly tls: boolean; readonly db: number } & RedisNode & Login)
  | ({ readonly kind: 'socket'; readonly path: string; readonly db: number } & Login)
  | ({
      readonly kind: 'sentinel'
      readonly tls: boolean
      readonly sentinels: readonly RedisNode[]
      readonly masterName: string
      readonly db: number
      /** Of the sentinels themselves, when they ask for one: `?sentinelPassword=`. */
      readonly sentinelPassword?: Secret
    } & Login)
  | ({ readonly kind: 'cluster'; readonly tls: boolean; readonly nodes: readonly RedisNode[] } & Login)

type Parts = { scheme: string; login: Login; hosts: string; path: string; query: URLSearchParams }

const forms =
  'must be redis://host:port/db, rediss://..., unix:///path/to/socket, redis-sentinel://host:port,host:port/masterName or redis-cluster://host:port,host:port'

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw new Error('has a broken % escape', { cause: error })
  }
}

function loginOf(userinfo: string | undefined): Login {
  if (userinfo === undefined) return {}
  const colon = userinfo.indexOf(':')
  const username = decode(colon < 0 ? userinfo : userinfo.slice(0, colon))
  const password = colon < 0 ? '' : decode(userinfo.slice(colon + 1))
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password: new Secret(password) }) }
}

// WHATWG URL refuses several hosts in one authority, so the parts are cut by hand.
function cut(text: string): Parts {
  const found = /^([a-z][a-z-]*):\/\/(?:([^@/?#]*)@)?([^/?#@]*)(\/[^?#]*)?(?:\?([^#]*))?$/.exec(text)
  if (found === null) throw new Error(forms)
  const [, scheme = '', userinfo, hosts = '', path = '', query = ''] = found
  return { scheme, login: loginOf(userinfo), hosts, path: decode(path), query: new URLSearchParams(query) }
}

function nodeOf(text: string, defaultPort: number): RedisNode {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text)
  const host = found?.[1] ?? found?.[2]
  const port = found?.[3] === undefined ? defaultPort : Number(found[3])
  if (host === undefined || port < 1 || port > 65_535) throw new Error('must name each node as host:port')
  return { host, port }
}

function nodesOf(hosts: string, defaultPort: number): RedisNode[] {
  return hosts.split(',').map((host) => nodeOf(host.trim(), defaultPort))
}

function databaseOf(text: string): number {
  if (text === '') return 0
  const db = Number(text)
  if (!/^\d{1,4}$/.test(text)) throw new Error('must end in the number of a database, e.g. /0')
  return db
}

function allow(query: URLSearchParams, names: readonly string[]): void {
  for (const name of query.keys()) if (!names.includes(name)) throw new Error(`has an unknown parameter "${name.slice(0, 32)}"`)
}

function single({ scheme, login, hosts, path, query }: Parts): RedisTarget {
  allow(query, [])
  return { kind: 'single', tls: scheme === 'rediss', ...nodeOf(hosts, 6379), db: databaseOf(path.slice(1)), ...login }
}

function socket({ login, hosts, path, query }: Parts): RedisTarget {
  allow(query, ['db'])
  if (hosts !== '' || path.length < 2) throw new Error('must name a socket as unix:///path/to/socket')
  return { kind: 'socket', path, db: databaseOf(query.get('db') ?? ''), ...login }
}

function sentinel({ scheme, login, hosts, path, query }: Parts): RedisTarget {
  allow(query, ['db', 'sentinelPassword'])
  const masterName = path.slice(1)
  if (!/^[A-Za-z0-9._-]+$/.test(masterName)) throw new Error('must end in the name of the master, e.g. /mymaster')
  const sentinelPassword = query.get('sentinelPassword')
  return {
    kind: 'sentinel',
    tls: scheme === 'rediss-sentinel',
    sentinels: nodesOf(hosts, 26_379),
    masterName,
    db: databaseOf(query.get('db') ?? ''),
    ...login,
    ...(sentinelPassword === null ? {} : { sentinelPassword: new Secret(sentinelPassword) }),
  }
}

function cluster({ scheme, login, hosts, path, query }: Parts): RedisTarget {
  allow(query, [])
  if (path.length > 1) throw new Error('must name no database: a cluster has only one')
  return { kind: 'cluster', tls: scheme === 'rediss-cluster', nodes: nodesOf(hosts, 6379), ...login }
}

const readers: Readonly<Record<string, (parts: Parts) => RedisTarget>> = {
  redis: single,
  rediss: single,
  unix: socket,
  'redis-sentinel': sentinel,
  'rediss-sentinel': sentinel,
  'redis-cluster': cluster,
  'rediss-cluster': cluster,
}

/**
 * Reads `redisUrl`: `redis://`, `rediss://` (TLS), `unix:///path` or a bare `/path`, `redis-sentinel://host:port,host:port/masterName`,
 * `redis-cluster://host:port,host:port`; user and password before an `@`, percent-encoded. @throws Error saying what does not fit, never the URL.
 */
export function parseRedisTarget(text: string): RedisTarget {
  const parts = cut(text.startsWith('/') ? `unix://${text}` : text)
  const read = readers[parts.scheme]
  if (read === undefined) throw new Error(forms)
  return read(parts)
}

const hostPort = ({ host, port }: RedisNode) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

/** The target as text with no user and no password, for logs and tables. */
export function redisTargetText(target: RedisTarget): string {
  switch (target.kind) {
    case 'single':
      return `${target.tls ? 'rediss' : 'redis'}://${hostPort(target)}/${target.db}`
    case 'socket':
      return `unix://${target.path}${target.db === 0 ? '' : `?db=${target.db}`}`
    case 'sentinel':
      return `${target.tls ? 'rediss' : 'redis'}-sentinel://${target.sentinels.map(hostPort).join(',')}/${target.masterName}`
    case 'cluster':
      return `${target.tls ? 'rediss' : 'redis'}-cluster://${target.nodes.map(hostPort).join(',')}`
  }
}
