import { expect, test } from 'vitest'
import { RecordCache } from './record-cache.ts'

const heldOf = (state: number) => ({ token: `t${state}`, state })
const cacheOf = (weightMax: number) => new RecordCache<number>(weightMax, (state) => state)

test('gives back what it was given last, until it is forgotten', () => {
  const cache = cacheOf(10)
  cache.remember('a', heldOf(1))
  cache.remember('a', heldOf(2))
  expect(cache.get('a')).toEqual(heldOf(2))
  cache.forget('a')
  expect(cache.get('a')).toBeUndefined()
})

test('a record that is lent is unknown until it is remembered', () => {
  const cache = cacheOf(10)
  cache.remember('a', heldOf(1))
  cache.lend('a')
  expect(cache.get('a')).toBeUndefined()
  cache.remember('a', heldOf(3))
  expect(cache.get('a')).toEqual(heldOf(3))
})

test('holds no more than its weight, whatever is remembered, lent or forgotten', () => {
  const cache = cacheOf(10)
  for (let i = 0; i < 50; i++) {
    cache.remember(`id-${i}`, heldOf(1 + (i % 3)))
    if (i % 4 === 0) cache.lend(`id-${i}`)
    if (i % 5 === 0) cache.forget(`id-${i - 1}`)
  }
  const ids = Array.from({ length: 50 }, (_, i) => `id-${i}`)
  const kept = ids.map((id) => cache.get(id)?.state ?? 0)
  const weight = kept.reduce((sum, state) => sum + state, 0)
  expect(weight).toBeLessThanOrEqual(10)
  expect(weight).toBeGreaterThan(0)
})

test('what grows beyond the weight is let go of, alone as it may be', () => {
  const cache = cacheOf(10)
  cache.remember('a', heldOf(11))
  expect(cache.get('a')).toBeUndefined()
  cache.remember('b', heldOf(10))
  expect(cache.get('b')).toEqual(heldOf(10))
})

test('what was asked for outlives what was not', () => {
  const cache = cacheOf(3)
  for (const id of ['a', 'b', 'c']) cache.remember(id, heldOf(1))
  cache.get('a')
  cache.remember('d', heldOf(1))
  expect(cache.get('a')).toEqual(heldOf(1))
  expect(cache.get('b')).toBeUndefined()
  expect(cache.get('c')).toEqual(heldOf(1))
  expect(cache.get('d')).toEqual(heldOf(1))
})
