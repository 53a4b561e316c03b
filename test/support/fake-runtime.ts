import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Entry = { readonly messageId: string; readonly publishedAt: number; readonly message: unknown }
type Asked = Readonly<Record<string, { readonly messageId: string | null; readonly limit: number }>>

/** How an answer is sent instead of the honest one. @param honest the JSON text that an honest runtime sends */
export type Misbehaviour = (response: ServerResponse, honest: string) => void

/** A runtime within the test, which can be made to lie, be slow, or be poisonous. An honest one is in runtime-process.ts. */
export type FakeRuntime = {
  readonly id: string
  readonly url: string
  epoch: string
  /** Adds a message to a topic. @param publishedAt by default now @returns its id */
  readonly publish: (topic: string, message: unknown, publishedAt?: number) => string
  /** Forgets the messages of a topic up to a number: its log was trimmed. */
  readonly trim: (topic: string, upTo: number) => void
  /** Begins all topics anew. */
  readonly reset: (epoch: string) => void
  /** What was asked, oldest first. */
  readonly asked: Asked[]
  readonly tokens: (string | undefined)[]
  readonly calls: { kill: number; shutdown: number }
  misbehave: Misbehaviour | undefined
  /** Refuses connections from now on. */
  readonly close: () => Promise<void>
}

export async function startFakeRuntime(id: string, epoch = String(Date.now())): Promise<FakeRuntime> {
  const logs = new Map<string, { entries: Entry[]; count: number }>()
  const server = createServer((request, response) => void handle(request, response))
  const runtime: FakeRuntime = {
    id,
    url: '',
    epoch,
    publish: (topic, message, publishedAt = Date.now()) => {
      const log = logs.get(topic) ?? { entries: [], count: 0 }
      logs.set(topic, log)
      const messageId = `${runtime.epoch}-${String(++log.count).padStart(10, '0')}`
      log.entries.push({ messageId, publishedAt, message })
      return messageId
    },
    trim: (topic, upTo) => {
      const log = logs.get(topic)
      if (log !== undefined) log.entries = log.entries.filter(({ messageId }) => Number(messageId.slice(14)) > upTo)
    },
    reset: (next) => {
      runtime.epoch = next
      logs.clear()
    },
    asked: [],
    tokens: [],
    calls: { kill: 0, shutdown: 0 },
    misbehave: undefined,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (request.url?.endsWith('/kill') || request.url?.endsWith('/shutdown')) {
      runtime.calls[request.url.endsWith('/kill') ? 'kill' : 'shutdown']++
      response.writeHead(202).end()
      return
    }
    runtime.tokens.push(request.headers.authorization)
    const { topics } = JSON.parse(Buffer.concat(chunks).toString()) as { topics: Asked }
    runtime.asked.push(topics)
    const honest = JSON.stringify(answerOf(topics))
    if (runtime.misbehave !== undefined) runtime.misbehave(response, honest)
    else response.writeHead(200, { 'content-type': 'application/json' }).end(honest)
  }

  function answerOf(topics: Asked) {
    const answers = Object.entries(topics).map(([topic, { messageId, limit }]) => {
      const entries = logs.get(topic)?.entries ?? []
      const messages = entries.filter((each) => messageId === null || each.messageId > messageId).slice(0, limit)
      return [topic, { earliest: entries[0]?.messageId ?? null, latest: entries.at(-1)?.messageId ?? null, messages }]
    })
    return { runtimeId: id, epoch: runtime.epoch, topics: Object.fromEntries(answers) }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(runtime, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}
