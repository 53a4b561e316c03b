import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** One report as the server read it. */
export type SeenReport = {
  readonly seq?: number
  readonly namespace?: string
  readonly jobId?: string
  readonly execId?: string
  readonly status?: string
  readonly progress?: number
  readonly attempt?: number
  readonly engine: { readonly instance: string; readonly incarnation: string; readonly status: string } & Record<string, unknown>
  readonly engineTaskCounts: Readonly<Record<string, number>>
  readonly usage?: Readonly<Record<string, number>>
  readonly attributes?: Readonly<Record<string, string>>
  readonly error?: { readonly code?: string; readonly message?: string }
  readonly logs?: readonly {
    readonly ts: string
    readonly level: string
    readonly line: string
    readonly fields?: Record<string, string>
  }[]
} & Readonly<Record<string, unknown>>

export type SeenRequest = {
  readonly headers: IncomingMessage['headers']
  /** After inflation. */
  readonly body: string
  readonly bytesOnWire: number
  readonly reports: readonly SeenReport[]
  readonly atMs: number
}

/** What to answer: a status with a body, or to read the request and cut the connection. */
export type ProgrammedAnswer =
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  | 'cut'

export type ProgrammableAggregator = {
  readonly url: string
  readonly port: number
  readonly requests: SeenRequest[]
  /** Every report seen, in order. */
  readonly reports: () => SeenReport[]
  /** Decides each answer; undefined = everything applied. */
  answer: (request: SeenRequest, index: number) => ProgrammedAnswer | undefined | Promise<ProgrammedAnswer | undefined>
  readonly close: () => Promise<void>
}

/** The answer in which every report is plainly applied, but for the items named. */
export function applied(
  count: number,
  results: readonly Record<string, unknown>[] = [],
  more: Record<string, unknown> = {},
): Exclude<ProgrammedAnswer, 'cut'> {
  return { body: { applied: count, late: 0, duplicate: 0, stale: 0, closed: 0, rejected: 0, results, ...more } }
}

/** A real HTTP server that takes reports and answers what a test tells it to. */
export async function programmableAggregator(port = 0): Promise<ProgrammableAggregator> {
  const requests: SeenRequest[] = []
  const state: Pick<ProgrammableAggregator, 'answer'> = { answer: () => undefined }
  const server = createServer((request, response) => {
    void respond(request, response)
  })
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const seen = await read(request)
    requests.push(seen)
    const answer = (await state.answer(seen, requests.length - 1)) ?? applied(seen.reports.length)
    if (answer === 'cut') {
      request.socket.destroy()
      return
    }
    const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {})
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers })
    response.end(body)
  }
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    requests,
    reports: () => requests.flatMap((request) => request.reports),
    get answer() {
      return state.answer
    },
    set answer(value) {
      state.answer = value
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function read(request: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const raw = Buffer.concat(chunks)
  const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString('utf8')
  const parsed: unknown = JSON.parse(body)
  const reports = (Array.isArray(parsed) ? parsed : [parsed]) as SeenReport[]
  return { headers: request.headers, body, bytesOnWire: raw.length, reports, atMs: performance.now() }
}

/** Waits until something is true, looking often. @throws when it is not within the time. */
export async function until<T>(look: () => T | undefined | false, what: string, timeoutMs = 8_000): Promise<T> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const found = look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
