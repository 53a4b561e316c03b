import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../../../test/support/eventually.ts'
import { anAgent } from '../../../../test/support/hub/registry-suite.ts'
import { memberClient } from '../../http/member-client.ts'
import { openStaticRegistry } from './static-registry.ts'

let server: Server | undefined
afterEach(() => server?.close())

async function anAgentThatAnswers(port = 0): Promise<number> {
  const body = JSON.stringify({ running: 2, incarnation: 'i-1' })
  server = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(body))
  server.listen(port, '127.0.0.1')
  await new Promise((resolve) => server?.once('listening', resolve))
  return (server.address() as AddressInfo).port
}

test('who is on the list is live while it answers, then suspect, lost, and live again', async () => {
  const port = await anAgentThatAnswers()
  const client = memberClient({ token: undefined, timeoutMs: 500, bodyBytesMax: 1_000 })
  const registry = openStaticRegistry([anAgent({ url: `http://127.0.0.1:${port}` })], client, {
    leaseMs: 300,
    suspectMs: 300,
    forgetMs: 1,
  })
  const stateIs = (state: string) => eventually(async () => (await registry.list('agent'))[0]?.state === state)
  await stateIs('live')
  expect(await registry.list()).toMatchObject([{ running: 2, incarnation: 'i-1' }])
  expect(await registry.list('hub')).toEqual([])
  server?.closeAllConnections()
  server?.close()
  await stateIs('suspect')
  await stateIs('lost')
  await anAgentThatAnswers(port)
  await stateIs('live')
  await registry.close()
})
