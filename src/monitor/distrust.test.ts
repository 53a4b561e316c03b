import { describe, expect, test } from 'vitest'
import { type Expected, freshTopic, judgeAnswer } from './distrust.ts'
import { readEnvelope } from './envelope.ts'

const epoch = '1764300000000'
const higher = '1764300000001'
const idOf = (number: number, of = epoch) => `${of}-${String(number).padStart(10, '0')}`

const readUpTo = (number: number, more: Partial<Expected> = {}): Expected => ({
  ...{ runtimeId: 'r', epoch, limitOf: () => 3, reset: 'earliest' },
  topics: new Map([['logs', { ...freshTopic('logs'), read: number === 0 ? null : idOf(number) }]]),
  ...more,
})

function answerOf(ids: readonly unknown[], more: Readonly<Record<string, unknown>>) {
  const { runtimeId = 'r', epoch: of = epoch, latest = idOf(99, String(of)) } = more
  const messages = ids.map((messageId) => ({ messageId, message: {} }))
  return readEnvelope(JSON.stringify({ runtimeId, epoch: of, topics: { logs: { earliest: null, latest, messages } } }))
}

/** Judges an answer with these ids in the topic `logs`. */
function judge(ids: readonly unknown[], expected: Expected, more: Readonly<Record<string, unknown>> = {}) {
  const news = judgeAnswer(answerOf(ids, more), expected)
  if ('refusal' in news) throw new Error(news.refusal)
  const [topic] = news.topics
  const taken = topic?.taken.map(({ messageId }) => Number(messageId.slice(14)))
  return { ...news, ...topic, taken, refused: topic?.refused.length }
}

describe('an answer is not believed at all', () => {
  test.each([
    ['of another runtime', { runtimeId: 'x' }],
    ['of a lower epoch', { epoch: '1764299999999' }],
    ['without an epoch', { epoch: 'now' }],
  ])('%s', (_what, more) => {
    expect(judgeAnswer(answerOf([], more), readUpTo(0))).toEqual({ refusal: expect.any(String) })
  })
})

describe('a topic is believed up to its first lie', () => {
  test.each<[string, readonly unknown[], readonly number[], number, string]>([
    ['ids that rise', [idOf(6), idOf(7)], [6, 7], 0, ''],
    ['one that does not', [idOf(6), idOf(6), idOf(7)], [6], 2, 'does not rise'],
    ['one that was asked past', [idOf(5)], [], 1, 'does not rise'],
    ['one of another epoch', [idOf(6), idOf(7, higher)], [6], 1, 'of another epoch'],
    ['one that is none', [17, idOf(6)], [], 2, 'is no message id'],
    ['more than was asked for', [6, 7, 8, 9].map((number) => idOf(number)), [6, 7, 8], 1, 'more than the 3'],
  ])('%s', (_what, ids, taken, refused, refusal) => {
    const found = judge(ids, readUpTo(5))
    expect([found.taken, found.refused]).toEqual([taken, refused])
    expect(found.refusal).toContain(refusal)
  })
})

test('what the log no longer had is lost, and known to be', () => {
  expect(judge([idOf(9), idOf(11)], readUpTo(5))).toMatchObject({ taken: [9, 11], lost: 4 })
  expect(judge([idOf(3)], readUpTo(0))).toMatchObject({ taken: [3], lost: 2 })
})

describe('a log that ends before what was read of it', () => {
  test.each([
    ['earliest', null],
    ['latest', idOf(2)],
  ] as const)('is read anew from its %s', (reset, restartAt) => {
    expect(judge([], readUpTo(5, { reset }), { latest: idOf(2) })).toMatchObject({ restartAt, taken: [] })
  })

  test('and is not when it has a higher epoch: it is another log', () => {
    expect(judge([idOf(1, higher)], readUpTo(5), { epoch: higher, latest: idOf(1, higher) })).toMatchObject({
      ...{ isNewEpoch: true, restartAt: undefined, taken: [1], lost: 0 },
    })
  })
})

test('an answer is full by what came, not by what was taken; one of lies alone is not', () => {
  expect(
    judge(
      [6, 7, 8].map((number) => idOf(number)),
      readUpTo(5),
    ).isFull,
  ).toBe(true)
  expect(judge([idOf(6), idOf(6), idOf(6)], readUpTo(5)).isFull).toBe(true)
  expect(judge([idOf(1), idOf(2), idOf(3)], readUpTo(5)).isFull).toBe(false)
  expect(judge([idOf(6)], readUpTo(5)).isFull).toBe(false)
})

test('a topic that is not in the answer is absent, one that was not asked for is not looked at', () => {
  const expected = readUpTo(0, { topics: new Map([['audit', freshTopic('audit')]]) })
  expect(judge([idOf(1)], expected)).toMatchObject({ absent: ['audit'], topics: [] })
})
