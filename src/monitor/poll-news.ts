/** What a poll has brought: news to commit, or a failure. Pure. */
import { judgeAnswer, type News, type TopicNews } from './distrust.ts'
import type { Envelope } from './envelope.ts'
import type { Fetched } from './fetcher.ts'
import type { FollowedRun } from './followed-run.ts'
import { messageIdText, readMessageId } from './message-id.ts'
import { messageLengthMax } from './message-reader.ts'
import { limitOf } from './topics.ts'

export type PollNews = {
  readonly news: Extract<News, { epoch: string }>
  /** How the poll counts. */
  readonly outcome: string
  /** The whole answer has come, and there was nothing in it. */
  readonly isEmpty: boolean
  /** There is surely more, which had no room in this answer. */
  readonly isFull: boolean
  /** Why the answer ended too early. */
  readonly problem: string | undefined
}

/** Judges what was fetched. What came before an answer broke off is news as any other. */
export function newsOf(
  fetched: Fetched,
  { run, topics }: Pick<FollowedRun, 'run' | 'topics'>,
  reset: 'earliest' | 'latest',
): PollNews | { readonly failed: Fetched } {
  const { failure, envelope, reason, hungry = [] } = fetched
  if (envelope === undefined || (failure !== undefined && envelope.runtimeId === undefined)) return { failed: fetched }
  const expected = { runtimeId: run.runtimeId, epoch: run.epoch === '' ? undefined : run.epoch, topics, limitOf, reset }
  const judged = judgeAnswer(envelope, expected)
  if ('refusal' in judged) return { failed: { ...fetched, failure: 'invalid', reason: judged.refusal } }
  const isShort = failure === 'too_large' || hungry.length > 0
  const news = isShort ? { ...judged, topics: withOversized(judged, envelope, failure === 'too_large') } : judged
  const count = news.topics.reduce((sum, { taken, refused }) => sum + taken.length + refused.length, 0)
  if (failure !== undefined && count === 0) return { failed: fetched }
  return {
    news,
    outcome: outcomeOf(failure, count, hungry.length > 0),
    isEmpty: count === 0 && failure === undefined && hungry.length === 0,
    isFull: isShort || news.topics.some((each) => each.isFull),
    problem: failure === undefined ? undefined : reason,
  }
}

/** The word for a poll that has brought something, or at least an answer. */
function outcomeOf(failure: Fetched['failure'], count: number, isHungry: boolean): string {
  if (failure === undefined) return count > 0 ? 'ok' : isHungry ? 'partial' : 'empty'
  return failure === 'too_large' ? failure : 'partial'
}

/**
 * A message in which the answer was cut off, as one without a text, where it is larger than a message or an answer may be: it is
 * refused, and passed over. Otherwise it is one that comes whole next time.
 * @param isWhole there was no room for more in the answer, whoever else had been asked
 */
function withOversized(
  { topics, epoch }: Extract<News, { epoch: string }>,
  { cutIn, topics: answers }: Envelope,
  isWhole: boolean,
): readonly TopicNews[] {
  const id = readMessageId(cutIn?.messageId)
  if (cutIn === undefined || id?.epoch !== epoch) return topics
  const isAlone = isWhole && topics.every(({ taken, refused }) => taken.length + refused.length === 0)
  if (cutIn.length <= messageLengthMax && !isAlone) return topics
  const raw = { messageId: cutIn.messageId, publishedAt: undefined, text: undefined, isTooDeep: false }
  return topics.map((each) => {
    // Judged as the last message of its topic would be: it must rise, and be within what was asked for.
    const isNext = each.topic === cutIn.topic && each.refused.length === 0 && each.restartAt === undefined
    const answer = answers.get(each.topic)
    if (!isNext || answer === undefined || id.number <= each.readNumber || answer.messages.length >= limitOf(each.topic))
      return each
    const lost = each.lost + id.number - each.readNumber - 1
    return { ...each, taken: [...each.taken, { messageId: messageIdText(id), raw }], lost, readNumber: id.number }
  })
}
