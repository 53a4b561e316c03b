/** How members call each other: JSON, no redirects, bounded time and size. `fetch` takes twice the CPU time for the same. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

export type MemberAnswer = {
  readonly status: number
  /** Undefined when the body is no JSON, or is larger than it may be. */
  readonly body: unknown
  readonly retryAfterMs: number | undefined
}

export type MemberClient = {
  readonly get: (url: string) => Promise<MemberAnswer>
  readonly post: (url: string, body: unknown) => Promise<MemberAnswer>
  readonly delete: (url: string) => Promise<MemberAnswer>
}

export type MemberClientOptions = {
  readonly token: string | undefined
  readonly timeoutMs: number
  readonly bodyBytesMax: number
}

/** Shorter than the 5 s after which a server of ours closes an idle connection: one is not taken that is about to go. */
const idleMs = 4_000

/** @returns calls that reject when no answer came: nobody listens, the time was up. Connections are kept for the next call */
export function memberClient({ token, timeoutMs, bodyBytesMax }: MemberClientOptions): MemberClient {
  const login = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const agents = {
    http: new HttpAgent({ keepAlive: true, timeout: idleMs }),
    https: new HttpsAgent({ keepAlive: true, timeout: idleMs }),
  }
  const call = (method: string, url: string, body?: string): Promise<MemberAnswer> =>
    new Promise((resolve, reject) => {
      const isSecure = url.startsWith('https:')
      const send = isSecure ? httpsRequest : httpRequest
      const about =
        body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
      const request = send(url, {
        method,
        agent: isSecure ? agents.https : agents.http,
        headers: { ...login, ...about },
      })
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
        boundedText(response, bodyBytesMax).then(
          (text) => resolve({ status: response.statusCode ?? 0, body: parsed(text), retryAfterMs: retryAfterOf(response) }),
          reject,
        )
      })
      request.end(body)
    })
  return {
    get: (url) => call('GET', url),
    delete: (url) => call('DELETE', url),
    post: (url, body) => call('POST', url, JSON.stringify(body)),
  }
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

function retryAfterOf({ headers }: IncomingMessage): number | undefined {
  const seconds = Number(headers['retry-after'] ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined
}
