/** Connections to the store, each fit for its use. */
import { type RedisOptions as AllOptions, Cluster, Redis } from 'ioredis'
import type { RedisTarget } from '../config/redis-target.ts'
import type { Store } from '../jobs/store/commit.ts'

/** Replies keep the shapes of RESP2: that is the mapping every query here is written for. */
type RedisOptions = Omit<AllOptions, 'replyMapping'>

/**
 * What a connection is for. Nothing is queued while the store is away and nothing is sent twice behind the caller's back:
 * trouble is an error at once, and the caller, or its sender, decides to try again.
 */
export type Use = 'ingest' | 'read' | 'ship'

const commandTimeoutMs: Record<Use, number> = { ingest: 1_000, read: 3_000, ship: 10_000 }
const connectTimeoutMs = 3_000
const reconnectMsMin = 50
const reconnectMsMax = 1_000

const reconnectAfterMs = (tries: number) => Math.min(reconnectMsMin * 2 ** Math.min(tries, 10), reconnectMsMax)

/**
 * Opens a connection; it goes on trying for ever.
 * @param onError told of connection trouble, for the log: every failing command fails by itself too
 */
export function connectRedis(target: RedisTarget, use: Use, onError: (error: unknown) => void): Store {
  const options: RedisOptions = {
    connectionName: `enginescope-${use}`,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs[use],
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: reconnectAfterMs,
    ...loginOf(target),
  }
  const store = target.kind === 'cluster' ? connectCluster(target, options) : new Redis({ ...options, ...placeOf(target) })
  store.on('error', onError)
  return store
}

/** Waits until a connection is there, but not for long: the store may well come later. */
export async function connected(store: Store, withinMs: number): Promise<void> {
  if (store.status === 'ready') return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, withinMs)
    store.once('ready', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function loginOf({ username, password }: RedisTarget): RedisOptions {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
  }
}

function placeOf(target: Exclude<RedisTarget, { kind: 'cluster' }>): RedisOptions {
  switch (target.kind) {
    case 'single':
      return { host: target.host, port: target.port, db: target.db, ...(target.tls ? { tls: {} } : {}) }
    case 'socket':
      return { path: target.path, db: target.db }
    case 'sentinel':
      return {
        sentinels: target.sentinels.map(({ host, port }) => ({ host, port })),
        name: target.masterName,
        db: target.db,
        sentinelRetryStrategy: reconnectAfterMs,
        ...(target.sentinelPassword === undefined ? {} : { sentinelPassword: target.sentinelPassword.reveal() }),
        ...(target.tls ? { tls: {}, enableTLSForSentinelMode: true } : {}),
      }
  }
}

function connectCluster(target: Extract<RedisTarget, { kind: 'cluster' }>, options: RedisOptions): Cluster {
  const { retryStrategy: _single, ...redisOptions } = options
  const clusterOptions = {
    redisOptions: { ...redisOptions, ...(target.tls ? { tls: {} } : {}) },
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectAfterMs,
    // A slot on the move is followed a few times; whatever else goes wrong is the caller's to know.
    maxRedirections: 6,
    retryDelayOnClusterDown: 0,
    retryDelayOnFailover: 0,
    retryDelayOnTryAgain: 0,
    slotsRefreshTimeout: connectTimeoutMs,
  }
  return new Cluster(
    target.nodes.map(({ host, port }) => ({ host, port })),
    clusterOptions,
  )
}
