import type { ServerResponse } from 'node:http'
import { reaches } from '../jobs/queries/reach.ts'
import { type JobRecord, type ScopeEvent, stillOf, type TaskRecord } from '../jobs/records.ts'
import type { Frame } from './frame.ts'
import type { EndReason, LiveLimits } from './limits.ts'
import type { StreamWish } from './wish.ts'

const reconnectAfterMs = 2_000
const writeCharactersMax = 64 * 1024

/** One open stream. What a slow client cannot take is kept as the newest state of each thing, and never beyond the limit. */
export class LiveClient {
  readonly wish: StreamWish
  readonly #response: ServerResponse
  readonly #limits: LiveLimits
  readonly #onEnd: (client: LiveClient, reason: EndReason) => void
  readonly #pending = new Map<string, Frame>()
  readonly #ageTimer: NodeJS.Timeout
  #writeTimer: NodeJS.Timeout | undefined
  #isEnded = false
  /** Told when the client takes data again. */
  onDrain: () => void = () => undefined

  constructor(
    response: ServerResponse,
    wish: StreamWish,
    limits: LiveLimits,
    onEnd: (client: LiveClient, reason: EndReason) => void,
  ) {
    this.wish = wish
    this.#response = response
    this.#limits = limits
    this.#onEnd = onEnd
    this.#ageTimer = setTimeout(() => this.end('stream_age'), limits.streamMs).unref()
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    // The heartbeat keeps the connection alive; the server's limit on idle sockets does not apply to it.
    response.socket?.setTimeout(0)
    response.on('close', () => this.#finish('left'))
    response.on('error', () => this.#finish('left'))
    response.on('drain', () => this.#drained())
    this.write(`retry: ${reconnectAfterMs}\n\n`)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Whether what is written now would only pile up. */
  get isBlocked(): boolean {
    return this.#writeTimer !== undefined
  }

  /** Whether an event lies within what this client may see and asked for. */
  wants(event: ScopeEvent): boolean {
    const { reach, namespace, jobId } = this.wish
    if (event.kind === 'engine' || event.kind === 'engine-gone') return jobId === undefined
    const about = 'record' in event ? stillOf<TaskRecord | JobRecord>(event) : event
    if (!reaches(reach, about.namespace)) return false
    if (namespace !== undefined && namespace !== about.namespace) return false
    if (jobId !== undefined) return jobId === about.jobId
    // Tasks go to those who watch their job: a row of the list does not show them.
    return event.kind === 'job' || event.kind === 'job-gone'
  }

  /** Sends frames as fast as the client takes them; of several with one key that wait, the newest. */
  send(frames: readonly Frame[]): void {
    if (this.#isEnded || frames.length === 0) return
    // What a burst leaves for the next moment is shared with the other clients. What waits longer than that is this one's own.
    const isLate = this.#pending.size > 0
    for (const frame of frames) this.#pending.set(frame.key, frame)
    if (isLate && this.#waitingBytes() > this.#limits.unsentBytesMax) this.end('too_slow')
    else this.#flush()
  }

  write(text: string): void {
    if (this.#isEnded) return
    const hasRoom = this.#response.write(text)
    if (this.#response.writableLength > this.#limits.unsentBytesMax) this.end('too_slow')
    else if (!hasRoom) this.#writeTimer ??= setTimeout(() => this.end('write_timeout'), this.#limits.writeTimeoutMs).unref()
  }

  /** A comment, so that proxies and the client know that the line is open. */
  beat(): void {
    if (!this.isBlocked) this.write(': beat\n\n')
  }

  end(reason: EndReason): void {
    if (this.#isEnded) return
    this.#finish(reason)
    if (reason === 'too_slow' || reason === 'write_timeout') this.#response.destroy()
    else this.#response.end()
  }

  #flush(): void {
    while (this.#pending.size > 0 && !this.isBlocked && !this.#isEnded) {
      let text = ''
      for (const [key, frame] of this.#pending) {
        text += frame.text()
        this.#pending.delete(key)
        if (text.length >= writeCharactersMax) break
      }
      this.write(text)
    }
  }

  #waitingBytes(): number {
    let bytes = this.#response.writableLength
    for (const frame of this.#pending.values()) bytes += frame.text().length
    return bytes
  }

  #drained(): void {
    clearTimeout(this.#writeTimer)
    this.#writeTimer = undefined
    this.#flush()
    if (!this.isBlocked) this.onDrain()
  }

  #finish(reason: EndReason): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearTimeout(this.#writeTimer)
    clearTimeout(this.#ageTimer)
    this.#pending.clear()
    this.#onEnd(this, reason)
  }
}
