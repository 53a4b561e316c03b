import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { queryRange } from './loki-query.ts'
import { defaultLokiLimits, type Judge, type LokiLimits, LokiStore, type StoredLine } from './loki-rules.ts'

/** What a push is answered with instead of Loki's own judgement. */
export type LokiBehaviour =
  /** Nothing is stored, unless `stores`: then what is good of it is. */
  | { kind: 'status'; status: number; body?: string; headers?: Record<string, string>; stores?: boolean }
  /** Reads the request and never answers. */
  | { kind: 'hang' }
  /** Stores the lines and closes the connection instead of answering. */
  | { kind: 'lose-reply' }
  /** Closes the connection before anything is stored. */
  | { kind: 'reset' }
  /** Sends its answer's body at a byte a second. */
  | { kind: 'drip'; status: number }
  /** Answers with a body of that many bytes. */
  | { kind: 'flood'; status: number; bytes: number }

export type LokiRequest = {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Monotonic ms */
  readonly atMs: number
  /** The body after decompression. */
  readonly body: string
  /** What it was answered with; 0 while, or when, it was not. */
  status: number
}

export type LokiOptions = {
  readonly port?: number
  readonly limits?: Partial<LokiLimits>
  /** `auth_enabled`: requests without a tenant are 401. */
  readonly needsTenant?: boolean
  /** The only `Authorization` that is let in; others are 401. */
  readonly authorization?: string
  /** Loki's clock; default the machine's. */
  readonly now?: () => number
}

/** Starts a small strict Loki on the loopback: it follows Loki's documented rules and does as a test tells it. */
export async function startLoki(options: LokiOptions = {}): Promise<FakeLoki> {
  const loki = new FakeLoki(options)
  await loki.listen(options.port ?? 0)
  return loki
}

export class FakeLoki {
  /** Every request, in the order they came. */
  readonly requests: LokiRequest[] = []
  isReady = true
  /** Asked for each push before Loki's own rules; undefined = as Loki would. */
  behaviour: (request: LokiRequest, number: number) => LokiBehaviour | undefined = () => undefined
  readonly #store: LokiStore
  readonly #options: LokiOptions
  readonly #limits: LokiLimits
  readonly #server: Server
  #port = 0
  #pushes = 0

  constructor(options: LokiOptions) {
    this.#options = options
    this.#limits = { ...defaultLokiLimits, ...options.limits }
    this.#store = new LokiStore(this.#limits, options.now ?? Date.now)
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy())
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** The lines stored, in the order they came. */
  get lines(): readonly StoredLine[] {
    return this.#store.lines
  }

  /** Lines refused by a rule, each time they were. */
  get refused(): LokiStore['refused'] {
    return this.#store.refused
  }

  /** Repeats that Loki's own rule dropped. */
  get repeats(): number {
    return this.#store.repeats
  }

  /** What Loki would take, though a good client does not do it. */
  get faults(): readonly string[] {
    return this.#store.faults
  }

  get pushes(): readonly LokiRequest[] {
    return this.requests.filter((request) => request.path.startsWith('/loki/api/v1/push'))
  }

  /** Refuses single lines, on top of Loki's rules. */
  set judge(judge: Judge) {
    this.#store.judge = judge
  }

  /** Answers all pushes like that, until told otherwise. */
  always(behaviour: LokiBehaviour | undefined): void {
    this.behaviour = () => behaviour
  }

  /** Answers the next pushes like that, and those behind them as Loki would. */
  next(...behaviours: LokiBehaviour[]): void {
    this.behaviour = () => behaviours.shift()
  }

