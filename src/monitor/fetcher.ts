/** Asks a runtime for its messages: bounded in time and size, and whatever came is read as far as it goes. */
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { type Agent, request } from 'undici'
import { type Envelope, readEnvelope } from './envelope.ts'
import { BlockedTarget } from './guarded-agent.ts'
import type { Registration } from './registration.ts'

export type Asked = { readonly messageId: string | null; readonly limit: number }

export type Target = Pick<Registration, 'url' | 'token' | 'mode'>

/** Who asks, for the runtime's own log. */
export type Caller = { readonly id: string; readonly leaseEpoch: number }

export type FetchLimits = { readonly timeoutMs: number; readonly bodyBytesMax: number }

export type FetchFailure = 'timeout' | 'unreachable' | 'http_error' | 'invalid' | 'too_large' | 'blocked'

/** What came back. A failure may still have brought the beginning of an answer. */
export type Fetched = {
  readonly failure: FetchFailure | undefined
  /** HTTP status; 0 = there was no answer. */
  readonly status: number
  readonly reason: string
  readonly envelope: Envelope | undefined
}

/** Topics asked for at a time in mode `per-topic`. */
const topicsAtOnce = 4
const reasonLengthMax = 300

export class Fetcher {
  readonly #agent: Agent
  readonly #limits: FetchLimits

  constructor(agent: Agent, limits: FetchLimits) {
    this.#agent = agent
    this.#limits = limits
  }

  /** Never throws. @param stop ends the request early */
  async fetch(target: Target, caller: Caller, asked: ReadonlyMap<string, Asked>, stop: AbortSignal): Promise<Fetched> {
    if (target.mode === 'per-topic') return this.#fetchEach(target, asked, stop)
    const topics = Object.fromEntries(asked)
    return this.#ask(target, 'POST', '/v1/runtime/messages', { protocol: 1, monitor: caller, topics }, stop)
  }

  /** `shutdown` or `kill`. @returns whether the runtime took it, and what it said */
  async tell(
    target: Target,
    caller: Caller,
    what: 'shutdown' | 'kill',
  ): Promise<{ readonly isDone: boolean; readonly says: string }> {
    const signal = AbortSignal.timeout(this.#limits.timeoutMs)
    try {
      const { statusCode, body } = await this.#send(
        target,
        'POST',
        `/v1/runtime/${what}`,
        { protocol: 1, monitor: caller },
        signal,
      )
      await body.dump({ limit: 65_536 })
      return { isDone: statusCode >= 200 && statusCode < 300, says: `HTTP ${statusCode}` }
    } catch (error) {
      return { isDone: false, says: failureOf(error, signal).reason }
    }
  }

