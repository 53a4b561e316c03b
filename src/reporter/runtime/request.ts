import type { IncomingMessage } from 'node:http'
import { placeOf } from './message-id.ts'
import type { TopicQuery } from './message-log.ts'
import type { RuntimeSettings } from './settings.ts'
import { isTopicName } from './topics.ts'

/** Who asks, as it says itself; for the author's eyes only. */
export type Monitor = { readonly id: string; readonly leaseEpoch: number | undefined }

export type MessagesRequest = { readonly monitor: Monitor | undefined; readonly queries: readonly TopicQuery[] }

/** A request that is answered with an error. */
export class RequestFault extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const topicsMax = 256
const limitMax = 10_000

/** Reads a body up to the limits. @throws RequestFault 408, 413, 415 */
export async function readBody(request: IncomingMessage, settings: RuntimeSettings): Promise<string> {
  const { requestBytesMax, requestTimeoutMs } = settings
  // A program's own body parser may stand before the router; what it read cannot be read again.
  if ('body' in request && request.body !== undefined)
    return typeof request.body === 'string' ? request.body : JSON.stringify(request.body)
  if (request.readableEnded) return ''
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new RequestFault(415, 'ENCODING_UNSUPPORTED', 'the body must not be compressed')
  if (Number(request.headers['content-length'] ?? 0) > requestBytesMax) {
    request.resume()
    throw tooLarge(requestBytesMax)
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    // What is too much is read on and thrown away: an answer on a connection that is being written to would not arrive.
    const give = (settle: () => void) => {
      clearTimeout(timer)
      request.off('data', take).resume()
      settle()
    }
    const timer = setTimeout(() => request.destroy(new Error('the request did not arrive in time')), requestTimeoutMs)
    const take = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > requestBytesMax) give(() => reject(tooLarge(requestBytesMax)))
      else chunks.push(chunk)
    }
    request.on('data', take)
    request.once('end', () => give(() => resolve(Buffer.concat(chunks).toString('utf8'))))
    request.once('error', (error) => give(() => reject(error)))
  })
}

/** Reads a request for messages of many topics. @throws RequestFault 400 naming what does not fit */
export function parseMessagesRequest(text: string): MessagesRequest {
  const body = recordOf(parsed(text))
  if (body === undefined) throw invalid('the body is not an object')
  if (body['protocol'] !== 1) throw new RequestFault(400, 'PROTOCOL_UNSUPPORTED', 'protocol must be 1')
  const topics = recordOf(body['topics'])
  if (topics === undefined) throw invalid('topics is not an object')
  const entries = Object.entries(topics)
  if (entries.length > topicsMax) throw invalid(`topics names more than ${topicsMax}`)
  const queries = entries.map(([topic, asked]) => {
    const query = recordOf(asked)
    if (query === undefined) throw invalid(`topics: what is asked of ${shown(topic)} is not an object`)
    return topicQuery(topic, query['messageId'], query['limit'])
  })
  return { monitor: monitorOf(body['monitor']), queries }
}

/** What is asked of one topic. @throws RequestFault 400 */
export function topicQuery(topic: string, after: unknown, limit: unknown): TopicQuery {
  if (!isTopicName(topic)) throw invalid(`${shown(topic)} is not the name of a topic`)
  const place = after === undefined || after === null ? undefined : typeof after === 'string' ? placeOf(after) : undefined
  if (place === undefined && after !== undefined && after !== null) throw invalid(`${topic}: ${shown(after)} is not a message id`)
  if (limit === undefined || limit === null) return { topic, after: place, limit: defaultLimit(topic) }
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 1) {
    throw invalid(`${topic}: limit must be a whole number above 0`)
  }
  return { topic, after: place, limit: Math.min(limit, limitMax) }
}

function defaultLimit(topic: string): number {
  if (topic === 'logs') return 1000
  return topic.split(':')[0] === 'task.running' ? 500 : 100
}

function monitorOf(value: unknown): Monitor | undefined {
  const monitor = recordOf(value)
  if (typeof monitor?.['id'] !== 'string') return undefined
  const epoch = monitor['leaseEpoch']
  return { id: monitor['id'].slice(0, 200), leaseEpoch: typeof epoch === 'number' ? epoch : undefined }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new RequestFault(400, 'BODY_NOT_JSON', 'the body is not JSON')
  }
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}

function invalid(message: string): RequestFault {
  return new RequestFault(400, 'REQUEST_INVALID', message)
}

function tooLarge(bytesMax: number): RequestFault {
  return new RequestFault(413, 'BODY_TOO_LARGE', `the body has more than ${bytesMax} bytes`)
}

function shown(value: unknown): string {
  return JSON.stringify(typeof value === 'string' ? value.slice(0, 80) : typeof value)
}
