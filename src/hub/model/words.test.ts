import { expect, test } from 'vitest'
import { boundedLines, boundedWarnings, processWarnings } from './words.ts'

const limits = { entriesMax: 4, bytesMax: 10 }

test('what fits is kept as it is', () => {
  expect(boundedWarnings([], limits)).toEqual([])
  expect(boundedWarnings(['a', 'b', 'c'], limits)).toEqual(['a', 'b', 'c'])
})

test('beyond the number of entries, and beyond their bytes, the rest is counted; the list is never longer than it may be', () => {
  expect(boundedWarnings(['a', 'b', 'c', 'd', 'e'], limits)).toEqual(['a', 'b', 'c', '2 further warnings are left out'])
  expect(boundedWarnings(['12345', 'äöü', 'x'], limits)).toEqual(['12345', '2 further warnings are left out'])
})

test('lists that were cut before are cut again with the right count', () => {
  const nodes = [
    ['a', '3 further warnings are left out'],
    ['b', '2 further warnings are left out'],
  ]
  expect(boundedWarnings(nodes.flat(), limits)).toEqual(['a', 'b', '5 further warnings are left out'])
  expect(boundedWarnings([...nodes.flat(), 'c', 'd', 'e'], limits)).toEqual(['a', 'b', 'c', '7 further warnings are left out'])
})

test('a thousand nodes that warn as much as they may stay within the limit of their process', () => {
  const all = Array.from({ length: 1_000 }, () => Array.from({ length: 100 }, () => 'w'.repeat(600))).flat()
  const kept = boundedWarnings(all, processWarnings)
  expect(kept.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(processWarnings.bytesMax + 100)
  expect(kept.at(-1)).toBe(`${100_000 - (kept.length - 1)} further warnings are left out`)
})

test('lines keep what they came with; the note has the time of the last; what was cut before is not cut again', () => {
  const line = (ts: number) => ({ ts, level: 'INFO', line: 'x'.repeat(300), node: 'n', agent: 'a' })
  const of = { entriesMax: 10, bytesMax: 600 }
  expect(boundedLines([1, 2].map(line), of)).toEqual([1, 2].map(line))
  const cut = boundedLines([1, 2, 3, 4, 5].map(line), of)
  expect(cut).toEqual([line(1), line(2), { ts: 5, level: 'WARN', line: '3 further lines are left out', node: 'n', agent: 'a' }])
  expect(boundedLines(cut, of)).toBe(cut)
  const short = Array.from({ length: 12 }, (_, ts) => ({ ts, level: 'INFO', line: 's' }))
  const ten = boundedLines(short, of)
  expect([ten.length, ten.at(-1)?.line]).toEqual([10, '3 further lines are left out'])
  expect(boundedLines(ten, of)).toBe(ten)
})
