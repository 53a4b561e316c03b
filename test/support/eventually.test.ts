import { describe, expect, test } from 'vitest'
import { eventually } from './eventually.ts'

describe('eventually', () => {
  test('gives back the first value that will do', async () => {
    let reads = 0
    expect(
      await eventually(
        () => ++reads,
        (value) => value === 3,
        { everyMs: 1 },
      ),
    ).toBe(3)
  })

  test('takes a read that throws for "not yet"', async () => {
    let reads = 0
    const read = () => {
      reads++
      expect(reads).toBeGreaterThan(2)
      return 'ready'
    }
    expect(await eventually(read, undefined, { everyMs: 1 })).toBe('ready')
  })

  test('says at the deadline what it waited for and what it saw last', async () => {
    const waiting = eventually(
      () => ({ state: 'lost' }),
      () => false,
      { what: 'the engine', timeoutMs: 5, everyMs: 1 },
    )
    await expect(waiting).rejects.toThrow("waited 5 ms for the engine; last value: { state: 'lost' }")
  })

  test('says at the deadline what was thrown last', async () => {
    const refusal = new Error('refused')
    const waiting = eventually(() => Promise.reject(refusal), undefined, { timeoutMs: 5, everyMs: 1 })
    await expect(waiting).rejects.toMatchObject({ message: expect.stringContaining('refused'), cause: refusal })
  })
})
