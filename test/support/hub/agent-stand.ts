/** An agent of the built program, with a dispatcher of the test's own: a real member that takes results. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBell } from '../../../src/hub/bell.ts'
import type { NodeEvent, NodeResult } from '../../../src/hub/model/event.ts'
import { defaultLeaseTimes } from '../../../src/hub/registry/member.ts'
import { openRedisRegistry, type RedisRegistry } from '../../../src/hub/registry/redis/redis-registry.ts'
import { type HttpClient, httpClient } from '../http.ts'
import { type Program, startEnginescope } from '../process.ts'
import type { RedisServer } from '../redis.ts'

export type TestDispatcher = {
  readonly id: string
  readonly replyTo: string
  /** Every result that was posted. */
  readonly results: NodeResult[]
  /** What the next posts are answered with; 204 by default. */
  readonly answers: number[]
  readonly registry: RedisRegistry
  readonly close: () => Promise<void>
}

/** Registers a dispatcher that only takes results. */
export async function aDispatcher(redis: RedisServer, id: string): Promise<TestDispatcher> {
  const results: NodeResult[] = []
  const answers: number[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      results.push(JSON.parse(Buffer.concat(chunks).toString('utf8')) as NodeResult)
      response.writeHead(answers.shift() ?? 204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const times = { ...defaultLeaseTimes, leaseMs: 600_000 }
  const registry = openRedisRegistry(redis.client(), openBell(redis.client()), times)
  await registry.register({ kind: 'dispatcher', id, incarnation: new Date().toISOString(), url, slots: 1, version: 'test' })
  return {
    id,
    replyTo: `${url}/dispatcher/results`,
    results,
    answers,
    registry,
    async close() {
      await registry.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

export type TestAgent = { readonly program: Program; readonly http: HttpClient; readonly stop: () => Promise<unknown> }

export type TestAgentOptions = {
  readonly redis: Pick<RedisServer, 'url'>
  readonly algorithm: string
  /** Text of the module, or path of one that is there. */
  readonly module: string
  readonly capacity?: number
  readonly settings?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
}

/** Starts `enginescope agent` and waits until it is ready. */
export async function startAgentProgram(options: TestAgentOptions): Promise<TestAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'enginescope-agent-'))
  const file = options.module.endsWith('.js') ? options.module : join(folder, 'module.mjs')
  if (file !== options.module) await writeFile(file, options.module)
  const settings = Object.entries({ LOG_FORMAT: 'json', ...options.settings })
  const args = ['agent', '--algorithm', options.algorithm, '--module', file, '--capacity', String(options.capacity ?? 1)]
  const program = await startEnginescope([...args, ...(options.args ?? [])], {
    env: {
      ENGINESCOPE_HUB_REDIS_URL: options.redis.url,
      ...Object.fromEntries(settings.map(([name, value]) => [`ENGINESCOPE_${name}`, value])),
    },
    readyLine: /agent is ready/,
  })
  const { url } = JSON.parse(await program.waitForLine(/agent is ready/)) as { url: string }
  return {
    program,
    http: httpClient(url),
    async stop() {
      await program.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

let made = 0

/** An event with defaults, each for a process of its own. */
export function anEvent(to: TestDispatcher, changes: Partial<NodeEvent> = {}): NodeEvent {
  made++
  const processKey = changes.processKey ?? `p-${made}`
  const { node = 'n', attempt = 1 } = changes
  return {
    eventId: `${processKey}/${node}/${attempt}`,
    processKey,
    node,
    attempt,
    fence: 1,
    algKey: 'test.alg',
    model: {},
    input: { $input: { data: [{ attribute: { name: 'do', type: 'string' }, data: ['echo'] }] } },
    replyTo: to.replyTo,
    deadline: Date.now() + 60_000,
    ...changes,
  }
}
