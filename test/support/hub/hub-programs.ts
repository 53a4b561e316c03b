/** Hub, dispatchers and agents as real processes over one Redis. */
import { fileURLToPath } from 'node:url'
import { eventually } from '../eventually.ts'
import { type HttpClient, httpClient } from '../http.ts'
import { freePort } from '../ports.ts'
import { type Program, startEnginescope, startProgram } from '../process.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from '../redis.ts'
import { startRedisCluster } from '../redis-cluster.ts'

/** Leases short enough for a test, long enough for a busy machine. */
const memberLeaseMs = 1_500
const settings = {
  ENGINESCOPE_HUB_MEMBER_LEASE: `${memberLeaseMs}ms`,
  ENGINESCOPE_HUB_LEASE: '3s',
  ENGINESCOPE_HUB_PORT: '0',
  // Nobody listens there: members work all the same.
  ENGINESCOPE_URL: 'http://127.0.0.1:9',
}

export type Member = { readonly program: Program; readonly url: string; readonly http: HttpClient }

export type ProcessShown = {
  readonly key: string
  readonly status: string
  readonly outcome: string | null
  readonly attempt: number
  readonly progress: number
  readonly dispatcher: string | null
  readonly fence: number | null
  readonly startedAt: number | null
  readonly finishedAt: number | null
  readonly nodes: Readonly<Record<string, { status: string; agent: string | null; attempt: number }>>
}

export type HubStack = {
  readonly redis: RedisServer
  /** Of the store, for further members. */
  readonly storeUrl: string
  readonly hub: Member
  /** Starts a further hub, on the port of the one that is gone. */
  readonly startHub: (env?: Readonly<Record<string, string>>, id?: string) => Promise<Member>
  readonly dispatcher: (id: string, slots: number, env?: Readonly<Record<string, string>>) => Promise<Member>
  readonly agent: (id: string, algorithm: string, more?: { capacity?: number; claims?: string }) => Promise<Program>
  /** Submits an ad hoc flow. @returns its key */
  readonly submit: (processers: unknown, more?: Readonly<Record<string, unknown>>) => Promise<string>
  readonly process: (key: string) => Promise<ProcessShown>
  readonly ended: (key: string, timeoutMs?: number) => Promise<ProcessShown>
  readonly result: (
    key: string,
  ) => Promise<{ outputData: unknown; errors: { code: string; node?: string }[]; warnings: string[]; logs: { line: string }[] }>
  /** Runs of nodes so far: `<eventId> <fence> <agent>`. */
  readonly runs: () => Promise<string[]>
  readonly stop: () => Promise<void>
}

/** One step of a flow with what the tiny agent is to do. */
export function step(algKey: string, wish: Readonly<Record<string, unknown>> = {}, inputs?: readonly string[]) {
  return { algKey, model: { key: JSON.stringify(wish) }, ...(inputs === undefined ? {} : { inputs }) }
}

/** Where the state is kept: a server to look into, and what members are told. */
export type HubStore = { readonly redis: RedisServer; readonly url: string; readonly stop: () => Promise<void> }

async function oneRedis(options: RedisServerOptions = {}): Promise<HubStore> {
  const redis = await startRedis(options)
  return { redis, url: redis.url, stop: redis.stop }
}

/** A store that keeps what it answered for over a kill. */
export const durableStore = (): Promise<HubStore> => oneRedis({ appendOnly: true })

/** Three masters; `redis` is the first of them. */
export async function clusterStore(): Promise<HubStore> {
  const { nodes, stop } = await startRedisCluster()
  const [redis] = nodes
  if (redis === undefined) throw new Error('the cluster has no nodes')
  return { redis, url: `redis-cluster://${nodes.map(({ host, port }) => `${host}:${port}`).join(',')}`, stop }
}

/** Starts a store, by default one Redis in memory, and a hub. */
export async function startHubStack(env: Readonly<Record<string, string>> = {}, startStore = oneRedis): Promise<HubStack> {
  const store = await startStore()
  const { redis } = store
  const programs: Program[] = []
  const port = await freePort()
  const base = { ...settings, ENGINESCOPE_REDIS_URL: store.url, ENGINESCOPE_HUB_REDIS_URL: store.url, ...env }
  const member = async (args: readonly string[], more: Readonly<Record<string, string>>): Promise<Member> => {
    const program = await startEnginescope(args, { env: { ...base, ...more }, readyLine: /is ready/, readyTimeoutMs: 60_000 })
    programs.push(program)
    const { url } = JSON.parse(await program.waitForLine(/is ready/)) as { url: string }
    return { program, url, http: httpClient(url) }
  }
  const startHub = (more: Readonly<Record<string, string>> = {}, id = 'hub-1') =>
    member(['hub', '--id', id], { ENGINESCOPE_HUB_PORT: String(port), ...more })
  const hub = await startHub()
  const tinyAgent = fileURLToPath(new URL('./tiny-agent.mjs', import.meta.url))
  const shown = async (key: string) => (await hub.http.get(`/hub/processes/${key}`)).json<ProcessShown>()
  return {
    redis,
    storeUrl: store.url,
    hub,
    startHub,
    dispatcher: (id, slots, more = {}) => member(['dispatcher', '--slots', String(slots), '--id', id], more),
    agent: async (id, algorithm, more = {}) => {
      const options = { redisUrl: redis.url, id, algorithm, capacity: 4, leaseMs: memberLeaseMs, ...more }
      const program = await startProgram(process.execPath, [tinyAgent, JSON.stringify(options)], { readyLine: /ready/ })
      programs.push(program)
      return program
    },
    submit: async (processers, more = {}) => {
      const answer = await hub.http.post('/hub/adhoc', { flow: { processers, ...more }, data: {} })
      if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`)
      return answer.json<{ key: string }>().key
    },
    process: shown,
    ended: (key, timeoutMs = 30_000) =>
      eventually(
        () => shown(key),
        ({ status }) => status === 'FINISHED',
        { what: `${key} to end`, timeoutMs },
      ),
    result: async (key) => (await hub.http.get(`/hub/processes/${key}/result`)).json(),
    runs: () => redis.client().lrange('test:runs', 0, -1),
    stop: async () => {
      await Promise.all(programs.map((program) => program.stop(0)))
      await store.stop()
    },
  }
}
