import type { Redis } from 'ioredis'
import { eventually } from './eventually.ts'
import { freePort } from './ports.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from './redis.ts'

const slotCount = 16_384

/** Masters only, on the loopback, sharing all slots. */
export type RedisCluster = {
  readonly nodes: readonly RedisServer[]
  /** Addresses to start from, for a cluster client. */
  readonly startupNodes: readonly { readonly host: string; readonly port: number }[]
  readonly stop: () => Promise<void>
}

/** Starts nodes (default 3), gives each its share of the slots and waits until all of them say `cluster_state:ok`. */
export async function startRedisCluster(nodeCount = 3, options: RedisServerOptions = {}): Promise<RedisCluster> {
  const members: { node: RedisServer; busPort: number }[] = []
  const stop = async () => void (await Promise.all(members.map(({ node }) => node.stop())))
  try {
    for (let i = 0; i < nodeCount; i++) members.push(await startNode(options))
    const clients = members.map(({ node }) => node.client())
    await joinNodes(members, clients)
    for (const client of clients) {
      await eventually(() => client.cluster('INFO'), hasAllNodes(nodeCount), { what: 'the cluster to agree', timeoutMs: 20_000 })
      client.disconnect()
    }
  } catch (error) {
    await stop()
    throw error
  }
  const nodes = members.map(({ node }) => node)
  return { nodes, startupNodes: nodes.map(({ host, port }) => ({ host, port })), stop }
}

async function startNode(options: RedisServerOptions) {
  // The usual bus port, port + 10000, may lie above 65535.
  const busPort = await freePort()
  const args = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '2000']
  return { node: await startRedis({ ...options, args: [...args, ...(options.args ?? [])] }), busPort }
}

async function joinNodes(members: readonly { node: RedisServer; busPort: number }[], clients: readonly Redis[]) {
  const first = members[0]
  for (const [i, client] of clients.entries()) {
    const from = Math.floor((i * slotCount) / clients.length)
    const to = Math.floor(((i + 1) * slotCount) / clients.length) - 1
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
    await client.call('CLUSTER', 'ADDSLOTSRANGE', from, to)
    if (i > 0 && first !== undefined) await client.call('CLUSTER', 'MEET', first.node.host, first.node.port, first.busPort)
  }
}

const hasAllNodes = (nodeCount: number) => (info: unknown) => {
  const text = String(info)
  return text.includes('cluster_state:ok') && text.includes(`cluster_known_nodes:${nodeCount}`)
}