  async #fetchEach(target: Target, asked: ReadonlyMap<string, Asked>, stop: AbortSignal): Promise<Fetched> {
    // One deadline for the whole cycle.
    const { signal, release } = deadlineOf(stop, this.#limits.timeoutMs)
    const left = [...asked]
    const answers: Fetched[] = []
    const worker = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const [topic, { messageId, limit }] = next
        const query = new URLSearchParams({ limit: String(limit), ...(messageId === null ? {} : { after: messageId }) })
        answers.push(
          await this.#ask(target, 'GET', `/v1/runtime/topics/${encodeURIComponent(topic)}/messages?${query}`, undefined, signal),
        )
      }
    }
    await Promise.all(Array.from({ length: topicsAtOnce }, worker)).finally(release)
    return joined(answers)
  }

  async #ask(target: Target, method: 'GET' | 'POST', path: string, body: unknown, stop: AbortSignal): Promise<Fetched> {
    const { signal, release } = deadlineOf(stop, this.#limits.timeoutMs)
    try {
      const answer = await this.#send(target, method, path, body, signal)
      if (answer.statusCode !== 200) {
        await answer.body.dump({ limit: 65_536 })
        return { failure: 'http_error', status: answer.statusCode, reason: `HTTP ${answer.statusCode}`, envelope: undefined }
      }
      return await this.#read(answer, signal)
    } catch (error) {
      return { ...failureOf(error, signal), status: 0, envelope: undefined }
    } finally {
      release()
    }
  }

  #send(target: Target, method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal) {
    return request(`${target.url}${path}`, {
      dispatcher: this.#agent,
      method,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        accept: 'application/json',
        'accept-encoding': 'gzip, br',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async #read({ body, headers }: Awaited<ReturnType<typeof request>>, signal: AbortSignal): Promise<Fetched> {
    const chunks: Buffer[] = []
    let failure: FetchFailure | undefined
    let reason = ''
    try {
      let bytes = 0
      for await (const chunk of decoded(body, headers['content-encoding'])) {
        chunks.push(chunk as Buffer)
        bytes += (chunk as Buffer).length
        if (bytes <= this.#limits.bodyBytesMax) continue
        failure = 'too_large'
        reason = `the answer is larger than ${this.#limits.bodyBytesMax} bytes`
        break
      }
    } catch (error) {
      const found = failureOf(error, signal)
      failure = found.failure
      reason = found.reason
    }
    body.on('error', () => undefined).destroy()
    const envelope = readEnvelope(Buffer.concat(chunks).toString('utf8'))
    if (failure === undefined && envelope.end !== 'whole') {
      failure = envelope.end === 'cut' ? 'unreachable' : 'invalid'
      reason = envelope.end === 'cut' ? 'the answer ends too early' : 'the answer is not JSON'
    }
    return { failure, status: 200, reason, envelope }
  }
}

type Body = Awaited<ReturnType<typeof request>>['body']

function decoded(body: Body, encoding: string | string[] | undefined): AsyncIterable<unknown> {
  if (encoding !== 'gzip' && encoding !== 'br') return body
  const stream = encoding === 'gzip' ? createGunzip() : createBrotliDecompress()
  body.on('error', (error) => stream.destroy(error))
  return body.pipe(stream)
}

/** The answers of one cycle in mode `per-topic` as one: of what failed, the first failure speaks. */
function joined(answers: readonly Fetched[]): Fetched {
  const failed = answers.find(({ failure }) => failure !== undefined)
  const envelopes = answers.map(({ envelope }) => envelope).filter((each) => each !== undefined)
  const [first] = envelopes
  if (first === undefined) return failed ?? { failure: 'invalid', status: 0, reason: 'nothing was asked', envelope: undefined }
  const odd = envelopes.find(({ runtimeId, epoch }) => runtimeId !== first.runtimeId || epoch !== first.epoch)
  if (odd !== undefined)
    return { failure: 'invalid', status: 200, reason: 'the answers are of several logs', envelope: undefined }
  const topics = new Map(envelopes.flatMap((envelope) => [...envelope.topics]))
  const cutIn = envelopes.find((envelope) => envelope.cutIn !== undefined)?.cutIn
  const envelope: Envelope = {
    runtimeId: first.runtimeId,
    epoch: first.epoch,
    topics,
    end: failed === undefined ? 'whole' : 'cut',
    cutIn,
  }
  return { failure: failed?.failure, status: failed?.status ?? 200, reason: failed?.reason ?? '', envelope }
}

/**
 * A signal that ends with `stop` or when the time is over. `AbortSignal.any` would hang something on `stop`, which lives as long as
 * its runtime is followed, at every fetch, and never take it off.
 */
function deadlineOf(stop: AbortSignal, timeoutMs: number): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController()
  const abort = () => controller.abort()
  const timer = setTimeout(abort, timeoutMs)
  if (stop.aborted) abort()
  else stop.addEventListener('abort', abort, { once: true })
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer)
      stop.removeEventListener('abort', abort)
    },
  }
}

function failureOf(error: unknown, signal: AbortSignal): { readonly failure: FetchFailure; readonly reason: string } {
  const reason = (error instanceof Error ? `${error.message}` || error.name : String(error)).slice(0, reasonLengthMax)
  if (signal.aborted) return { failure: 'timeout', reason: 'the request took too long' }
  if (error instanceof BlockedTarget || (error instanceof Error && error.cause instanceof BlockedTarget)) {
    return { failure: 'blocked', reason }
  }
  if (error instanceof Error && 'code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT') return { failure: 'timeout', reason }
  return { failure: 'unreachable', reason }
}
