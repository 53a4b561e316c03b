import { type ClientRequest, type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { type HttpAnswer, retryAfterMs } from './answer.ts'

/** One body on its way to the aggregator. */
export type RequestBody = { readonly bytes: Buffer; readonly isCompressed: boolean; readonly contentType?: string }

/** Carries bodies to the aggregator. */
export type Transport = {
  /** @throws where no answer came: refused, reset, too slow, too long. */
  readonly post: (body: RequestBody) => Promise<HttpAnswer>
  /** Ends requests on their way and closes connections. */
  readonly close: () => void
}

const answerBytesMax = 1024 * 1024

/** HTTP or HTTPS over one kept connection. Redirects are not followed: the token goes to that address only. */
export function httpTransport(route: URL, token: string | undefined, timeoutMs: number): Transport {
  const isTls = route.protocol === 'https:'
  const agent = isTls ? new TlsAgent({ keepAlive: true, maxSockets: 1 }) : new PlainAgent({ keepAlive: true, maxSockets: 1 })
  const send = isTls ? tlsRequest : plainRequest
  const underway = new Set<ClientRequest>()

  const once = (body: RequestBody) =>
    new Promise<HttpAnswer & { wasReused: boolean }>((resolve, reject) => {
      const request = send(route, { method: 'POST', agent, headers: headersOf(body, token) })
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      const end = () => {
        clearTimeout(timer)
        underway.delete(request)
      }
      underway.add(request)
      request.on('error', (error) => {
        end()
        reject(Object.assign(error, { wasReused: request.reusedSocket }))
      })
      request.on('response', (response) => {
        readAnswer(response).then(
          (answer) => {
            end()
            resolve({ ...answer, wasReused: request.reusedSocket })
          },
          (error: Error) => {
            end()
            request.destroy()
            reject(error)
          },
        )
      })
      request.end(body.bytes)
    })

  return {
    post: async (body) => {
      try {
        return await once(body)
      } catch (error) {
        // A kept connection that the other side closed meanwhile says nothing about the aggregator: try on a new one at once.
        if (!isStaleConnection(error)) throw error
        return once(body)
      }
    },
    close: () => {
      for (const request of underway) request.destroy(new Error('the reporter was closed'))
      agent.destroy()
    },
  }
}

function headersOf(body: RequestBody, token: string | undefined): Record<string, string | number> {
  return {
    'content-type': body.contentType ?? 'application/json',
    'content-length': body.bytes.length,
    accept: 'application/json',
    'user-agent': 'enginescope-reporter-node',
    ...(body.isCompressed ? { 'content-encoding': 'gzip' } : {}),
    ...(token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }),
  }
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > answerBytesMax) throw new Error(`the answer is longer than ${answerBytesMax} bytes`)
    chunks.push(chunk)
  }
  const waitMs = retryAfterMs(response.headers['retry-after'], Date.now())
  return {
    status: response.statusCode ?? 0,
    body: Buffer.concat(chunks).toString('utf8'),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  }
}

function isStaleConnection(error: unknown): boolean {
  if (!(error instanceof Error) || !('wasReused' in error) || error.wasReused !== true) return false
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}
