import { describe, expect, test } from 'vitest'
import { readEnvelope } from './envelope.ts'

const whole = JSON.stringify({
  runtimeId: 'r',
  epoch: 'e',
  more: [{ deep: ['"]}', 1] }],
  topics: {
    logs: {
      earliest: 'x',
      latest: null,
      messages: [
        { messageId: 'a', publishedAt: 5, message: { line: 'q"u\\o]te' } },
        { messageId: 'b', message: 17 },
      ],
    },
    empty: { messages: [] },
  },
})

test('an answer is read whole, with its messages as text', () => {
  const { topics, ...rest } = readEnvelope(whole)
  expect(rest).toEqual({ runtimeId: 'r', epoch: 'e', end: 'whole', cutIn: undefined })
  expect([...topics]).toEqual([
    [
      'logs',
      {
        earliest: 'x',
        latest: null,
        messages: [
          { messageId: 'a', publishedAt: 5, text: '{"line":"q\\"u\\\\o]te"}', isTooDeep: false },
          { messageId: 'b', publishedAt: undefined, text: '17', isTooDeep: false },
        ],
      },
    ],
    ['empty', { earliest: undefined, latest: undefined, messages: [] }],
  ])
})

test('wherever it is cut off, every complete message before is there, and no more', () => {
  const ends = ['a', 'b'].map((id) => whole.indexOf('}', whole.indexOf(`"messageId":"${id}"`)) + (id === 'a' ? 1 : 0))
  for (let length = 0; length < whole.length; length++) {
    const { end, topics } = readEnvelope(whole.slice(0, length))
    expect(end, `at ${length}`).toBe('cut')
    const ids = topics.get('logs')?.messages.map(({ messageId }) => messageId) ?? []
    expect(ids, `at ${length}`).toEqual(['a', 'b'].filter((_, i) => length > (ends[i] ?? 0)))
  }
})

test('the message of the cut is known by its id, and by how much of it there was', () => {
  const from = whole.indexOf('{"messageId":"b"')
  expect(readEnvelope(whole.slice(0, from + 28)).cutIn).toMatchObject({ topic: 'logs', messageId: 'b', length: 28 })
  expect(readEnvelope(whole.slice(0, from + 10)).cutIn).toBeUndefined()
})

test('a message that is nested too deeply is told, and those after it are read', () => {
  const deep = `${'['.repeat(33)}${']'.repeat(33)}`
  const { topics, end } = readEnvelope(
    `{"topics":{"logs":{"messages":[{"messageId":"a","message":${deep}},{"messageId":"b","message":${deep.slice(1, -1)}}]}}}`,
  )
  expect(end).toBe('whole')
  expect(topics.get('logs')?.messages.map(({ isTooDeep }) => isTooDeep)).toEqual([true, false])
})

describe('what is no JSON is malformed from there on', () => {
  test.each([
    '<html>',
    '[]',
    '{"a":}',
    '{"runtimeId":"r"}x',
    '{"topics":[]}',
    '{"topics":{"logs":{"messages":{}}}}',
    '{runtimeId:1}',
  ])('%s', (text) => {
    expect(readEnvelope(text).end).toBe('malformed')
  })

  test('a nesting without end needs no stack', () => {
    expect(readEnvelope(`{"a":${'['.repeat(200_000)}`).end).toBe('cut')
  })
})
