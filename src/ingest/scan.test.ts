import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { piecesOf } from './items.ts'
import { scanJson } from './scan.ts'

const limits = { depthMax: 32, pieceItemsMax: 3, pieceBytesMax: 64, reportsMax: 1_000 }

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

describe('a scan of JSON', () => {
  test('sees the depth that is there, whatever stands in texts', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6 }),
        fc.integer({ min: 0, max: 6 }),
        fc.constantFrom(0, 1, 2),
        (value, depthMax, indent) => {
          const bytes = Buffer.from(JSON.stringify(value, null, indent))
          expect(scanJson(bytes, { ...limits, depthMax }).isTooDeep).toBe(depthOf(value) > depthMax)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('cut into pieces, an array is what it was', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 40 }), fc.constantFrom(0, 2), (items, indent) => {
        const pieces = [...piecesOf(Buffer.from(` ${JSON.stringify(items, null, indent)}\n`), 'json', limits)]
        expect(pieces.flat()).toEqual(items.map((value) => ({ value: JSON.parse(JSON.stringify(value)) })))
        if (items.length > 4) expect(pieces.length).toBeGreaterThan(1)
      }),
      { numRuns: 300 },
    )
  })

  test('cut or whole, the same texts are JSON', () => {
    const token = fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      '"a"',
      '1',
      'null',
      '"],["',
      ' ',
      '"\\""',
      '{}',
      '[]',
      '1,',
      '[1,',
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 14 }), (tokens) => {
        const text = `[${tokens.join('')}]`
        const isJson = succeeds(() => JSON.parse(text))
        const isTaken = succeeds(() => [...piecesOf(Buffer.from(text), 'json', { ...limits, pieceItemsMax: 1 })])
        expect([text, isTaken]).toEqual([text, isJson])
      }),
      { numRuns: 5_000 },
    )
  })
})

function succeeds(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch {
    return false
  }
}
