import { expect, test } from 'vitest'
import type { Pace } from '../records.ts'
import { nextPace, runSampleOf } from './pace.ts'

type Moving = Parameters<typeof nextPace>[1]

/** Feeds progress at moments in seconds after the start. */
function paceOf(...moves: [atSeconds: number, progress: number][]): Pace {
  let before: Moving | undefined
  for (const [atSeconds, progress] of [[0, 0] as [number, number], ...moves]) {
    const after: Moving = { status: 'running', progress, startedArrivalAtMs: 0 }
    before = { ...after, pace: nextPace(before, after, atSeconds * 1000) }
  }
  return before?.pace as Pace
}

test('tenths are marked when they are passed, several at once evenly over the time since the last move', () => {
  const pace = paceOf([10, 0.1], [20, 0.25], [80, 0.55])
  expect(pace.tenthsMs).toEqual([10_000, 16_667, 30_000, 50_000, 70_000])
  expect(pace).toMatchObject({ steps: 3, longestGapMs: 60_000, movedAtMs: 80_000 })
})

test('a report without progress changes nothing, not even the object', () => {
  const running = { status: 'running', progress: 0.5, startedArrivalAtMs: 0 } as const
  const before = { ...running, pace: paceOf([10, 0.5]) }
  expect(nextPace(before, before, 99_000)).toBe(before.pace)
})

test('a run is remembered with its tenths if it was seen from its start', () => {
  const pace = paceOf([10, 0.3], [20, 0.85])
  expect(runSampleOf({ pace, startedArrivalAtMs: 0, endedArrivalAtMs: 50_000 }, 50_000)).toEqual([
    50_000, 30_000, 3333, 6667, 10_000, 11_818, 13_636, 15_455, 17_273, 19_091, 50_000,
  ])
})

test('a run that was first seen half-way, or told nothing of its progress, is remembered by its time alone', () => {
  const half = { status: 'running', progress: 0.5, startedArrivalAtMs: 0 } as const
  const pace = nextPace(undefined, half, 0)
  expect(runSampleOf({ pace, startedArrivalAtMs: 0, endedArrivalAtMs: 9_000 }, 9_000)).toEqual([9_000, 9_000])
  expect(runSampleOf({}, 9_000)).toEqual([9_000, 0])
})
