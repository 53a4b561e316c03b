import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { decodeParameters, encodeParameters } from '../learning/files.ts'
import type { Update } from './average.ts'

/** The updates of a round, and how long the first had to wait for the last. */
export type Round = { readonly updates: readonly Update[]; readonly waitSeconds: number; readonly durationSeconds: number }

/** Where nodes fetch the global model and hand in what they made of it. */
export type Exchange = {
  readonly url: string
  /** Offers the model and waits for an update of every node. @throws when `stop` is aborted */
  readonly round: (number: number, parameters: Float32Array, stop: AbortSignal) => Promise<Round>
  /** Lets the nodes go: there is no further round. */
  readonly close: () => void
}

const bodyBytesMax = 1_048_576

type Offer = { readonly round: number; readonly parameters: string }

class Rounds {
  readonly updates = new Map<string, Update>()
  readonly #nodes: ReadonlySet<string>
  readonly #waiting = new Set<{ readonly after: number; readonly response: ServerResponse }>()
  #offer: Offer = { round: 0, parameters: '' }
  #isOver = false
  #length = 0
  #firstMs = 0
  onComplete: () => void = () => {}

  constructor(nodes: readonly string[]) {
    this.#nodes = new Set(nodes)
  }

  offer(round: number, parameters: Float32Array): void {
    this.updates.clear()
    this.#length = parameters.length
    this.#offer = { round, parameters: encodeParameters(parameters) }
    this.#answerWaiting()
  }

  end(): void {
    this.#isOver = true
    this.#answerWaiting()
  }

  /** A node that has done round `after` asks for the next; it is answered when there is one. */
  ask(after: number, response: ServerResponse): void {
    this.#waiting.add({ after, response })
    response.once('close', () => {
      for (const entry of this.#waiting) if (entry.response === response) this.#waiting.delete(entry)
    })
    this.#answerWaiting()
  }

  /** @returns whether the update belongs to this round and a node of it */
  take(round: number, body: { node?: unknown; samples?: unknown; loss?: unknown; parameters?: unknown }): boolean {
    const { node, samples, loss, parameters } = body
    if (round !== this.#offer.round || typeof node !== 'string' || !this.#nodes.has(node)) return false
    if (typeof samples !== 'number' || typeof loss !== 'number' || typeof parameters !== 'string') return false
    if (this.updates.size === 0) this.#firstMs = performance.now()
    this.updates.set(node, { node, samples, loss, parameters: decodeParameters(parameters, this.#length) })
    if (this.updates.size === this.#nodes.size) this.onComplete()
    return true
  }

  waitedSeconds(): number {
    return (performance.now() - this.#firstMs) / 1000
  }

  #answerWaiting(): void {
    for (const entry of this.#waiting) {
      if (!this.#isOver && entry.after >= this.#offer.round) continue
      this.#waiting.delete(entry)
      entry.response.writeHead(200, { 'content-type': 'application/json' })
      entry.response.end(JSON.stringify(this.#isOver ? { round: null } : this.#offer))
    }
  }
}

async function jsonOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > bodyBytesMax) throw new Error('the body is too large')
    pieces.push(piece)
  }
  const body: unknown = JSON.parse(Buffer.concat(pieces).toString('utf8'))
  if (typeof body !== 'object' || body === null) throw new Error('the body is no object')
  return body as Record<string, unknown>
}

async function answer(rounds: Rounds, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://aggregator')
  if (request.method === 'GET' && url.pathname === '/round') {
    rounds.ask(Number(url.searchParams.get('after') ?? 0), response)
    return
  }
  if (request.method === 'POST' && url.pathname === '/update') {
    const isTaken = rounds.take(Number(url.searchParams.get('round')), await jsonOf(request))
    response.writeHead(isTaken ? 204 : 409).end()
    return
  }
  response.writeHead(404).end()
}

/** Listens on a free port of the loopback. */
export async function openExchange(nodes: readonly string[]): Promise<Exchange> {
  const rounds = new Rounds(nodes)
  const server = createServer((request, response) => {
    answer(rounds, request, response).catch(() => response.writeHead(400).end())
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    round: async (number, parameters, stop) => {
      const startedMs = performance.now()
      await new Promise<void>((resolve, reject) => {
        const refuse = () => reject(new Error(`stopped in round ${number}`))
        if (stop.aborted) refuse()
        stop.addEventListener('abort', refuse, { once: true })
        rounds.onComplete = () => {
          stop.removeEventListener('abort', refuse)
          resolve()
        }
        rounds.offer(number, parameters)
      })
      const durationSeconds = (performance.now() - startedMs) / 1000
      return { updates: [...rounds.updates.values()], waitSeconds: rounds.waitedSeconds(), durationSeconds }
    },
    close: () => {
      rounds.end()
      server.close()
    },
  }
}
