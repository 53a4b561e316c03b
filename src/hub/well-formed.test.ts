import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wellFormedJson } from './well-formed.ts'

test.each([
  ['half a pair', { a: 'cut \ud83d' }, { a: 'cut \ufffd' }],
  ['the other half', ['\udcc8x'], ['\ufffdx']],
  ['two first halves and a second', ['\ud83d\ud83d\ude00'], ['\ufffd😀']],
  ['half a pair in a name', { 'n\ud800': 1 }, { 'n\ufffd': 1 }],
  ['a whole pair', ['😀'], ['😀']],
  ['text that looks like one', ['\\ud83d', '\\\\ud83d', '\\\ud83d'], ['\\ud83d', '\\\\ud83d', '\\\ufffd']],
  ['other escapes', ['\u0000\n"\u2028'], ['\u0000\n"\u2028']],
])('%s', (_, value, read) => {
  expect(JSON.parse(wellFormedJson(value))).toEqual(read)
})

test('whatever is written is read as the same text with U+FFFD for halves', () => {
  const unit = fc.oneof(fc.constantFrom('\\', 'u', 'd83d', '\ud83d', '\ude00', '😀', '"'), fc.string())
  fc.assert(
    fc.property(fc.array(unit), (parts) => {
      const text = parts.join('')
      const json = wellFormedJson([text])
      expect(JSON.parse(json)).toEqual([Buffer.from(text).toString()])
      expect(/\\u[dD][89a-fA-F]/.test(json.replaceAll('\\\\', ''))).toBe(false)
    }),
  )
})
