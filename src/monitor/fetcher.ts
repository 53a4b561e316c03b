/** Asks a runtime for its messages: bounded in time and size, and whatever came is read as far as it goes. */
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { type Agent, request } from 'undici'
import { ByteBudget } from './byte-budget.ts'
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
  /** Topics that had no room in the answer, whole or in part, those first that are to be asked for first. */
  readonly hungry?: readonly string[]
}

type Asking = readonly [method: 'GET' | 'POST', path: string, body?: unknown]

/** One answer, and how much of it was read. */
type Answer = Fetched & {
  readonly bytes: number
  /** It ended at its share of the bytes. */
  readonly isShort: boolean
}
type TopicAnswer = Answer & { readonly topic: string }

const nothing = { status: 0, envelope: undefined, bytes: 0, isShort: false }

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

  /** Never throws. @param stop ends the request early. @param isFirstHungry the first topic had no room in the answer before */
  async fetch(
    target: Target,
    caller: Caller,
    asked: ReadonlyMap<string, Asked>,
    stop: AbortSignal,
    isFirstHungry = false,
  ): Promise<Fetched> {
    if (target.mode === 'per-topic') return this.#fetchEach(target, [...asked], isFirstHungry, stop)
    const body = { protocol: 1, monitor: caller, topics: Object.fromEntries(asked) }
    return this.#ask(target, ['POST', '/v1/runtime/messages', body], stop, this.#limits.bodyBytesMax)
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

  /**
   * Topics share the bytes of an answer. The first, where it went hungry before, is asked for alone and may have all of them; the
   * others several at a time, each up to its share of what is left.
   */
  async #fetchEach(target: Target, left: [string, Asked][], isFirstHungry: boolean, stop: AbortSignal): Promise<Fetched> {
    // One deadline for the whole cycle.
    const { signal, release } = deadlineOf(stop, this.#limits.timeoutMs)
    const budget = new ByteBudget(this.#limits.bodyBytesMax, topicsAtOnce)
    const answers: TopicAnswer[] = []
    const next = async (sharers: number) => {
      const bytes = left.length === 0 ? 0 : budget.reserve(sharers)
      const one = bytes === 0 ? undefined : left.shift()
      if (one === undefined) return false
      const [topic, { messageId, limit }] = one
      const query = new URLSearchParams({ limit: String(limit), ...(messageId === null ? {} : { after: messageId }) })
      const path = `/v1/runtime/topics/${encodeURIComponent(topic)}/messages?${query}`
      const answer = await this.#ask(target, ['GET', path], signal, bytes)
      budget.settle(bytes, answer.bytes)
      answers.push({ topic, ...answer })
      return true
    }
    const worker = async () => {
      let isMore = true
      while (isMore) isMore = await next(left.length)
    }
    if (isFirstHungry) await next(1)
    await Promise.all(Array.from({ length: topicsAtOnce }, worker)).finally(release)
    return joined(
      answers,
      left.map(([topic]) => topic),
    )
  }

  async #ask(target: Target, [method, path, body]: Asking, stop: AbortSignal, bytesMax: number): Promise<Answer> {
    const { signal, release } = deadlineOf(stop, this.#limits.timeoutMs)
    try {
      const answer = await this.#send(target, method, path, body, signal)
      if (answer.statusCode === 200) return await this.#read(answer, signal, bytesMax)
      await answer.body.dump({ limit: 65_536 })
      return { ...nothing, failure: 'http_error', status: answer.statusCode, reason: `HTTP ${answer.statusCode}` }
    } catch (error) {
      return { ...nothing, ...failureOf(error, signal) }
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

  async #read({ body, headers }: Awaited<ReturnType<typeof request>>, signal: AbortSignal, bytesMax: number): Promise<Answer> {
    const chunks: Buffer[] = []
    let bytes = 0
    let isOver = false
    let trouble: { readonly failure: FetchFailure; readonly reason: string } | undefined
    try {
      for await (const chunk of decoded(body, headers['content-encoding'])) {
        const kept = (chunk as Buffer).subarray(0, bytesMax - bytes)
        chunks.push(kept)
        bytes += kept.length
        isOver = kept.length < (chunk as Buffer).length
        if (isOver) break
      }
    } catch (error) {
      trouble = failureOf(error, signal)
    }
    body.on('error', () => undefined).destroy()
    const envelope = readEnvelope(Buffer.concat(chunks).toString('utf8'))
    // A share is no limit of the runtime's: what had no room in it comes with the next answer.
    const isShort = isOver && bytesMax < this.#limits.bodyBytesMax
    if (isOver && !isShort) trouble = { failure: 'too_large', reason: `the answer is larger than ${bytesMax} bytes` }
    else if (!isShort) trouble ??= endTrouble(envelope)
    return { failure: trouble?.failure, status: 200, reason: trouble?.reason ?? '', envelope, bytes, isShort }
  }
}

/** What is wrong with an answer that came to its end. */
function endTrouble({ end }: Envelope): { readonly failure: FetchFailure; readonly reason: string } | undefined {
  if (end === 'cut') return { failure: 'unreachable', reason: 'the answer ends too early' }
  return end === 'malformed' ? { failure: 'invalid', reason: 'the answer is not JSON' } : undefined
}

type Body = Awaited<ReturnType<typeof request>>['body']

function decoded(body: Body, encoding: string | string[] | undefined): AsyncIterable<unknown> {
  if (encoding !== 'gzip' && encoding !== 'br') return body
  const stream = encoding === 'gzip' ? createGunzip() : createBrotliDecompress()
  body.on('error', (error) => stream.destroy(error))
  return body.pipe(stream)
}

/** The answers of one cycle in mode `per-topic` as one: of what failed, the first failure speaks. */
function joined(answers: readonly TopicAnswer[], unasked: readonly string[]): Fetched {
  const failed = answers.find(({ failure }) => failure !== undefined)
  const envelopes = answers.map(({ envelope }) => envelope).filter((each) => each !== undefined)
  const [first] = envelopes
  if (first === undefined) return failed ?? { ...nothing, failure: 'invalid', reason: 'nothing was asked' }
  const odd = envelopes.find(({ runtimeId, epoch }) => runtimeId !== first.runtimeId || epoch !== first.epoch)
  if (odd !== undefined)
    return { failure: 'invalid', status: 200, reason: 'the answers are of several logs', envelope: undefined }
  const short = answers.filter(({ isShort }) => isShort)
  const hasSome = ({ topic, envelope }: TopicAnswer) => (envelope?.topics.get(topic)?.messages.length ?? 0) > 0
  const envelope: Envelope = {
    runtimeId: first.runtimeId,
    epoch: first.epoch,
    topics: new Map(envelopes.flatMap((each) => [...each.topics])),
    end: failed === undefined && short.length + unasked.length === 0 ? 'whole' : 'cut',
    cutIn: envelopes.map((each) => each.cutIn).sort((a, b) => (b?.length ?? 0) - (a?.length ?? 0))[0],
  }
  const hungry = [...short.filter((each) => !hasSome(each)), ...short.filter(hasSome)].map(({ topic }) => topic)
  return {
    ...{ failure: failed?.failure, status: failed?.status ?? 200, reason: failed?.reason ?? '', envelope },
    hungry: [...unasked, ...hungry],
  }
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
