import { createServer, type Server, Socket } from 'node:net'
import { Transform, type TransformCallback } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** `request`: from the client to the target; `reply`: the way back. */
export type Direction = 'request' | 'reply'

/** A proxy on the loopback between a client and a server, which can fail as networks do. Faults hold until taken back. */
export type TcpProxy = {
  readonly port: number
  /** Connections open now. */
  readonly connections: () => number
  /** Bytes let through so far, both ways. */
  readonly bytes: (direction: Direction) => number
  /** Each chunk arrives that much later, in order. 0 takes it back. */
  readonly delay: (ms: number, direction?: Direction) => void
  /** Lets nothing through, and closes nothing: a link that is half open. */
  readonly stall: (direction?: Direction) => void
  readonly resume: () => void
  /** Resets every open connection (RST). New ones are taken as before. */
  readonly cut: () => void
  /** Resets each connection, open or new, once that many bytes went through in that direction; undefined takes it back. */
  readonly cutAfter: (bytes: number | undefined, direction?: Direction) => void
  /** Ends one direction of every open connection (FIN); the other goes on. */
  readonly halfClose: (direction: Direction) => void
  /** Resets every open connection and refuses new ones until `accept`. */
  readonly refuse: () => Promise<void>
  readonly accept: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Beyond this a sender feels that nothing is let through. */
const bufferedBytesMax = 1024 * 1024

/** What is wrong with one direction, for all connections. */
class Faults {
  delayMs = 0
  cutAfterBytes: number | undefined
  bytes = 0
  #gate: Promise<void> | undefined
  #open: (() => void) | undefined

  stall(): void {
    this.#gate ??= new Promise((resolve) => {
      this.#open = resolve
    })
  }

  resume(): void {
    this.#open?.()
    this.#gate = undefined
  }

  /** Resolves once nothing stands in the way. */
  async passage(arrivedAtMs: number): Promise<void> {
    const leftMs = arrivedAtMs + this.delayMs - performance.now()
    if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs))
    while (this.#gate !== undefined) await this.#gate
  }
}

/** One direction of one connection: chunks leave in order, each when its own time has come. */
class Pipe extends Transform {
  readonly #faults: Faults
  readonly #onLimit: () => void
  #through = 0
  #waiting = 0
  #last: Promise<void> = Promise.resolve()

  constructor(faults: Faults, onLimit: () => void) {
    super()
    this.#faults = faults
    this.#onLimit = onLimit
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const arrivedAtMs = performance.now()
    this.#waiting += chunk.length
    this.#last = this.#last.then(() => this.#faults.passage(arrivedAtMs)).then(() => this.#let(chunk))
    if (this.#waiting < bufferedBytesMax) done()
    else void this.#last.then(() => done())
  }

  override _flush(done: TransformCallback): void {
    void this.#last.then(() => done())
  }

  #let(chunk: Buffer): void {
    this.#waiting -= chunk.length
    if (this.destroyed) return
    const room = (this.#faults.cutAfterBytes ?? Number.POSITIVE_INFINITY) - this.#through
    const part = chunk.subarray(0, Math.max(0, room))
    this.#through += part.length
    this.#faults.bytes += part.length
    if (part.length > 0) this.push(part)
    // The part must reach the other side before the reset does.
    if (part.length < chunk.length) setTimeout(this.#onLimit, 5)
  }
}

/** One client and its way to the target. */
type Link = { readonly client: Socket; readonly target: Socket }

/** Starts the proxy on a free port (or the given one). */
export async function startTcpProxy(target: { host: string; port: number }, port = 0): Promise<TcpProxy> {
  const faults = { request: new Faults(), reply: new Faults() }
  const links = new Set<Link>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => join(client, target, faults, links))
  const ownPort = await listen(server, port)
  const cut = () => {
    for (const link of links) reset(link)
  }
  const refuse = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    cut()
    await closed
  }
  const both = (direction: Direction | undefined) =>
    direction === undefined ? [faults.request, faults.reply] : [faults[direction]]
  const resume = () => {
    for (const each of both(undefined)) each.resume()
  }
  return {
    port: ownPort,
    connections: () => links.size,
    bytes: (direction) => faults[direction].bytes,
    delay: (ms, direction) => {
      for (const each of both(direction)) each.delayMs = ms
    },
    stall: (direction) => {
      for (const each of both(direction)) each.stall()
    },
    resume,
    cut,
    cutAfter: (bytes, direction = 'request') => {
      faults[direction].cutAfterBytes = bytes
    },
    halfClose: (direction) => {
      for (const link of links) (direction === 'request' ? link.target : link.client).end()
    },
    refuse,
    accept: async () => void (await listen(server, ownPort)),
    stop: async () => {
      resume()
      if (server.listening) await refuse()
    },
  }
}

function join(
  client: Socket,
  address: { host: string; port: number },
  faults: Record<Direction, Faults>,
  links: Set<Link>,
): void {
  const target = new Socket({ allowHalfOpen: true }).setNoDelay(true).connect(address.port, address.host)
  const link = { client, target }
  links.add(link)
  const request = new Pipe(faults.request, () => reset(link))
  const reply = new Pipe(faults.reply, () => reset(link))
  // Either side may go at any time: that is what the proxy is for. Both ends then go together.
  const ways = [pipeline(client, request, target), pipeline(target, reply, client)].map((way) => way.catch(() => reset(link)))
  void Promise.all(ways).then(() => links.delete(link))
}

function reset({ client, target }: Link): void {
  client.resetAndDestroy()
  target.resetAndDestroy()
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      const address = server.address()
      resolve(address !== null && typeof address === 'object' ? address.port : port)
    })
  })
}