  /** Starts to listen, also again after `close`. @param port default: the one it had, or a free one */
  async listen(port = this.#port): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Stops listening and cuts all connections; what is stored stays. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const packed = Buffer.concat(chunks)
    const isPacked = request.headers['content-encoding'] === 'gzip' && packed.length > 0
    const body = (isPacked ? gunzipSync(packed) : packed).toString()
    const { method = '', url: path = '', headers } = request
    const seen: LokiRequest = { method, path, headers, atMs: performance.now(), body, status: 0 }
    this.requests.push(seen)
    response.on('finish', () => {
      seen.status = response.statusCode
    })
    const url = new URL(path, this.url)
    const refusal = this.#refusal(seen, url.pathname)
    if (refusal !== undefined) end(response, refusal.status, refusal.body)
    else if (url.pathname === '/ready') end(response, this.isReady ? 200 : 503, this.isReady ? 'ready\n' : 'Ingester not ready\n')
    else if (url.pathname === '/loki/api/v1/query_range') this.#query(url.searchParams, response)
    else this.#push(seen, response)
  }

  #refusal(request: LokiRequest, path: string): { status: number; body: string } | undefined {
    const routes: Record<string, string> = {
      '/ready': 'GET',
      '/loki/api/v1/push': 'POST',
      '/loki/api/v1/query_range': 'GET',
    }
    if (routes[path] === undefined) return { status: 404, body: '404 page not found\n' }
    if (routes[path] !== request.method) return { status: 405, body: '' }
    if (path === '/ready') return undefined
    const { authorization, needsTenant } = this.#options
    if (authorization !== undefined && request.headers['authorization'] !== authorization) return { status: 401, body: 'no\n' }
    if (needsTenant === true && request.headers['x-scope-orgid'] === undefined) return { status: 401, body: 'no org id\n' }
    return undefined
  }

  #query(parameters: URLSearchParams, response: ServerResponse): void {
    try {
      end(response, 200, JSON.stringify(queryRange(this.lines, parameters)), { 'content-type': 'application/json' })
    } catch (error) {
      end(response, 400, String(error))
    }
  }

  #push(request: LokiRequest, response: ServerResponse): void {
    const behaviour = this.behaviour(request, this.#pushes++)
    if (behaviour === undefined) {
      const { status, body } = this.#judged(request)
      end(response, status, body)
    } else this.#behave(behaviour, request, response)
  }

  #judged(request: LokiRequest): { status: number; body: string } {
    if (request.headers['content-type'] !== 'application/json') return { status: 400, body: 'proto: illegal wireType\n' }
    if (Buffer.byteLength(request.body) > this.#limits.bodyBytesMax) return { status: 413, body: 'message size too large\n' }
    try {
      return { body: '', ...this.#store.push(request.body) }
    } catch (error) {
      return { status: 400, body: `couldn't parse push request: ${String(error)}\n` }
    }
  }

  #behave(behaviour: LokiBehaviour, request: LokiRequest, response: ServerResponse): void {
    switch (behaviour.kind) {
      case 'status':
        if (behaviour.stores === true) this.#judged(request)
        end(response, behaviour.status, behaviour.body ?? '', behaviour.headers)
        break
      case 'hang':
        break
      case 'lose-reply':
        this.#judged(request)
        response.destroy()
        break
      case 'reset':
        response.destroy()
        break
      case 'drip':
        drip(response, behaviour.status)
        break
      case 'flood':
        flood(response, behaviour.status, behaviour.bytes)
    }
  }
}

function end(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers)
  response.end(status === 204 ? undefined : body)
}

function drip(response: ServerResponse, status: number): void {
  response.writeHead(status)
  response.flushHeaders()
  const timer = setInterval(() => response.write('x'), 1_000)
  response.on('close', () => clearInterval(timer))
}

function flood(response: ServerResponse, status: number, bytes: number): void {
  response.writeHead(status)
  const chunk = Buffer.alloc(64 * 1024, 'x')
  let left = bytes
  const more = () => {
    while (left > 0 && !response.destroyed) {
      left -= chunk.length
      if (!response.write(chunk)) return
    }
    response.end()
  }
  response.on('drain', more)
  more()
}
