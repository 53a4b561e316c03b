import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { memberClient } from './member-client.ts'

const timeoutMs = 300
const client = memberClient({ token: 'secret', timeoutMs, bodyBytesMax: 100 })

async function served(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

test('a call sends JSON with the token, and its answer is read with its status and Retry-After', async () => {
  const url = await served(async (request, response) => {
    const { method, headers } = request
    const seen = [method, headers['content-type'], headers.authorization, await textOf(request)]
    response.writeHead(429, { 'retry-after': '2' }).end(JSON.stringify(seen))
  })
  expect(await client.post(url, { key: 'ä' })).toEqual({
    status: 429,
    body: ['POST', 'application/json', 'Bearer secret', '{"key":"ä"}'],
    retryAfterMs: 2_000,
  })
  expect((await client.get(url)).body).toEqual(['GET', null, 'Bearer secret', ''])
  expect((await client.delete(url)).body).toEqual(['DELETE', null, 'Bearer secret', ''])
})

test('calls one after the other use one connection', async () => {
  const ports = new Set<number | undefined>()
  const url = await served((request, response) => {
    ports.add(request.socket.remotePort)
    request.resume().on('end', () => response.writeHead(204).end())
  })
  for (let call = 0; call < 5; call++) expect(await client.post(url, {})).toMatchObject({ status: 204, body: undefined })
  expect(ports.size).toBe(1)
})

test('a redirect is an answer, and is not followed', async () => {
  let calls = 0
  const url = await served((_request, response) => {
    calls++
    response.writeHead(302, { location: '/other' }).end()
  })
  expect((await client.get(url)).status).toBe(302)
  expect(calls).toBe(1)
})

test('a body that is too large, or no JSON, is none', async () => {
  const url = await served((request, response) => void response.end(request.url === '/large' ? `"${'x'.repeat(200_000)}"` : '{'))
  expect(await client.get(`${url}/large`)).toMatchObject({ status: 200, body: undefined })
  expect(await client.get(`${url}/broken`)).toMatchObject({ status: 200, body: undefined })
})

test('a call that comes to nothing is rejected: silence, half a body, another protocol, nobody there, no address', async () => {
  const silent = await served(() => undefined)
  await expect(client.get(silent)).rejects.toThrow(`no answer within ${timeoutMs} ms`)
  const half = await served((_request, response) => void response.writeHead(200).write('{'))
  await expect(client.get(half)).rejects.toThrow()
  const changing = createSocketServer((socket) => {
    socket.on('error', () => undefined).resume()
    socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n')
  }).listen(0, '127.0.0.1')
  await once(changing, 'listening')
  onTestFinished(() => void changing.close())
  const { port } = changing.address() as AddressInfo
  await expect(client.get(`http://127.0.0.1:${port}`)).rejects.toThrow('closed without an answer')
  changing.close()
  await once(changing, 'close')
  await expect(client.get(`http://127.0.0.1:${port}`)).rejects.toThrow('ECONNREFUSED')
  await expect(client.get('ftp://nowhere')).rejects.toThrow()
  await expect(client.get('nonsense')).rejects.toThrow()
})
