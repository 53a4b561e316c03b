import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'
import { afterEach, describe, expect, test } from 'vitest'
import { type Asked, Fetcher } from './fetcher.ts'
import { numberOf } from './message-id.ts'

const epoch = '1764300000000'
const idOf = (number: number) => `${epoch}-${String(number).padStart(10, '0')}`
const agent = new Agent()
const caller = { id: 'm', leaseEpoch: 1 }
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** A runtime in mode `per-topic` whose topics have so many messages of so many bytes. */
async function aRuntime(topics: Readonly<Record<string, { count: number; bytes: number }>>) {
  const order: string[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://a')
    const topic = decodeURIComponent(url.pathname.split('/')[4] ?? '')
    order.push(topic)
    const { count, bytes } = topics[topic] ?? { count: 0, bytes: 0 }
    const first = numberOf(url.searchParams.get('after')) + 1
    const messages = Array.from({ length: Math.max(0, count + 1 - first) }, (_, i) => {
      return { messageId: idOf(first + i), message: 'x'.repeat(bytes) }
    })
    const answer = { earliest: idOf(1), latest: idOf(count), messages }
    response.end(JSON.stringify({ runtimeId: 'r', epoch, topics: { [topic]: answer } }))
  })
  return { url: await listening(server), order }
}

async function listening(server: Server): Promise<string> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const askedOf = (offsets: ReadonlyMap<string, number>): Map<string, Asked> =>
  new Map([...offsets].map(([topic, number]) => [topic, { messageId: number === 0 ? null : idOf(number), limit: 1_000 }]))

describe('in mode per-topic', () => {
  const budget = 256 * 1_024
  const fetcher = new Fetcher(agent, { timeoutMs: 10_000, bodyBytesMax: budget })

  /** One cycle. Offsets move, topics that are read to their end leave, those that went hungry stand first. */
  async function cycle(url: string, offsets: Map<string, number>, isHungry: boolean) {
    const target = { url, token: undefined, mode: 'per-topic' as const }
    const got = await fetcher.fetch(target, caller, askedOf(offsets), new AbortController().signal, isHungry)
    expect(got.failure).toBeUndefined()
    const { hungry = [] } = got
    const topics = [...(got.envelope?.topics ?? [])]
    for (const [name, { messages }] of topics) offsets.set(name, (offsets.get(name) ?? 0) + messages.length)
    const bytes = topics.flatMap(([, { messages }]) => messages).reduce((sum, { text }) => sum + (text?.length ?? 0), 0)
    const rest = [...hungry, ...[...offsets.keys()].filter((name) => !hungry.includes(name))]
    const left = rest.map((name): [string, number] => [name, offsets.get(name) ?? 0]).filter(([, number]) => number < 60)
    return { bytes, hungry, left: new Map(left), spoken: topics.filter(([, { messages }]) => messages.length > 5) }
  }

  test('the topics of a cycle share one budget, each gets its part, and all are read in the end', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const runtime = await aRuntime(Object.fromEntries(names.map((name) => [name, { count: 60, bytes: 4_096 }])))
    let offsets = new Map(names.map((name) => [name, 0]))
    const bytes: number[] = []
    let isHungry = false
    while (offsets.size > 0 && bytes.length < 20) {
      const seen = await cycle(runtime.url, offsets, isHungry)
      if (bytes.length === 0) expect(seen.spoken.map(([name]) => name).sort()).toEqual(['a', 'b', 'c', 'd'])
      bytes.push(seen.bytes)
      isHungry = seen.hungry.length > 0
      offsets = seen.left
    }
    expect(offsets.size, `after ${bytes.length} cycles`).toBe(0)
    expect(Math.max(...bytes)).toBeLessThanOrEqual(budget)
    expect(bytes.length).toBeLessThan(12)
  })

  test('a message larger than a share comes whole when its topic is the first', async () => {
    const runtime = await aRuntime({ big: { count: 1, bytes: 200 * 1_024 }, a: loudly(), b: loudly(), c: loudly() })
    const target = { url: runtime.url, token: undefined, mode: 'per-topic' as const }
    const all = new Map(['a', 'b', 'c', 'big'].map((name) => [name, 0]))
    const first = await fetcher.fetch(target, caller, askedOf(all), new AbortController().signal)
    expect(first.envelope?.topics.get('big')?.messages).toEqual([])
    expect(first.hungry?.[0]).toBe('big')
    const order = new Map([...all].reverse())
    const second = await fetcher.fetch(target, caller, askedOf(order), new AbortController().signal, true)
    expect(second.envelope?.topics.get('big')?.messages).toHaveLength(1)
  })

  test('topics that say little are all asked for', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `t${i}`)
    const runtime = await aRuntime(Object.fromEntries(names.map((name) => [name, { count: 2, bytes: 100 }])))
    const target = { url: runtime.url, token: undefined, mode: 'per-topic' as const }
    const got = await fetcher.fetch(
      target,
      caller,
      askedOf(new Map(names.map((name) => [name, 0]))),
      new AbortController().signal,
    )
    expect([got.envelope?.end, got.envelope?.topics.size, got.hungry]).toEqual(['whole', 20, []])
  })

  const loudly = () => ({ count: 60, bytes: 4_096 })
})

describe('an answer', () => {
  const target = (url: string) => ({ url, token: undefined, mode: 'batch' as const })
  const fetcher = new Fetcher(agent, { timeoutMs: 300, bodyBytesMax: 10_000 })
  const fetchFrom = async (answer: (response: ServerResponse) => void) => {
    const url = await listening(createServer((_request, response) => answer(response)))
    return fetcher.fetch(target(url), caller, askedOf(new Map([['logs', 0]])), new AbortController().signal)
  }

  test.each<[string, (response: ServerResponse) => void, string]>([
    ['that never comes', () => undefined, 'timeout'],
    ['that stays away half-way', (response) => void response.write('{"runtimeId":"r"'), 'timeout'],
    ['of another status', (response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'http_error'],
    ['that is no JSON', (response) => void response.end('<html>'), 'invalid'],
    ['that ends too early', (response) => void response.end('{"runtimeId":"r",'), 'unreachable'],
    ['that is too large', (response) => void response.end(`{"runtimeId":"${'r'.repeat(20_000)}`), 'too_large'],
  ])('%s counts as what it is', async (_what, answer, failure) => {
    expect((await fetchFrom(answer)).failure).toBe(failure)
  })
})
