import { once } from 'node:events'
import { createServer, type ServerOptions } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { type ConnectionLimits, connectionGuards, guarded, serverOptions } from './guards.ts'

async function exchange(bytes: string, options: ServerOptions, limits: ConnectionLimits = {}): Promise<string> {
  const server = createServer(
    { ...serverOptions, connectionsCheckingInterval: 50, ...options },
    guarded((req, res) => {
      req.on('data', () => undefined).on('end', () => res.end('done'))
    }),
  )
  connectionGuards(server, limits)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.write(bytes)
  await once(socket, 'close')
  server.close()
  return answer
}

test('headers that do not come in time are answered 408', async () => {
  const answer = await exchange('GET / HTTP/1.1\r\nHost: x\r\n', { headersTimeout: 100 })
  expect(answer).toMatch(/^HTTP\/1\.1 408 .*"REQUEST_TIMEOUT"/s)
})

test('a body that does not come in time is answered 408', async () => {
  const answer = await exchange('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab', {
    headersTimeout: 100,
    requestTimeout: 200,
  })
  expect(answer).toMatch(/^HTTP\/1\.1 408 .*"REQUEST_TIMEOUT"/s)
})

test('a connection on which nothing moves is closed', async () => {
  expect(await exchange('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab', {}, { idleMs: 100 })).toBe('')
})

test('a broken request behind a good one never writes into its answer', async () => {
  const answer = await exchange('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nBROKEN\r\n\r\n', {})
  expect(answer.match(/^HTTP\/1\.1 \d+/gm)?.length ?? 0).toBeLessThanOrEqual(2)
  expect(answer).not.toMatch(/^HTTP\/1\.1 400 .*HTTP\/1\.1 200/s)
})

test('HTTP/1.0 needs no Host', async () => {
  expect(await exchange('GET / HTTP/1.0\r\n\r\n', {})).toMatch(/^HTTP\/1\.1 200 /)
})

test('the time limits are those that were decided', () => {
  expect(serverOptions).toMatchObject({
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: 65_000,
  })
})
