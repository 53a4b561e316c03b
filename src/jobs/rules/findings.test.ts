import { describe, expect, test } from 'vitest'
import { aTask } from '../../../test/support/series.ts'
import type { RunSample, TaskRecord } from '../records.ts'
import { profileOf } from '../run-profile.ts'
import { noEffects, timerOf } from './effects.ts'
import { isStalled, lookAt, markStraggler, overdueRunsMin, withPace } from './findings.ts'

const rules = { stalledAfterMs: 600_000, lostAfterMs: 60_000 }
const minute = 60_000
const runs = (count: number, [runMs, gapMs]: RunSample = [minute, 1_000]) =>
  profileOf(Array.from({ length: count }, (): RunSample => [runMs, gapMs]))

/** A task that began at 0 and reported progress at the minutes given; since then it reports without progress. */
function movedAt(...minutes: number[]): TaskRecord {
  let record = step(undefined, { progress: 0, startedArrivalAtMs: 0 }, 0)
  for (const [index, at] of minutes.entries()) record = step(record, { progress: (index + 1) / 100 }, at * minute)
  return record
}
function step(before: TaskRecord | undefined, changes: Partial<TaskRecord>, atMs: number, effects = noEffects()): TaskRecord {
  const record = { ...(before ?? aTask({ hasProgress: true })), ...changes, lastReportAtMs: atMs }
  return withPace(before, record, 'n1:1', atMs, rules, effects)
}
const reporting = (record: TaskRecord, atMs: number) => ({ ...record, lastReportAtMs: atMs })
const stallsAt = (record: TaskRecord, profile = runs(0)) => {
  for (let at = 0; at < 600; at++) {
    if (isStalled(lookAt(reporting(record, at * minute), at * minute, profile, rules).record)) return at
  }
  return undefined
}

describe('a task stands still', () => {
  test('once it has made no progress for as long as the setting says, and not a minute before', () => {
    expect(stallsAt(movedAt(1, 2, 3))).toBe(13)
  })

  test('only after three times its own mean distance between two moves', () => {
    expect(stallsAt(movedAt(10, 20))).toBe(50)
  })

  test('only after the time that runs of its kind spend without progress', () => {
    expect(stallsAt(movedAt(1), runs(30, [100 * minute, 45 * minute]))).toBe(46)
  })

  test('never when it has not said anything of progress', () => {
    expect(stallsAt({ ...movedAt(), hasProgress: false })).toBeUndefined()
  })

  test('not while it is silent itself: that is its engine', () => {
    const record = movedAt(1)
    expect(lookAt(record, 30 * minute, undefined, rules).record).toBe(record)
  })

  test('and no longer when it moves, ends or is suspended', () => {
    const stalled = lookAt(reporting(movedAt(1), 11 * minute), 11 * minute, undefined, rules).record
    expect(isStalled(stalled)).toBe(true)
    for (const changes of [{ progress: 0.5 }, { status: 'succeeded' }, { status: 'suspended' }, { status: 'lost' }] as const)
      expect(step(stalled, changes, 12 * minute).findings).toBeUndefined()
    expect(step(stalled, {}, 12 * minute)).toMatchObject({ findings: { stalledSinceMs: 11 * minute } })
  })

  test('counted from when it runs again, not from before it was suspended', () => {
    const resumed = step(step(movedAt(1), { status: 'suspended' }, 2 * minute), { status: 'running' }, 60 * minute)
    expect(lookAt(reporting(resumed, 65 * minute), 65 * minute, undefined, rules).record.findings).toBeUndefined()
    expect(isStalled(lookAt(reporting(resumed, 70 * minute), 70 * minute, undefined, rules).record)).toBe(true)
  })
})

describe('one timer', () => {
  const member = timerOf.watch(aTask(), 'n1:1')

  test('is set when a task begins to run, left alone while it reports, and taken away at its end', () => {
    const [first, second, third] = [noEffects(), noEffects(), noEffects()]
    const begun = step(undefined, {}, 0, first)
    const moved = step(begun, { progress: 0.2 }, 1000, second)
    step(moved, { status: 'failed' }, 2000, third)
    expect(first.timers).toEqual([{ member, atMs: 30_000 }])
    expect(second.timers).toEqual([])
    expect(third.timers).toEqual([{ member, atMs: undefined }])
  })

  test('is set anew for the moment at which something may be found', () => {
    expect(lookAt(reporting(movedAt(1), minute), minute, undefined, rules).lookAgainAtMs).toBe(6 * minute)
    expect(lookAt(reporting(movedAt(1), 9 * minute), 9 * minute, undefined, rules).lookAgainAtMs).toBe(11 * minute)
  })
})

test('a task is overdue at three times the time of its kind, when enough of them are known', () => {
  const overdue = (atMs: number, count: number) =>
    lookAt(reporting(movedAt(1), atMs), atMs, runs(count), rules).record.findings?.overdueSinceMs
  expect(overdue(3 * minute - 1, overdueRunsMin)).toBeUndefined()
  expect(overdue(3 * minute, overdueRunsMin)).toBe(3 * minute)
  expect(overdue(3 * minute, overdueRunsMin - 1)).toBeUndefined()
})

test('the mark of a straggler is set once and taken away once', () => {
  const record = movedAt(1)
  const marked = markStraggler(record, true, 5 * minute)
  expect(marked.findings).toEqual({ straggledSinceMs: 5 * minute })
  expect(markStraggler(marked, true, 6 * minute)).toBe(marked)
  expect(markStraggler(marked, false, 7 * minute).findings).toBeUndefined()
  expect(markStraggler({ ...record, status: 'failed' }, true, 0).findings).toBeUndefined()
})
