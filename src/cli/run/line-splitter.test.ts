import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { levelOf, withoutEscapes } from './line-level.ts'
import { LineSplitter } from './line-splitter.ts'
import { patternFinder, percentFinder } from './progress-finder.ts'

function split(...chunks: (string | Buffer)[]): string[] {
  const splitter = new LineSplitter()
  return [...chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk))), ...splitter.end()]
}

describe('lines', () => {
  test.each([
    [['a\nb\n'], ['a', 'b']],
    [
      ['a', 'b', '\nc'],
      ['ab', 'c'],
    ],
    [['a\n\n\nb'], ['a', '', '', 'b']],
    [['a\r\nb\r\n'], ['a', 'b']],
    [['10%\r20%\r30%\ndone\n'], ['30%', 'done']],
    [['x\r', '\n'], ['x']],
    [['\r\r\n'], ['']],
    [[], []],
  ])('%j becomes %j', (chunks, lines) => {
    expect(split(...chunks)).toEqual(lines)
  })

  test('do not depend on where the chunks end, not even within a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.array(fc.nat(80), { maxLength: 6 }), (words, cuts) => {
        const bytes = Buffer.from(`${words}\n${words}`)
        const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b)
        const chunks = ends.slice(1).map((end, index) => bytes.subarray(ends[index], end))
        expect(split(...chunks)).toEqual(split(bytes))
      }),
    )
  })

  test('of any length are given out in bounded pieces, without loss', () => {
    const splitter = new LineSplitter()
    const lines = Array.from({ length: 50 }, () => splitter.push(Buffer.from('x'.repeat(10_000)))).flat()
    lines.push(...splitter.end())
    expect(lines.join('')).toBe('x'.repeat(500_000))
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(65_536)
  })

  test('that are written over for ever are shown now and then, and hold no memory', () => {
    const splitter = new LineSplitter()
    splitter.push(Buffer.from('\r10%'))
    expect(splitter.takeRewritten()).toBe('10%')
    expect(splitter.takeRewritten()).toBeUndefined()
    for (let i = 0; i < 100_000; i++) splitter.push(Buffer.from(`\r${i}`))
    expect(splitter.takeRewritten()).toBe('99999')
    expect(splitter.partial.length).toBeLessThan(100)
    expect(splitter.push(Buffer.from('\rdone\n'))).toEqual(['done'])
  })
})

describe('the level of a line', () => {
  test.each([
    ['ERROR could not open', 'ERROR'],
    ['2025-03-04T08:00:05.123Z WARN slow', 'WARN'],
    ['[2025-03-04 08:00:05,123] [INFO] (main) started', 'INFO'],
    ['warning: unused variable', 'WARN'],
    ['[error] no', 'ERROR'],
    ['Error handling was loaded', 'FATAL'],
    ['no ERROR here', 'FATAL'],
    ['ERRORS', 'FATAL'],
    ['', 'FATAL'],
    ['CRITICAL: disk', 'FATAL'],
  ])('of %j is %s', (line, level) => {
    expect(levelOf(line, 'FATAL')).toBe(level)
  })

  test.each(['['.repeat(1e6), `${'- '.repeat(5e5)}x`, '0'.repeat(1e6), '\u001b]'.repeat(1e5)])(
    'is found before a test is given up, whatever the line: by a search that begins anew at each character it would take minutes',
    (line) => {
      expect(levelOf(withoutEscapes(line), 'INFO')).toBe('INFO')
    },
  )

  test('does not see colours', () => {
    expect(withoutEscapes('\u001b[1;31mERROR\u001b[0m no \u001b]0;title\u0007end')).toBe('ERROR no end')
  })
})

describe('progress', () => {
  test.each([
    ['downloaded 42.5% of 10 GB', 0.425],
    ['10% ... 20 %', 0.2],
    ['100%|#####|', 1],
    ['250% of the goal', undefined],
    ['nothing', undefined],
  ])('as a percentage of %j is %s', (line, progress) => {
    expect(percentFinder()(line)).toBe(progress)
  })

  test.each([
    ['at (\\d+)', 'at 40', 0.4],
    ['epoch (?<done>\\d+)/(?<total>\\d+)', 'epoch 3/4', 0.75],
    ['epoch (?<done>\\d+)/(?<total>\\d+)', 'epoch 3/0', undefined],
    ['p=(?<ratio>[\\d.]+)', 'p=0.5', 0.5],
    ['at (\\d+)', 'elsewhere', undefined],
  ])('by the pattern %j', (pattern, line, progress) => {
    expect(patternFinder(pattern)(line)).toBe(progress)
  })

  test('needs a pattern with a group', () => {
    expect(() => patternFinder('abc')).toThrow('no group')
    expect(() => patternFinder('(')).toThrow(SyntaxError)
  })
})
