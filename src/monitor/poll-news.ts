/** What a poll has brought: news to commit, or a failure. Pure. */
import { judgeAnswer, type News, type TopicNews } from './distrust.ts'
import type { Fetched } from './fetcher.ts'
import type { FollowedRun } from './followed-run.ts'
import { limitOf } from './topics.ts'

export type PollNews = {
  readonly news: Extract<News, { epoch: string }>
  /** How the poll counts. */
  readonly outcome: string
  /** The whole answer has come, and there was nothing in it. */
  readonly isEmpty: boolean
  /** Why the answer ended too early. */
  readonly problem: string | undefined
}

/** Judges what was fetched. What came before an answer broke off is news as any other. */
export function newsOf(
  fetched: Fetched,
  { run, topics }: Pick<FollowedRun, 'run' | 'topics'>,
  reset: 'earliest' | 'latest',
): PollNews | { readonly failed: Fetched } {
  const { failure, envelope, reason } = fetched
  if (envelope === undefined || (failure !== undefined && envelope.runtimeId === undefined)) return { failed: fetched }
  const expected = { runtimeId: run.runtimeId, epoch: run.epoch === '' ? undefined : run.epoch, topics, limitOf, reset }
  const news = judgeAnswer(envelope, expected)
  if ('refusal' in news) return { failed: { ...fetched, failure: 'invalid', reason: news.refusal } }
  const count = news.topics.reduce((sum, { taken, refused }) => sum + taken.length + refused.length, 0)
  const oversized = failure === 'too_large' && count === 0 ? envelope.cutIn : undefined
  if (failure !== undefined && count === 0 && oversized === undefined) return { failed: fetched }
  return {
    news: oversized === undefined ? news : { ...news, topics: withOversized(news.topics, oversized) },
    outcome: outcomeOf(failure, count),
    isEmpty: count === 0 && failure === undefined,
    problem: failure === undefined ? undefined : reason,
  }
}

/** The word for a poll that has brought something, or at least an answer. */
function outcomeOf(failure: Fetched['failure'], count: number): string {
  if (failure === undefined) return count === 0 ? 'empty' : 'ok'
  return failure === 'too_large' ? failure : 'partial'
}

/** One message alone that is larger than an answer may be, as one without a text: it is refused, and passed over. */
function withOversized(
  topics: readonly TopicNews[],
  cutIn: { readonly topic: string; readonly messageId: unknown },
): TopicNews[] {
  const raw = { messageId: cutIn.messageId, publishedAt: undefined, text: undefined, isTooDeep: false }
  return topics.map((each) =>
    each.topic === cutIn.topic ? { ...each, taken: [{ messageId: String(cutIn.messageId), raw }], isFull: true } : each,
  )
}
