import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleanLine, cleanText, cutWithHash, cutWithMarker, echo } from './text.ts'

const esc = String.fromCharCode(27)

describe('text from outside', () => {
  test.each([
    ['plain', 'plain'],
    ['line\nfeed\tand tab', 'line\nfeed\tand tab'],
    ['\u0000', '\ufffd'],
    [`${esc}[31mred`, '\ufffd[31mred'],
    ['a\u202eb', 'a\ufffdb'],
    ['\ud800', '\ufffd'],
    ['x\udc00y', 'x\ufffdy'],
    ['\uffff', '\ufffd'],
    ['😀 é 漢', '😀 é 漢'],
    ['\u0085', '\ufffd'],
  ])('%j becomes %j', (sent, kept) => {
    expect(cleanText(sent)).toBe(kept)
  })

  test('a log line keeps its colours and carriage returns, and loses the rest', () => {
    expect(cleanLine(`${esc}[31m50%\r100%\u0000\u202e`)).toBe(`${esc}[31m50%\r100%\ufffd\ufffd`)
  })

  test('two long texts that begin alike stay two', () => {
    const [one, two] = [`${'a'.repeat(300)}1`, `${'a'.repeat(300)}2`].map((text) => cutWithHash(text, 256))
    expect(one).toHaveLength(256)
    expect(one).not.toBe(two)
  })

  test('no cut leaves half a character behind, and none is longer than allowed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 0, maxLength: 400 }), fc.integer({ min: 40, max: 200 }), (text, max) => {
        const clean = cleanText(text)
        expect(cleanText(cutWithHash(clean, max))).toBe(cutWithHash(clean, max))
        const marked = cutWithMarker(clean, max)
        expect(Buffer.byteLength(marked)).toBeLessThanOrEqual(max)
        expect(cleanText(marked)).toBe(marked)
      }),
    )
  })

  test('the marker names exactly the bytes that are missing', () => {
    const cut = cutWithMarker('é'.repeat(100), 100)
    const [, kept = '', missing] = /^(é*)…\[cut (\d+) bytes\]$/.exec(cut) ?? []
    expect(Buffer.byteLength(kept) + Number(missing)).toBe(200)
  })

  test('an echo is short, on one line, and quoted', () => {
    expect(echo('a"\n\u0000'.padEnd(1_000, 'x')).length).toBeLessThanOrEqual(72)
    expect(echo('a\nb')).toBe('"a b"')
  })
})
