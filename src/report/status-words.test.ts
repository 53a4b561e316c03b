import { describe, expect, test } from 'vitest'
import { foldWord, statusOf, statusWords } from './status-words.ts'

const words = Object.entries(statusWords).flatMap(([source, table]) =>
  Object.entries(table).map(([word, status]) => [source, word, status] as const),
)

describe('status words', () => {
  test.each(words)('%s says %s and means %s, however it is spelt', (_source, word, status) => {
    const spellings = [word, word.toUpperCase(), word.toLowerCase(), [...word].join('_'), [...word].join('-'), ` ${word} `]
    expect(spellings.map(statusOf)).toEqual(spellings.map(() => status))
  })

  test('no word means two things', () => {
    const meanings = new Map<string, Set<string>>()
    for (const [, word, status] of words) {
      const key = foldWord(word)
      meanings.set(key, (meanings.get(key) ?? new Set()).add(status))
    }
    expect([...meanings].filter(([, statuses]) => statuses.size > 1)).toEqual([])
  })

  test.each(['lost', 'LOST', '', ' ', 'Busy', '__proto__', 'constructor', 'toString', 'x'.repeat(1_000)])(
    'a word of no table is unknown: %s',
    (word) => {
      expect(statusOf(word)).toBeUndefined()
    },
  )

  test('a flood of unknown words is not remembered, and known ones still are known', () => {
    for (let i = 0; i < 10_000; i++) statusOf(`word-${i}`)
    expect(statusOf('wait for retry')).toBe('waiting_for_retry')
  })
})
