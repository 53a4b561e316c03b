import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from './eventually.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

let server: Server
let proxy: TcpProxy
let received: string
let ended: boolean
const clients: Socket[] = []

beforeEach(async () => {
  received = ''
  ended = false
  // Answers each chunk in capitals, and says goodbye when the other side has ended.
  server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      received += chunk
      socket.write(String(chunk).toUpperCase())
    })
    socket.on('end', () => {
      ended = true
      socket.end('bye')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  proxy = await startTcpProxy({ host: '127.0.0.1', port: address.port })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await proxy.stop()
  server.close()
})

/** A connection through the proxy that notes what it hears. */
async function dial() {
  const heard = { text: '', error: '' }
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
  clients.push(socket)
  socket.on('data', (chunk) => {
    heard.text += chunk
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    heard.error = error.code ?? error.message
  })
  await eventually(() => !socket.connecting, undefined, { what: 'the connection' })
  return { socket, heard }
}

describe('the proxy', () => {
  test('passes both ways and counts', async () => {
    const { socket, heard } = await dial()
    socket.write('hello')
    await eventually(() => heard.text === 'HELLO')
    expect([proxy.bytes('request'), proxy.bytes('reply'), proxy.connections()]).toEqual([5, 5, 1])
    socket.end()
    await eventually(() => heard.text === 'HELLObye')
    await eventually(() => proxy.connections() === 0)
  })

  test('delays each chunk by its own time, not one after the other', async () => {
    proxy.delay(100, 'request')
    const { socket, heard } = await dial()
    const startedAtMs = performance.now()
    for (const letter of ['a', 'b', 'c', 'd', 'e']) {
      socket.write(letter)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await eventually(() => heard.text === 'ABCDE', undefined, { everyMs: 1 })
    const tookMs = performance.now() - startedAtMs
    expect(tookMs).toBeGreaterThanOrEqual(99)
    expect(tookMs).toBeLessThan(400)
  })

  test('stalls without closing, and goes on with nothing lost', async () => {
    const { socket, heard } = await dial()
    proxy.stall('reply')
    socket.write('one')
    await eventually(() => received === 'one')
    socket.write('two')
    await eventually(() => received === 'onetwo')
    expect(heard).toEqual({ text: '', error: '' })
    proxy.resume()
    await eventually(() => heard.text === 'ONETWO')
  })

  test('resets open connections, and takes new ones', async () => {
    const { heard } = await dial()
    await eventually(() => proxy.connections() === 1)
    proxy.cut()
    await eventually(() => heard.error === 'ECONNRESET')
    const second = await dial()
    second.socket.write('again')
    await eventually(() => second.heard.text === 'AGAIN')
  })

  test('cuts after exactly so many bytes', async () => {
    proxy.cutAfter(3, 'request')
    const { socket, heard } = await dial()
    socket.write('hello')
    await eventually(() => heard.error === 'ECONNRESET')
    expect(received).toBe('hel')
  })

  test('ends one direction alone', async () => {
    const { heard } = await dial()
    await eventually(() => proxy.connections() === 1)
    proxy.halfClose('request')
    await eventually(() => ended)
    await eventually(() => heard.text === 'bye')
  })

  test('refuses until it accepts again, on the same port', async () => {
    await proxy.refuse()
    const { heard } = await dial()
    await eventually(() => heard.error === 'ECONNREFUSED')
    await proxy.accept()
    const second = await dial()
    second.socket.write('back')
    await eventually(() => second.heard.text === 'BACK')
  })
})
