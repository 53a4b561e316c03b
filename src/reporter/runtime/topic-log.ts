/** What became of a message: a monitor asked past it, or it had to make room unread. */
export type MessageFate = 'taken' | 'lost'

/** One message of a topic. Its number and bytes never change. */
export type Message = {
  readonly number: number
  /** epoch milliseconds */
  readonly publishedAt: number
  /** JSON text */
  readonly bytes: Buffer
  /** Told once, when it is known. */
  readonly onFate: ((fate: MessageFate) => void) | undefined
}

/** The messages between two bounds, as they were at one moment. */
export type TopicView = {
  /** The oldest number that is kept and the newest; undefined where nothing is kept. */
  readonly earliest: number | undefined
  readonly latest: number | undefined
  readonly messages: readonly Message[]
}

const messageOverheadBytes = 160

/** One topic, or one partition of it: numbered from 1 without holes, the oldest go first. */
export class TopicLog {
  readonly name: string
  #messages: (Message | undefined)[] = []
  #head = 0
  #latest = 0
  #taken = 0
  bytes = 0

  constructor(name: string) {
    this.name = name
  }

  get size(): number {
    return this.#messages.length - this.#head
  }

  /** The highest number that a monitor has asked past. */
  get taken(): number {
    return this.#taken
  }

  /** Messages that no monitor has asked past yet. */
  get waiting(): number {
    return this.#latest - Math.max(this.#taken, this.#latest - this.size)
  }

  append(bytes: Buffer, publishedAt: number, onFate: Message['onFate']): Message {
    const message = { number: ++this.#latest, publishedAt, bytes, onFate }
    this.#messages.push(message)
    this.bytes += bytes.length + messageOverheadBytes
    return message
  }

  /** Removes the oldest message. @returns whether it was lost: no monitor had asked past it. */
  trimOldest(): boolean {
    const oldest = this.#messages[this.#head]
    if (oldest === undefined) return false
    this.#messages[this.#head] = undefined
    this.#head++
    this.bytes -= oldest.bytes.length + messageOverheadBytes
    if (this.#head > 64 && this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head)
      this.#head = 0
    }
    const isLost = oldest.number > this.#taken
    if (isLost) oldest.onFate?.('lost')
    return isLost
  }

  /** What is kept after a number: at most `countMax` messages of `bytesMax` together, but one in any case if it fits `roomBytes`. */
  after(number: number, countMax: number, bytesMax: number, roomBytes: number): TopicView {
    const messages: Message[] = []
    let bytes = 0
    const from = this.#head + Math.max(0, Math.min(number, this.#latest) - this.#trimmed)
    for (let at = from; at < this.#messages.length && messages.length < countMax; at++) {
      const message = this.#messages[at] as Message
      bytes += message.bytes.length + messageOverheadBytes
      if (bytes > (messages.length === 0 ? roomBytes : bytesMax)) break
      messages.push(message)
    }
    const isEmpty = this.size === 0
    return { earliest: isEmpty ? undefined : this.#trimmed + 1, latest: isEmpty ? undefined : this.#latest, messages }
  }

  /** A monitor asked for what comes after this number: what stands up to it has arrived. @returns how many that are now */
  take(number: number): number {
    if (number <= this.#taken || number > this.#latest) return 0
    const from = Math.max(this.#taken, this.#trimmed)
    this.#taken = number
    for (let next = from + 1; next <= number; next++) this.#messages[this.#head + next - this.#trimmed - 1]?.onFate?.('taken')
    return Math.max(0, number - from)
  }

  get #trimmed(): number {
    return this.#latest - this.size
  }
}
