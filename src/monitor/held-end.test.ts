import { describe, expect, test } from 'vitest'
import type { TopicNews } from './distrust.ts'
import { HeldEnd } from './held-end.ts'

const graceMs = 30_000
const atMs = 1_764_300_000_000

function aStatus(number: number, programStatus: string, run = 'run', endTime?: number): TopicNews['taken'][number] {
  const programRunId = JSON.stringify({ namespace: 'a', run })
  const properties = { programRunId, programStatus, ...(endTime === undefined ? {} : { endTime: String(endTime) }) }
  const text = JSON.stringify({ notificationType: 'PROGRAM_STATUS', properties })
  const messageId = `1764300000000-000000000${number}`
  return { messageId, raw: { messageId, publishedAt: undefined, text, isTooDeep: false } }
}
const newsOf = (topic: string, taken: TopicNews['taken']): TopicNews => ({
  ...{ topic, taken, refused: [], refusal: '', lost: 0, restartAt: undefined, latest: undefined, readNumber: 0, isFull: false },
})
const idsOf = (news: readonly TopicNews[]) =>
  news.flatMap(({ taken }) => taken.map(({ messageId }) => Number(messageId.slice(14))))

/** An end at `atMs` that is held. */
function holding() {
  const held = new HeldEnd('run', graceMs)
  held.holdBack([newsOf('program.status', [aStatus(1, 'COMPLETED', 'run', atMs)])], new Map(), atMs + 10)
  return held
}

describe('of the statuses that were fetched', () => {
  test('the end of this run is held back, and whatever comes after it', () => {
    const held = new HeldEnd('run', graceMs)
    const news = newsOf('program.status', [aStatus(1, 'RUNNING'), aStatus(2, 'COMPLETED', 'run', atMs), aStatus(3, 'FAILED')])
    expect(idsOf(held.holdBack([news, newsOf('logs', [aStatus(4, 'FAILED')])], new Map(), atMs))).toEqual([1, 4])
    expect([held.isHolding, held.readUpTo('program.status')]).toEqual([true, '1764300000000-0000000003'])
    expect(idsOf(held.holdBack([newsOf('program.status', [aStatus(5, 'RUNNING')])], new Map(), atMs))).toEqual([])
    expect(idsOf(held.asNews())).toEqual([2, 3, 5])
  })

  test.each([
    ['the end of a child', [aStatus(1, 'COMPLETED', 'child')], new Map()],
    ['an end that cannot follow', [aStatus(1, 'REJECTED')], new Map([['run', 'RUNNING']] as const)],
    [
      'what is none',
      [{ ...aStatus(1, 'COMPLETED'), raw: { messageId: 'x', publishedAt: 1, text: '{', isTooDeep: false } }],
      new Map(),
    ],
  ])('%s is not', (_what, taken, statuses) => {
    const held = new HeldEnd('run', graceMs)
    expect(held.holdBack([newsOf('program.status', taken)], statuses, atMs)[0]?.taken).toHaveLength(1)
    expect(held.isHolding).toBe(false)
  })
})

test.each<[string, number, boolean, boolean, boolean]>([
  ['half the grace, and nothing came', graceMs / 2 + 1, true, false, true],
  ['half the grace, and something came', graceMs / 2 + 1, false, false, false],
  ['less than half', graceMs / 2, true, false, false],
  ['the grace', graceMs + 1, false, false, true],
  ['the grace, and there is more', graceMs + 1, false, true, false],
  ['ten times the grace, and there still is more', graceMs * 10 + 20, false, true, true],
])('an end is due after %s', (_what, afterMs, isEmpty, isFull, isDue) => {
  expect(holding().isDue(atMs + afterMs, isEmpty, isFull)).toBe(isDue)
})

test('an end that lies ahead counts from when it was read', () => {
  const held = new HeldEnd('run', graceMs)
  held.holdBack([newsOf('program.status', [aStatus(1, 'COMPLETED', 'run', atMs + 3_600_000)])], new Map(), atMs)
  expect(held.nextLookMs).toBe(atMs + graceMs / 2)
  expect(new HeldEnd('run', graceMs).isDue(atMs * 2, true, false)).toBe(false)
})
