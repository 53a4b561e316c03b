import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'
import { freePort } from './ports.ts'
import { type Program, startProgram } from './process.ts'

export type RedisServerOptions = {
  /** Default: a free one. */
  readonly port?: number
  /** Default: false, that is memory only. */
  readonly appendOnly?: boolean
  /** Default `always`, as the project's own child. */
  readonly appendFsync?: 'always' | 'everysec' | 'no'
  readonly maxMemoryBytes?: number
  /** Default `noeviction`. */
  readonly maxMemoryPolicy?: string
  /** Listens on a unix socket too. */
  readonly hasUnixSocket?: boolean
  /** Data folder. Default: a temporary one, removed by `stop`. A folder that is handed in is kept. */
  readonly folder?: string
  /** Further arguments of redis-server, e.g. `['--enable-debug-command', 'local']`. */
  readonly args?: readonly string[]
}

/** A real redis-server on the loopback. */
export type RedisServer = {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly socketPath: string | undefined
  readonly folder: string
  /** A connection that `stop` closes; its errors are left to its commands. */
  readonly client: (options?: Omit<RedisOptions, 'replyMapping'>) => Redis
  /** SIGKILL waits until the process is gone; SIGSTOP and SIGCONT pause it. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>
  /** Same port, same folder; what the server had not written to disk is gone. @param signal how it ends first, default SIGKILL */
  readonly restart: (signal?: 'SIGKILL' | 'SIGTERM') => Promise<void>
  /** Ends it, closes every client and removes its temporary folder. */
  readonly stop: () => Promise<void>
}

const portTriesMax = 3

/** Starts redis-server. @throws with its output when it does not get ready within 20 s */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'enginescope-redis-')))
  try {
    return await startIn(folder, options)
  } catch (error) {
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function startIn(folder: string, options: RedisServerOptions): Promise<RedisServer> {
  const socketPath = options.hasUnixSocket === true ? join(folder, 'redis.sock') : undefined
  const clients = new Set<Redis>()
  let { port, program } = await firstStart(folder, socketPath, options)

  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    if (signal === 'SIGTERM') await program.stop()
    else await program.stop(0)
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    socketPath,
    folder,
    client: (clientOptions = {}) => {
      const client = new Redis({ host: '127.0.0.1', port, ...clientOptions })
      client.on('error', () => undefined)
      clients.add(client)
      return client
    },
    kill: async (signal) => {
      program.kill(signal)
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await program.exited
    },
    restart: async (signal = 'SIGKILL') => {
      await end(signal)
      program = await startServer(port, folder, socketPath, options)
    },
    stop: async () => {
      for (const client of clients) client.disconnect()
      await end('SIGKILL')
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Between the look for a free port and its use another process may take it: then once more. */
async function firstStart(folder: string, socketPath: string | undefined, options: RedisServerOptions) {
  for (let tries = 1; ; tries++) {
    const port = options.port ?? (await freePort())
    try {
      return { port, program: await startServer(port, folder, socketPath, options) }
    } catch (error) {
      const isTaken = error instanceof Error && error.message.includes('Address already in use')
      if (!isTaken || options.port !== undefined || tries >= portTriesMax) throw error
    }
  }
}

function startServer(
  port: number,
  folder: string,
  socketPath: string | undefined,
  options: RedisServerOptions,
): Promise<Program> {
  const settings: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: options.appendOnly === true ? 'yes' : 'no',
    appendfsync: options.appendFsync ?? 'always',
    'maxmemory-policy': options.maxMemoryPolicy ?? 'noeviction',
    ...(options.maxMemoryBytes === undefined ? {} : { maxmemory: String(options.maxMemoryBytes) }),
    ...(socketPath === undefined ? {} : { unixsocket: socketPath }),
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  return startProgram('redis-server', [...args, ...(options.args ?? [])], { readyLine: /ready to accept connections/i })
}
