import { createServer } from 'node:net'
import { StackError } from './stack-error.ts'

/** A port that somebody wishes to listen on. */
export type PortWish = {
  /** Who listens, for messages. */
  readonly name: string
  readonly host: string
  /** 0: any. */
  readonly port: number
  /** The user named it: then another one will not do. */
  readonly isExplicit: boolean
  /** How another one is chosen, for the message: `--port`. */
  readonly flag: string
}

const triesMax = 100

/** The port that `host:port` would be listened on, or `undefined` when it is taken. */
function tryPort(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined)
      else reject(new StackError(`cannot listen on ${host}: ${error.message}`, { cause: error }))
    })
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}

/**
 * The port wished for, or the next free one where the user did not name it.
 * @param taken ports given out before; the answer is added.
 * @throws StackError when a named port is taken, or none is free among the next hundred.
 */
export async function choosePort(wish: PortWish, taken: Set<number>): Promise<number> {
  const isAny = wish.port === 0
  const tries = wish.isExplicit && !isAny ? 1 : triesMax
  for (let i = 0; i < tries; i++) {
    const candidate = isAny ? 0 : wish.port + i
    if (candidate > 65_535 || taken.has(candidate)) continue
    const port = await tryPort(candidate, wish.host)
    if (port === undefined || taken.has(port)) continue
    taken.add(port)
    return port
  }
  if (wish.isExplicit)
    throw new StackError(`${wish.name}: port ${wish.port} is taken on ${wish.host}; choose another with ${wish.flag}`)
  throw new StackError(`${wish.name}: no free port from ${wish.port} on; choose one with ${wish.flag}`)
}
