import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { choosePort, type PortWish } from './ports.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function takenPort(): Promise<number> {
  const server = createServer()
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
const aWish = (wish: Partial<PortWish>): PortWish => ({
  name: 'aggregator',
  host: '127.0.0.1',
  port: 0,
  isExplicit: false,
  flag: '--port',
  ...wish,
})

test('a taken default port gives way to a free one after it', async () => {
  const port = await takenPort()
  const chosen = await choosePort(aWish({ port }), new Set())
  expect(chosen).toBeGreaterThan(port)
  expect(chosen).toBeLessThan(port + 100)
})

test('a taken port that the user named is an error which names the flag', async () => {
  const port = await takenPort()
  await expect(choosePort(aWish({ port, isExplicit: true }), new Set())).rejects.toThrow(
    `aggregator: port ${port} is taken on 127.0.0.1; choose another with --port`,
  )
})

test('no port is given out twice', async () => {
  const taken = new Set<number>()
  const ports = [await choosePort(aWish({ port: 47_000 }), taken), await choosePort(aWish({ port: 47_000 }), taken)]
  expect(new Set(ports).size).toBe(2)
  expect(taken).toEqual(new Set(ports))
})

test('an address that is not of this machine is an error', async () => {
  await expect(choosePort(aWish({ host: '203.0.113.1' }), new Set())).rejects.toThrow('cannot listen on 203.0.113.1')
})
