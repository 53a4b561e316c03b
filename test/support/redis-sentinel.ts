import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { eventually } from './eventually.ts'
import { freePort } from './ports.ts'
import { type Program, startProgram } from './process.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from './redis.ts'

/** One master, one replica, one sentinel that watches them. */
export type RedisSentinel = {
  /** The name the sentinel knows the master by. */
  readonly masterName: string
  readonly sentinels: readonly { readonly host: string; readonly port: number }[]
  /** The server that was master at first, and the one that was its replica. */
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly masterPort: () => Promise<number>
  /** Has the sentinel make the replica master, with the old one still alive, and waits until it is. */
  readonly failover: () => Promise<void>
  readonly stop: () => Promise<void>
}

const masterName = 'enginescope'

/** Starts the three and waits until the sentinel knows the replica. A dead master is replaced after about 1 s. */
export async function startRedisSentinel(options: RedisServerOptions = {}): Promise<RedisSentinel> {
  const folder = await mkdtemp(join(tmpdir(), 'enginescope-sentinel-'))
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const stop = async () => {
    for (const end of ends.toReversed()) await end()
  }
  try {
    const master = await startRedis(options)
    ends.push(master.stop)
    const following = ['--replicaof', master.host, String(master.port), '--repl-diskless-sync-delay', '0']
    const replica = await startRedis({ ...options, args: [...(options.args ?? []), ...following] })
    ends.push(replica.stop)
    const { program, port } = await startSentinel(folder, master)
    ends.push(() => program.stop(0))
    const client = new Redis({ host: '127.0.0.1', port })
    client.on('error', () => undefined)
    ends.push(async () => client.disconnect())
    await untilReplicated(client, replica)
    return { masterName, sentinels: [{ host: '127.0.0.1', port }], master, replica, ...watching(client), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startSentinel(folder: string, master: RedisServer): Promise<{ program: Program; port: number }> {
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${masterName} ${master.host} ${master.port} 1`,
    `sentinel down-after-milliseconds ${masterName} 1000`,
    `sentinel failover-timeout ${masterName} 5000`,
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  return { program: await startProgram('redis-server', [file, '--sentinel'], { readyLine: /\+monitor master/ }), port }
}

async function untilReplicated(client: Redis, replica: RedisServer) {
  const seen = () => client.call('SENTINEL', 'REPLICAS', masterName)
  const what = 'the sentinel to know the replica'
  await eventually(seen, (list) => JSON.stringify(list).includes(`:${replica.port}"`), { what, timeoutMs: 20_000 })
  const link = replica.client()
  await eventually(
    () => link.info('replication'),
    (text) => text.includes('master_link_status:up'),
    { what: 'the replica to follow' },
  )
  link.disconnect()
}

function watching(client: Redis): Pick<RedisSentinel, 'masterPort' | 'failover'> {
  const masterPort = async () => Number(((await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName)) as string[])[1])
  return {
    masterPort,
    failover: async () => {
      const before = await masterPort()
      // A replica that has just come is refused (NOGOODSLAVE) until the sentinel has heard from it.
      await eventually(
        () => client.call('SENTINEL', 'FAILOVER', masterName),
        (answer) => answer === 'OK',
        { what: 'the failover' },
      )
      await eventually(masterPort, (port) => port !== before, { what: 'the new master', timeoutMs: 20_000 })
    },
  }
}
