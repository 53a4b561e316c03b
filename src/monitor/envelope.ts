/** Reads a runtime's answer as far as it goes: every complete message before a cut counts, and none is trusted to be well-formed. */

/** A message as it stood in the answer. */
export type RawMessage = {
  readonly messageId: unknown
  readonly publishedAt: unknown
  /** JSON text of `message`; `undefined` when there was none. */
  readonly text: string | undefined
  readonly isTooDeep: boolean
}

export type RawTopic = { earliest: unknown; latest: unknown; readonly messages: RawMessage[] }

export type Envelope = {
  runtimeId: unknown
  epoch: unknown
  readonly topics: Map<string, RawTopic>
  /** `cut` = the text ends too early; `malformed` = it is no JSON from some point on. */
  end: 'whole' | 'cut' | 'malformed'
  /** The message in which the text ended, where its id was still read, and how much of it there was. */
  cutIn: { readonly topic: string; readonly messageId: unknown; readonly length: number } | undefined
}

const depthMax = 32

class Ended extends Error {
  readonly end: 'cut' | 'malformed'

  constructor(end: 'cut' | 'malformed') {
    super(end)
    this.end = end
  }
}

/** Never throws. @param text the body, perhaps only its beginning */
export function readEnvelope(text: string): Envelope {
  const envelope: Envelope = { runtimeId: undefined, epoch: undefined, topics: new Map(), end: 'whole', cutIn: undefined }
  const cursor = new Cursor(text)
  try {
    cursor.members((name) => {
      if (name === 'topics') readTopics(cursor, envelope)
      else if (name === 'runtimeId' || name === 'epoch') envelope[name] = cursor.value()
      else cursor.skip()
    })
    cursor.end()
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    envelope.end = error.end
  }
  return envelope
}

function readTopics(cursor: Cursor, envelope: Envelope): void {
  cursor.members((name) => {
    const topic: RawTopic = { earliest: undefined, latest: undefined, messages: [] }
    envelope.topics.set(name, topic)
    cursor.members((field) => {
      if (field === 'earliest' || field === 'latest') topic[field] = cursor.value()
      else if (field === 'messages') cursor.elements(() => topic.messages.push(readMessage(cursor, envelope, name)))
      else cursor.skip()
    })
  })
}

function readMessage(cursor: Cursor, envelope: Envelope, topic: string): RawMessage {
  let messageId: unknown
  let publishedAt: unknown
  let text: string | undefined
  let isTooDeep = false
  const from = cursor.at
  try {
    cursor.members((name) => {
      if (name === 'messageId') messageId = cursor.value()
      else if (name === 'publishedAt') publishedAt = cursor.value()
      else {
        const span = cursor.skip()
        if (name !== 'message') return
        text = span.text
        isTooDeep = span.depth > depthMax
      }
    })
  } catch (error) {
    if (messageId !== undefined) envelope.cutIn = { topic, messageId, length: cursor.length - from }
    throw error
  }
  return { messageId, publishedAt, text, isTooDeep }
}

const blanks = new Set([' ', '\n', '\r', '\t'])
const nesting: Readonly<Record<string, number>> = { '{': 1, '[': 1, '}': -1, ']': -1 }
const structure = new Set(['{', '[', '}', ']', ',', ':'])
const primitive = /[^\s,\]}]+/y

/** Longer than any id or time. */
const valueLengthMax = 1_024

/** Walks over JSON text without recursion over values that are not looked into. */
class Cursor {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get at(): number {
    return this.#at
  }

  get length(): number {
    return this.#text.length
  }

  members(read: (name: string) => void): void {
    this.#expect('{')
    if (this.#takes('}')) return
    do {
      const name = this.#string()
      this.#expect(':')
      read(name)
    } while (this.#takes(','))
    this.#expect('}')
  }

  elements(read: () => void): void {
    this.#expect('[')
    if (this.#takes(']')) return
    do read()
    while (this.#takes(','))
    this.#expect(']')
  }

  /** A short value. What is none is `undefined`. */
  value(): unknown {
    const { text } = this.skip()
    if (text.length > valueLengthMax) return undefined
    try {
      return JSON.parse(text)
    } catch {
      return undefined
    }
  }

  /** Passes over one value, well-formed within or not. */
  skip(): { readonly text: string; readonly depth: number } {
    const from = this.#begin()
    let depth = 0
    let deepest = 0
    do {
      depth += this.#pass(depth)
      deepest = Math.max(deepest, depth)
    } while (depth > 0)
    return { text: this.#text.slice(from, this.#at), depth: deepest }
  }

  /** Passes over one sign, text or number. @returns by how much the nesting changes */
  #pass(depth: number): number {
    const char = this.#peek()
    if (char === '"') this.#passString()
    else if (!structure.has(char)) this.#passPrimitive()
    else {
      const change = nesting[char] ?? 0
      if (depth === 0 && change <= 0) throw new Ended('malformed')
      this.#at++
      return change
    }
    return 0
  }

  end(): void {
    for (; this.#at < this.#text.length; this.#at++) if (!blanks.has(this.#text[this.#at] ?? '')) throw new Ended('malformed')
  }

  #string(): string {
    const from = this.#begin()
    if (this.#text[from] !== '"') throw new Ended('malformed')
    this.#passString()
    try {
      return String(JSON.parse(this.#text.slice(from, this.#at)))
    } catch {
      throw new Ended('malformed')
    }
  }

  #passString(): void {
    let at = this.#at + 1
    for (;;) {
      const quote = this.#text.indexOf('"', at)
      if (quote < 0) throw new Ended('cut')
      let slashes = 0
      while (this.#text[quote - 1 - slashes] === '\\') slashes++
      at = quote + 1
      if (slashes % 2 === 0) break
    }
    this.#at = at
  }

  #passPrimitive(): void {
    primitive.lastIndex = this.#at
    if (!primitive.test(this.#text)) throw new Ended('malformed')
    // A number at the very end may go on where the text was cut.
    if (primitive.lastIndex >= this.#text.length) throw new Ended('cut')
    this.#at = primitive.lastIndex
  }

  #begin(): number {
    this.#peek()
    return this.#at
  }

  /** The next character that is no blank. */
  #peek(): string {
    while (blanks.has(this.#text[this.#at] ?? '')) this.#at++
    const char = this.#text[this.#at]
    if (char === undefined) throw new Ended('cut')
    return char
  }

  #takes(char: string): boolean {
    if (this.#peek() !== char) return false
    this.#at++
    return true
  }

  #expect(char: string): void {
    if (!this.#takes(char)) throw new Ended('malformed')
  }
}
