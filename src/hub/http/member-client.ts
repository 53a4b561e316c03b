/** How members call each other: JSON, no redirects, bounded time and size. `fetch` takes twice the CPU time for the same. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { linesType } from './lines.ts'
import { type MemberAnswer, retryAfterOf } from './member-answer.ts'
import { SentLines } from './sent-lines.ts'

export type MemberClient = {
  readonly get: (url: string) => Promise<MemberAnswer>
  /** Several to one address share a request, where the other side takes that: see {@link SentLines}. */
  readonly post: (url: string, body: unknown) => Promise<MemberAnswer>
  readonly delete: (url: string) => Promise<MemberAnswer>
}

export type MemberClientOptions = {
  readonly token: string | undefined
  readonly timeoutMs: number
  readonly bodyBytesMax: number
  /** How long messages are given to one request of lines; 30 s by default. A door of ours grants a request 60 s. */
  readonly linesOpenMs?: number
}

/** Shorter than the 5 s after which a server of ours closes an idle connection: one is not taken that is about to go. */
const idleMs = 4_000

const linesOpenMsDefault = 30_000
/** Where lines came to nothing they are tried again after this. */
const linesAgainMs = 60_000

/** @returns calls that reject when no answer came: nobody listens, the time was up. Connections are kept for the next call */
export function memberClient(options: MemberClientOptions): MemberClient {
  const { timeoutMs, bodyBytesMax, linesOpenMs = linesOpenMsDefault } = options
  const open = opener(options)
  const lines = new Map<string, SentLines | 'refused'>()
  const openLines = (url: string) => {
    const about = { 'content-type': linesType, 'transfer-encoding': 'chunked' }
    const onClosed = (isRefused: boolean) => {
      lines.delete(url)
      if (!isRefused) return
      lines.set(url, 'refused')
      setTimeout(() => lines.delete(url), linesAgainMs).unref()
    }
    lines.set(url, new SentLines(open('POST', url, about), { timeoutMs, openMs: linesOpenMs, onClosed }))
  }
  const call = (method: string, url: string, body?: string): Promise<MemberAnswer> =>
    new Promise((resolve, reject) => {
      const about =
        body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
      const request = open(method, url, about)
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      request.on('error', reject)
      let hasAnswer = false
      request.on('close', () => {
        clearTimeout(timer)
        // Whatever ends a call without an error and without an answer, such as 101.
        if (!hasAnswer) reject(new Error('the connection was closed without an answer'))
      })
      request.on('response', (response) => {
        hasAnswer = true
        if (method === 'POST' && takesLines(response) && !lines.has(url)) openLines(url)
        const { statusCode: status = 0, headers } = response
        boundedText(response, bodyBytesMax).then(
          (text) => resolve({ status, body: parsed(text), retryAfterMs: retryAfterOf(headers) }),
          reject,
        )
      })
      request.end(body)
    })
  return {
    get: (url) => call('GET', url),
    delete: (url) => call('DELETE', url),
    post(url, body) {
      const json = JSON.stringify(body)
      const shared = lines.get(url)
      return shared instanceof SentLines && shared.hasRoomFor(json.length) ? shared.post(json) : call('POST', url, json)
    },
  }
}

/** Makes requests that are not sent yet. */
function opener({
  token,
}: MemberClientOptions): (method: string, url: string, about: Readonly<Record<string, string>>) => ClientRequest {
  const login = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const agents = {
    http: new HttpAgent({ keepAlive: true, timeout: idleMs }),
    https: new HttpsAgent({ keepAlive: true, timeout: idleMs }),
  }
  return (method, url, about) => {
    const isSecure = url.startsWith('https:')
    const send = isSecure ? httpsRequest : httpRequest
    return send(url, { method, agent: isSecure ? agents.https : agents.http, headers: { ...login, ...about } })
  }
}

function takesLines({ headers }: IncomingMessage): boolean {
  return String(headers['accept-post'] ?? '').includes(linesType)
}

async function boundedText(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop early ends the connection: what is too large is not read to its end.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
