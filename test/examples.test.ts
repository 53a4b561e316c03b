import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sieve } from '../examples/sieve.ts'
import { splitsOf, textsBelow } from '../examples/word-count/texts.ts'
import { type Counts, countWords, cutAtLastSpace, merge, partitioned, topWords } from '../examples/word-count/words.ts'

describe('the sieve', () => {
  test.each([
    [2, 0],
    [3, 1],
    [4, 2],
    [10, 4],
    [11, 4],
    [12, 5],
    [1000, 168],
    [1_000_000, 78_498],
    [5_000_000, 348_513],
  ])('below %i there are %i primes', (below, primes) => {
    expect([...sieve(below)].at(-1)).toEqual({ sieved: below, primes })
  })

  test('it tells of its way forward, and never of a step back', () => {
    const steps = [...sieve(10_000_000)].map(({ sieved }) => sieved)
    expect(steps.length).toBeGreaterThan(3)
    expect(steps).toEqual(steps.toSorted((a, b) => a - b))
  })
})

describe('the word count', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'enginescope-texts-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const lines = Array.from({ length: 500 }, (_, i) => `The word number ${i} isn't the wörd`).join('\n')

  test('pieces, partitions and reducers together count what one pass counts', () => {
    const whole: Counts = new Map()
    const words = countWords(lines, whole)
    const mapped: Counts = new Map()
    let rest = ''
    let wordsInPieces = 0
    for (let at = 0; at < lines.length; at += 777) {
      const cut = cutAtLastSpace(rest + lines.slice(at, at + 777))
      wordsInPieces += countWords(cut.whole, mapped)
      rest = cut.rest
    }
    wordsInPieces += countWords(rest, mapped)
    const reduced: Counts = new Map()
    for (const list of partitioned(mapped, 3)) merge(list, reduced)
    expect(wordsInPieces).toBe(words)
    expect(reduced).toEqual(whole)
    expect(topWords(reduced, 2)).toEqual([
      ['the', 1000],
      ["isn't", 500],
    ])
  })

  test('texts are found up to the limit, and splits hold each of them once', async () => {
    for (const name of ['b.md', 'a.md', 'c.txt', 'picture.png']) writeFileSync(join(folder, name), 'x'.repeat(100))
    writeFileSync(join(folder, 'empty.md'), '')
    const texts = await textsBelow(folder, 1000)
    expect(texts.map(({ path }) => path.slice(folder.length + 1))).toEqual(['a.md', 'b.md', 'c.txt'])
    expect(await textsBelow(folder, 250)).toHaveLength(2)
    expect(splitsOf(texts, 200).map((split) => split.length)).toEqual([2, 1])
    expect(splitsOf(texts, 1).flat()).toEqual(texts)
  })
})
