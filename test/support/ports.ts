/** What whole-service tests stand on: real servers as children, a proxy that can fail, and ways to wait and look. */
import { createServer } from 'node:net'

const handedOut = new Set<number>()

/** A TCP port on 127.0.0.1 that nobody listens on now and that this process has not been given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await ephemeralPort()
    if (handedOut.has(port)) continue
    handedOut.add(port)
    return port
  }
}

function ephemeralPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}
