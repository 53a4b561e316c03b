import { describe, expect, test } from 'vitest'
import { givenBack, shareOf, wanted } from './fair-share.ts'

const monitors = ['a', 'b', 'c']

test.each([0, 1, 2, 3, 7, 100, 101])('the shares of %i runtimes are even to one, and all of them together', (runtimes) => {
  const shares = monitors.map((each) => shareOf(each, ['c', 'a', 'b'], runtimes))
  expect(shares.reduce((a, b) => a + b)).toBe(runtimes)
  expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
})

test('who is not among the living has no share', () => {
  expect(shareOf('d', monitors, 9)).toBe(0)
})

describe('a monitor takes first', () => {
  const idsOf = (all: readonly { id: string }[]) => all.map(({ id }) => id)

  test('what belongs to it, then what belongs to nobody who lives, and last what others will come back for', () => {
    const unowned = [
      { id: '1', home: 'b' },
      { id: '2', home: 'gone' },
      { id: '3', home: 'a' },
      { id: '4', home: undefined },
    ]
    const found = idsOf(wanted(unowned, 'a', monitors, 4))
    expect([found[0], found[3]]).toEqual(['3', '1'])
    expect(found.slice(1, 3).sort()).toEqual(['2', '4'])
    expect(wanted(unowned, 'a', monitors, 0)).toEqual([])
    expect(wanted(unowned, 'a', monitors, -1)).toEqual([])
  })

  test('what no other would take first: those who look at one moment want different ones', () => {
    const unowned = Array.from({ length: 60 }, (_, i) => ({ id: `run-${i}`, home: undefined }))
    const all = monitors.flatMap((each) => idsOf(wanted(unowned, each, monitors, 10)))
    expect(new Set(all).size).toBe(30)
  })
})

test('what is given back first belongs to one who came again, then what is idle', () => {
  const held = [
    { id: '1', home: 'a', isIdle: false },
    { id: '2', home: 'a', isIdle: true },
    { id: '3', home: 'b', isIdle: false },
    { id: '4', home: 'gone', isIdle: false },
  ]
  expect(givenBack(held, 'a', monitors, 2).map(({ id }) => id)).toEqual(['3', '2'])
  expect(givenBack(held, 'a', monitors, 0)).toEqual([])
})
