import { describe, expect, test } from 'vitest'
import { freshTopic } from './distrust.ts'
import { readEnvelope } from './envelope.ts'
import type { Fetched } from './fetcher.ts'
import { newsOf } from './poll-news.ts'

const epoch = '1764300000000'
const idOf = (number: number, of = epoch) => `${of}-${String(number).padStart(10, '0')}`
const topics = new Map(
  ['task.running', 'logs'].map((topic) => [topic, { ...freshTopic(topic), read: idOf(5), committed: idOf(5) }]),
)
const run = { runtimeId: 'r', namespace: 'a', engineType: 'cdap', epoch, statuses: new Map(), program: undefined }

const aMessage = (id: unknown, text = 'short') => `{"messageId":${JSON.stringify(id)},"message":"${text}"}`
/** What was fetched: messages by topic, the last of which are cut off. */
function fetched(text: string, more: Partial<Fetched> = {}): Fetched {
  const envelope = readEnvelope(`{"runtimeId":"r","epoch":"${epoch}","topics":{${text}`)
  return { failure: 'too_large', status: 200, reason: 'too large', envelope, ...more }
}
const topicText = (topic: string, messages: string) =>
  `"${topic}":{"earliest":"${idOf(1)}","latest":"${idOf(9)}","messages":[${messages}`
const cutMessage = (id: unknown, length = 50) => `{"messageId":${JSON.stringify(id)},"message":"${'x'.repeat(length)}`

/** Topic → numbers taken; or `failed`. */
function judged(given: Fetched) {
  const found = newsOf(given, { run, topics }, 'earliest')
  if ('failed' in found) return 'failed'
  return Object.fromEntries(
    found.news.topics.map(({ topic, taken }) => [topic, taken.map(({ messageId }) => Number(messageId.slice(14)))]),
  )
}

describe('a message in which an answer that is too large was cut off', () => {
  test('is passed over where nothing else was in the answer', () => {
    const found = newsOf(fetched(topicText('logs', cutMessage(idOf(6)))), { run, topics }, 'earliest')
    if ('failed' in found) throw new Error('it failed')
    expect(found).toMatchObject({ outcome: 'too_large', isEmpty: false, isFull: true })
    expect(found.news.topics[0]).toMatchObject({ taken: [{ messageId: idOf(6), raw: { text: undefined } }], lost: 0 })
  })

  test('comes again where others had taken the room', () => {
    const before = `${topicText('task.running', aMessage(idOf(6)))}]},`
    expect(judged(fetched(`${before}${topicText('logs', cutMessage(idOf(6)))}`))).toEqual({ 'task.running': [6], logs: [] })
  })

  test('is passed over all the same where what came of it is more than a message may have', () => {
    const text = `${topicText('task.running', aMessage(idOf(6)))}]},${topicText('logs', cutMessage(idOf(6), 1_100_000))}`
    expect(judged(fetched(text))).toEqual({ 'task.running': [6], logs: [6] })
    expect(judged(fetched(text, { failure: undefined, hungry: ['logs'] }))).toEqual({ 'task.running': [6], logs: [6] })
  })

  test('leaves the gap before it as lost', () => {
    const found = newsOf(fetched(topicText('logs', cutMessage(idOf(8)))), { run, topics }, 'earliest')
    expect('news' in found && found.news.topics[0]?.lost).toBe(2)
  })

  test.each([
    ['no id', 'nonsense'],
    ['a number', 17],
    ['an object', { evil: true }],
    ['an id of another epoch', idOf(6, '1764300000001')],
    ['an id that does not rise', idOf(5)],
    ['an id of 0', idOf(0)],
    ['a field of the store', 'x'.repeat(200)],
  ])('%s becomes no offset: the poll has failed', (_what, id) => {
    expect(judged(fetched(topicText('logs', cutMessage(id))))).toBe('failed')
    expect(judged(fetched(topicText('logs', cutMessage(id, 1_100_000))))).toBe('failed')
  })

  test('of a topic that was not asked for is no success', () => {
    expect(judged(fetched(topicText('strange', cutMessage(idOf(6), 1_100_000))))).toBe('failed')
  })

  test('is not taken behind a lie', () => {
    const text = topicText('logs', `${aMessage(idOf(6))},${aMessage(idOf(6))},${cutMessage(idOf(7), 1_100_000)}`)
    expect(judged(fetched(text))).toEqual({ logs: [6] })
  })
})

test('topics that had no room are no failure, and are asked for at once', () => {
  const found = newsOf(
    fetched(`${topicText('logs', aMessage(idOf(6)))}]}}}`, { failure: undefined, hungry: ['x'] }),
    { run, topics },
    'earliest',
  )
  expect(found).toMatchObject({ outcome: 'ok', isFull: true, isEmpty: false, problem: undefined })
})

test.each([
  ['timeout', 'partial'],
  ['unreachable', 'partial'],
] as const)('what came before a %s is news, and the poll is %s', (failure, outcome) => {
  const text = topicText('logs', `${aMessage(idOf(6))},${cutMessage(idOf(7))}`)
  expect(newsOf(fetched(text, { failure }), { run, topics }, 'earliest')).toMatchObject({ outcome, isFull: false })
  expect(judged(fetched(text, { failure }))).toEqual({ logs: [6] })
})
