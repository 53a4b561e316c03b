import type { ClientRequest, IncomingMessage } from 'node:http'
import { isLines, lineLengthMax, parsedLine, readLines, unansweredMax } from './lines.ts'
import { type MemberAnswer, retryAfterOf } from './member-answer.ts'

type Waiting = {
  readonly untilMs: number
  readonly resolve: (answer: MemberAnswer) => void
  readonly reject: (error: Error) => void
}

export type SentLinesOptions = {
  /** How long one message may wait for its answer. */
  readonly timeoutMs: number
  /** How long messages are given to one request. Shorter than what a door of ours grants a request, which is 60 s. */
  readonly openMs: number
  /** No further message goes here. `isRefused`: it came to nothing from the start. */
  readonly onClosed: (isRefused: boolean) => void
}

/**
 * A request of lines that is sent. It takes messages once the other side has begun to answer, and is ended after a while, when all
 * are answered; it is gone at once with whatever breaks it, as the connection of a request of its own would be.
 */
export class SentLines {
  readonly #request: ClientRequest
  readonly #options: SentLinesOptions
  readonly #waiting = new Map<number, Waiting>()
  /** Until it is opened, then until it is closed, then until it is gone. */
  #stageTimer: NodeJS.Timeout
  #answerTimer: NodeJS.Timeout | undefined
  #lastId = 0
  #isOpen = false
  #isClosed = false
  #isSilent = false

  /** @param request not sent yet */
  constructor(request: ClientRequest, options: SentLinesOptions) {
    this.#request = request
    this.#options = options
    this.#stageTimer = setTimeout(() => this.#break(new Error('the lines were not opened')), options.timeoutMs).unref()
    request.on('error', (error) => this.#break(error))
    request.on('close', () => this.#break(new Error('the connection was closed without an answer')))
    request.on('response', (response) => this.#begin(response))
    request.flushHeaders()
  }

  /** Whether a message of so many characters may go here now. */
  hasRoomFor(length: number): boolean {
    const isFree = this.#isOpen && !this.#isClosed && !this.#request.writableNeedDrain
    return isFree && length < lineLengthMax - envelopeLength && this.#waiting.size < unansweredMax
  }

  /** @param json of the message; there must be room for it. Rejects when no answer came */
  post(json: string): Promise<MemberAnswer> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      this.#waiting.set(id, { untilMs: performance.now() + this.#options.timeoutMs, resolve, reject })
      this.#answerTimer ??= setTimeout(() => this.#expire(), this.#options.timeoutMs)
      this.#request.write(`{"id":${id},"body":${json}}\n`)
    })
  }

  #begin(response: IncomingMessage): void {
    if (response.statusCode !== 200 || !isLines(response)) {
      this.#close(true)
      this.#request.destroy()
      return
    }
    this.#isOpen = true
    this.#nextStage(() => this.#close(false), this.#options.openMs)
    response.on('error', (error) => this.#break(error))
    response.on('end', () => this.#break(new Error('the connection was closed without an answer')))
    readLines(
      response,
      (line) => this.#hear(line),
      () => this.#break(new Error('an answer is too long')),
    )
  }

  #hear(line: string): void {
    const answer = parsedLine(line)
    const [id, status] = [answer?.['id'], answer?.['status']]
    if (answer === undefined || (typeof id !== 'number' && id !== null) || !Number.isInteger(status)) {
      this.#break(new Error(`the lines are none: ${line.slice(0, 300)}`))
      return
    }
    // The other side ends them, once it has answered what it took.
    if (id === null) this.#close(false)
    else this.#settle(id, answer)
  }

  #settle(id: number, { status, body, headers = {} }: Readonly<Record<string, unknown>>): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    const retryAfterMs = retryAfterOf(headers as Readonly<Record<string, string>>)
    waiting.resolve({ status: Number(status), body, retryAfterMs })
    if (this.#isClosed) this.#endIfDone()
  }

  /** Rejects what has waited too long. Who does not answer in time gets no further message here. */
  #expire(): void {
    const nowMs = performance.now()
    this.#answerTimer = undefined
    for (const [id, { untilMs, reject }] of this.#waiting) {
      if (untilMs > nowMs) {
        this.#answerTimer = setTimeout(() => this.#expire(), untilMs - nowMs)
        break
      }
      this.#waiting.delete(id)
      this.#isSilent = true
      reject(new Error(`no answer within ${this.#options.timeoutMs} ms`))
    }
    if (this.#isSilent) this.#close(false)
  }

  /** Takes no further message. What was sent may still be answered. */
  #close(isRefused: boolean): void {
    if (!this.#isClosed) {
      this.#isClosed = true
      clearTimeout(this.#stageTimer)
      this.#options.onClosed(isRefused)
    }
    this.#endIfDone()
  }

  #endIfDone(): void {
    if (this.#waiting.size > 0 || this.#request.writableEnded) return
    clearTimeout(this.#answerTimer)
    if (this.#isSilent || !this.#isOpen) this.#request.destroy()
    else {
      this.#request.end()
      this.#nextStage(() => this.#request.destroy(), this.#options.timeoutMs)
    }
  }

  #nextStage(after: () => void, ms: number): void {
    clearTimeout(this.#stageTimer)
    this.#stageTimer = setTimeout(after, ms).unref()
  }

  #break(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#close(!this.#isOpen)
    clearTimeout(this.#stageTimer)
    this.#request.destroy()
  }
}

/** Characters of a line around its message, with a number of any length. */
const envelopeLength = 64
