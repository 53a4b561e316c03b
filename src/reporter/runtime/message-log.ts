import { type Problems, textOf } from '../problems.ts'
import { type MessagePlace, messageIdOf } from './message-id.ts'
import type { RuntimeSettings } from './settings.ts'
import { type MessageFate, TopicLog, type TopicView } from './topic-log.ts'
import { partitionNames, type TopicPartitions } from './topics.ts'

/** What is asked of one topic. */
export type TopicQuery = { readonly topic: string; readonly after: MessagePlace | undefined; readonly limit: number }

/** One topic's part of an answer. */
export type TopicAnswer = TopicView & { readonly topic: string }

export type MessageLogStats = {
  /** Messages published since the runtime began. */
  readonly published: number
  /** Messages that a monitor has asked past. */
  readonly taken: number
  /** Messages that had to make room before a monitor asked past them. */
  readonly lost: number
  /** Messages that were refused: too large, no JSON, unknown topic. */
  readonly refused: number
  readonly keptMessages: number
  readonly keptBytes: number
}

/** All messages of a runtime, by topic, bounded. */
export class MessageLog {
  readonly epoch: string
  readonly #topics: TopicPartitions
  readonly #logs: ReadonlyMap<string, TopicLog>
  readonly #settings: RuntimeSettings
  readonly #problems: Problems
  #bytes = 0
  #published = 0
  #taken = 0
  #lost = 0
  #refused = 0

  constructor(epoch: string, topics: TopicPartitions, settings: RuntimeSettings, problems: Problems) {
    this.epoch = epoch
    this.#topics = topics
    this.#logs = new Map(partitionNames(topics).map((name) => [name, new TopicLog(name)]))
    this.#settings = settings
    this.#problems = problems
  }

  has(name: string): boolean {
    return this.#logs.has(name)
  }

  /** Whether every message was asked past by a monitor. */
  get isTaken(): boolean {
    for (const log of this.#logs.values()) if (log.waiting > 0) return false
    return true
  }

  /** Writes a message as JSON and publishes it. @returns its id; undefined where it was refused, which is told and counted */
  write(topic: string, message: unknown, key = ''): string | undefined {
    try {
      const json: string | undefined = JSON.stringify(message)
      if (json !== undefined) return this.publish(topic, Buffer.from(json), key, undefined)
      return this.#refuse('MESSAGE_UNREADABLE', `a message for ${topic} has no JSON and is not published`)
    } catch (error) {
      return this.#refuse('MESSAGE_UNREADABLE', `a message for ${topic} cannot be written as JSON: ${textOf(error)}`)
    }
  }

  /**
   * Publishes a message that is JSON already.
   * @param key all messages of one key go to one partition
   */
  publish(topic: string, bytes: Buffer, key: string, onFate: ((fate: MessageFate) => void) | undefined): string | undefined {
    const log = this.#partition(topic, key)
    if (log === undefined)
      return this.#refuse('TOPIC_UNKNOWN', 'a message for a topic this runtime does not have is not published')
    const { messageBytesMax, topicMessagesMax, keptBytesMax } = this.#settings
    if (bytes.length > messageBytesMax) {
      return this.#refuse(
        'MESSAGE_TOO_LARGE',
        `a message for ${topic} has more than ${messageBytesMax} bytes and is not published`,
      )
    }
    const bytesBefore = log.bytes
    const { number } = log.append(bytes, Date.now(), onFate)
    this.#bytes += log.bytes - bytesBefore
    this.#published++
    while (log.size > topicMessagesMax) this.#trim(log)
    for (let largest = this.#largest(); this.#bytes > keptBytesMax && largest !== undefined; largest = this.#largest()) {
      this.#trim(largest)
    }
    return messageIdOf(this.epoch, number)
  }

  /** What a monitor gets for its queries, all as of one moment, in the order of the topics; what it asks past has arrived. */
  read(queries: readonly TopicQuery[]): TopicAnswer[] {
    const byTopic = new Map(queries.map((query) => [query.topic, query]))
    const known = [...this.#logs.keys()].flatMap((name) => byTopic.get(name) ?? [])
    const unknown = queries.filter(({ topic }) => !this.#logs.has(topic))
    let roomBytes = this.#settings.answerBytesMax
    const answers = known.map((query, index) => {
      const answer = this.#readOne(query, roomBytes / (known.length - index), roomBytes)
      roomBytes -= answer.messages.reduce((sum, { bytes }) => sum + bytes.length, 0)
      return answer
    })
    return [...unknown.map(({ topic }) => ({ topic, earliest: undefined, latest: undefined, messages: [] })), ...answers]
  }

  stats(): MessageLogStats {
    let keptMessages = 0
    for (const log of this.#logs.values()) keptMessages += log.size
    const counts = { published: this.#published, taken: this.#taken, lost: this.#lost, refused: this.#refused }
    return { ...counts, keptMessages, keptBytes: this.#bytes }
  }

  #readOne({ topic, after, limit }: TopicQuery, shareBytes: number, roomBytes: number): TopicAnswer {
    const log = this.#logs.get(topic) as TopicLog
    if (after?.epoch === this.epoch) this.#taken += log.take(after.number)
    return { topic, ...log.after(this.#numberOf(after), limit, shareBytes, roomBytes) }
  }

  /** Ids sort as texts: those of an earlier log are before everything here, those of a later one after everything. */
  #numberOf(after: MessagePlace | undefined): number {
    if (after === undefined || after.epoch < this.epoch) return 0
    return after.epoch === this.epoch ? after.number : Number.POSITIVE_INFINITY
  }

  #partition(topic: string, key: string): TopicLog | undefined {
    const partitions = this.#topics.get(topic)
    if (partitions === undefined || partitions === 0) return this.#logs.get(topic)
    return this.#logs.get(`${topic}:${hashOf(key) % partitions}`)
  }

  #trim(log: TopicLog): void {
    const bytesBefore = log.bytes
    if (log.trimOldest()) {
      this.#lost++
      this.#problems.tell('MESSAGES_LOST', `messages of ${log.name} made room before a monitor had fetched them`)
    }
    this.#bytes += log.bytes - bytesBefore
  }

  /** The newest message of a topic stays: without it a monitor could not see that anything is missing. */
  #largest(): TopicLog | undefined {
    let largest: TopicLog | undefined
    for (const log of this.#logs.values()) if (log.size > 1 && log.bytes > (largest?.bytes ?? 0)) largest = log
    return largest
  }

  #refuse(code: string, message: string): undefined {
    this.#refused++
    this.#problems.tell(code, message)
  }
}

/** FNV-1a: spreads keys, and gives the same partition in every runtime. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
