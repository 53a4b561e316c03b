import type { LookupAddress } from 'node:dns'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Fetcher } from './fetcher.ts'
import { guardedAgent, type Resolve } from './guarded-agent.ts'
import { networksOf } from './networks.ts'

let server: Server
let requests = 0
beforeAll(async () => {
  server = createServer((_request, response) => {
    requests++
    response.end('{"runtimeId":"r","epoch":"1764300000000","topics":{}}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => server.close().closeAllConnections())
beforeEach(() => {
  requests = 0
})

/** Fetches from `runtime.example`, whose addresses are these, one list a look-up. */
function fetcherWhere(answers: readonly (readonly string[])[]) {
  let lookups = 0
  const resolve = ((_name: string, _options: unknown, callback: (error: null, found: LookupAddress[]) => void) => {
    const addresses = answers[Math.min(lookups++, answers.length - 1)] ?? []
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }) as Resolve
  const agent = guardedAgent(networksOf(['127.0.0.0/8', 'fc00::/7']), 1_000, {}, resolve)
  const fetcher = new Fetcher(agent, { timeoutMs: 5_000, bodyBytesMax: 100_000 })
  const url = `http://runtime.example:${(server.address() as AddressInfo).port}`
  return {
    fetch: () =>
      fetcher.fetch(
        { url, token: undefined, mode: 'batch' },
        { id: 'm', leaseEpoch: 1 },
        new Map(),
        new AbortController().signal,
      ),
    dropConnections: () => server.closeAllConnections(),
  }
}

test('a name is looked up again for each connection: one that has moved to a forbidden address is blocked', async () => {
  const { fetch, dropConnections } = fetcherWhere([['127.0.0.1'], ['169.254.169.254'], ['8.8.8.8', '169.254.0.1']])
  expect((await fetch()).failure).toBeUndefined()
  for (let i = 0; i < 2; i++) {
    dropConnections()
    // A connection that has just been closed may not be known to be so yet.
    let got = await fetch()
    while (got.failure === 'unreachable') got = await fetch()
    expect(got).toMatchObject({ failure: 'blocked', reason: 'runtime.example has no address that is allowed' })
  }
  expect(requests).toBe(1)
})

test.each([['169.254.169.254'], ['fd00:ec2::254'], ['::ffff:169.254.169.254'], ['10.0.0.1']])(
  'a name of %s alone is blocked',
  async (address) => {
    expect(await fetcherWhere([[address]]).fetch()).toMatchObject({ failure: 'blocked', status: 0 })
    expect(requests).toBe(0)
  },
)

test('of several addresses only those that are allowed are tried', async () => {
  expect((await fetcherWhere([['169.254.169.254', '127.0.0.1', '8.8.8.8']]).fetch()).failure).toBeUndefined()
  expect(requests).toBe(1)
})
