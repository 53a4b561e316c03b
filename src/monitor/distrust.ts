/** What of a runtime's answer is believed. Pure. */
import type { Envelope, RawMessage, RawTopic } from './envelope.ts'
import { isEpoch, messageIdText, numberOf, readMessageId } from './message-id.ts'

/** How far one topic has been read, and what of it is stored. */
export type TopicState = {
  readonly topic: string
  /** Last message whose effects are in the store, and which will not be asked for again. */
  committed: string | null
  /** Last message read; ahead of `committed` while a terminal status is held back. */
  read: string | null
  latest: string | null
  /** How often the log was lost under the same epoch: its numbers began anew. */
  generation: number
}

/** A topic of which nothing was read yet. */
export const freshTopic = (topic: string): TopicState => ({ topic, committed: null, read: null, latest: null, generation: 0 })

export type Taken = { readonly messageId: string; readonly raw: RawMessage }

export type TopicNews = {
  readonly topic: string
  readonly taken: readonly Taken[]
  /** Messages after the first that lies, it included. */
  readonly refused: readonly RawMessage[]
  readonly refusal: string
  /** Messages that the log no longer had. */
  readonly lost: number
  /** The log was lost: it is read anew from here (`null` = from its first message). */
  readonly restartAt: string | null | undefined
  readonly latest: string | null | undefined
  /** Number of the last message taken, now or before. */
  readonly readNumber: number
  readonly isFull: boolean
}

export type News =
  | { readonly refusal: string }
  | {
      readonly epoch: string
      readonly isNewEpoch: boolean
      readonly topics: readonly TopicNews[]
      /** Topics that the answer has nothing of. */
      readonly absent: readonly string[]
    }

export type Expected = {
  readonly runtimeId: string
  readonly epoch: string | undefined
  readonly topics: ReadonlyMap<string, TopicState>
  readonly limitOf: (topic: string) => number
  readonly reset: 'earliest' | 'latest'
}

/** Judges an answer against what was asked. */
export function judgeAnswer(envelope: Envelope, expected: Expected): News {
  const refusal = refusalOfAnswer(envelope, expected)
  if (refusal !== undefined) return { refusal }
  const epoch = String(envelope.epoch)
  const isNewEpoch = expected.epoch !== undefined && epoch > expected.epoch
  const topics: TopicNews[] = []
  const absent: string[] = []
  for (const [name, state] of expected.topics) {
    const raw = envelope.topics.get(name)
    if (raw === undefined) absent.push(name)
    else topics.push(judgeTopic(name, raw, isNewEpoch ? null : state.read, epoch, expected))
  }
  return { epoch, isNewEpoch, topics, absent: envelope.end === 'whole' ? absent : [] }
}

function refusalOfAnswer({ runtimeId, epoch }: Envelope, expected: Expected): string | undefined {
  if (runtimeId !== expected.runtimeId) return `the answer is of the runtime ${echo(runtimeId)}`
  if (!isEpoch(epoch)) return `${echo(epoch)} is no epoch`
  if (expected.epoch !== undefined && epoch < expected.epoch) return `the epoch ${epoch} is lower than ${expected.epoch}`
  return undefined
}

function judgeTopic(topic: string, raw: RawTopic, asked: string | null, epoch: string, expected: Expected): TopicNews {
  const latest = latestOf(raw.latest, epoch)
  const limit = expected.limitOf(topic)
  const none = { topic, taken: [], refused: [], refusal: '', lost: 0, latest, readNumber: numberOf(asked), isFull: false }
  if (asked !== null && latest !== undefined && numberOf(latest) < numberOf(asked))
    return { ...none, restartAt: expected.reset === 'latest' ? latest : null }
  const { taken, refused, refusal, lost } = takePrefix(raw.messages, asked, epoch, limit)
  const highest = taken.at(-1)?.messageId ?? asked
  // A log that gives more than it says it has is believed in what it gave.
  const believed = latest !== undefined && numberOf(latest) < numberOf(highest) ? highest : latest
  return {
    topic,
    taken,
    refused,
    refusal,
    lost,
    restartAt: undefined,
    latest: believed,
    readNumber: numberOf(highest),
    isFull: taken.length > 0 && raw.messages.length >= limit,
  }
}

function takePrefix(messages: readonly RawMessage[], asked: string | null, epoch: string, limit: number) {
  const taken: Taken[] = []
  let before = numberOf(asked)
  let lost = 0
  for (const [i, raw] of messages.entries()) {
    const refusal = i >= limit ? `more than the ${limit} asked for` : refusalOf(raw.messageId, before, epoch)
    if (refusal !== undefined) return { taken, refused: messages.slice(i), refusal, lost }
    const number = readMessageId(raw.messageId)?.number ?? 0
    lost += number - before - 1
    before = number
    taken.push({ messageId: String(raw.messageId), raw })
  }
  return { taken, refused: [], refusal: '', lost }
}

function refusalOf(messageId: unknown, before: number, epoch: string): string | undefined {
  const id = readMessageId(messageId)
  if (id === undefined) return `${echo(messageId)} is no message id`
  if (id.epoch !== epoch) return `${echo(messageId)} is of another epoch than ${epoch}`
  if (id.number <= before) return `${echo(messageId)} does not rise`
  return undefined
}

/** `undefined` where the answer says nothing that can be used; an empty log has none. */
function latestOf(latest: unknown, epoch: string): string | null | undefined {
  if (latest === null) return null
  const id = readMessageId(latest)
  return id?.epoch === epoch ? messageIdText(id) : undefined
}

const echo = (value: unknown) => JSON.stringify(value)?.slice(0, 64) ?? 'nothing'
