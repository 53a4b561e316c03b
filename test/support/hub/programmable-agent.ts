/** An agent in the test's own process that answers events as the test says, and posts a result for those it takes. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { openBell } from '../../../src/hub/bell.ts'
import type { NodeEvent } from '../../../src/hub/model/event.ts'
import { defaultLeaseTimes, type Member } from '../../../src/hub/registry/member.ts'
import { openRedisRegistry } from '../../../src/hub/registry/redis/redis-registry.ts'
import type { RedisServer } from '../redis.ts'
import { anAgent } from './registry-suite.ts'

export type ProgrammableAgent = {
  /** Every event that was posted, when it came by `performance.now()`, and how it was answered. */
  readonly asked: { readonly atMs: number; readonly event: NodeEvent; readonly status: number }[]
  /** How the next events are answered: 429 with this `Retry-After`; without an entry an event is taken, and done at once. */
  readonly refusals: string[]
  /** Tells the registry another load. */
  readonly tell: (running: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** Starts one and enters it in the registry. @param refusals as in {@link ProgrammableAgent}; may be shared by several */
export async function programmableAgent(
  redis: RedisServer,
  id: string,
  algorithm: string,
  refusals: string[] = [],
): Promise<ProgrammableAgent> {
  const asked: { atMs: number; event: NodeEvent; status: number }[] = []
  const offer = { key: algorithm, name: algorithm, description: '', tags: [], catalog: algorithm }
  const take = async (request: IncomingMessage): Promise<{ status: number; headers?: Record<string, string> }> => {
    const event = (await json(request)) as NodeEvent
    const retryAfter = refusals.shift()
    asked.push({ atMs: performance.now(), event, status: retryAfter === undefined ? 202 : 429 })
    if (retryAfter !== undefined) return { status: 429, headers: { 'retry-after': retryAfter } }
    const { eventId, fence, replyTo } = event
    const result = { eventId, fence, agent: id, ok: true, output: { key: id }, warnings: [], logs: [], durationMs: 1 }
    void fetch(replyTo, { method: 'POST', body: JSON.stringify(result), headers: { 'content-type': 'application/json' } })
    return { status: 202 }
  }
  const server = createServer(async (request, response) => {
    const { status, headers } = request.method === 'POST' ? await take(request) : { status: 200, headers: {} }
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(offer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const registry = openRedisRegistry(redis.client(), openBell(redis.client()), { ...defaultLeaseTimes, leaseMs: 600_000 })
  const member: Member = anAgent({ id, url, algorithm: offer, capacity: 4 })
  await registry.register(member)
  return {
    asked,
    refusals,
    tell: async (running) => void (await registry.renew(member, { running })),
    async close() {
      await registry.leave(member)
      await registry.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
