import { expect, test } from 'vitest'
import { PollCounts } from './poll-counts.ts'

const counted = (polls: PollCounts) => Object.fromEntries(polls.take()?.totals ?? [])
const rest = (polls: PollCounts) => Object.fromEntries(polls.rest())

test('what was written is not sent again', () => {
  const polls = new PollCounts()
  polls.count('ok')
  polls.count('ok')
  expect(counted(polls)).toEqual({ ok: 2 })
  polls.settle('written')
  expect(polls.take()).toBeUndefined()
})

test('after a lost answer the same is sent under the same token, and what came since goes after it', () => {
  const polls = new PollCounts()
  polls.count('timeout')
  const first = polls.take()
  polls.settle(undefined)
  polls.count('empty')
  expect(polls.take()).toBe(first)
  expect(rest(polls)).toEqual({ empty: 1 })
  polls.settle('written')
  const second = polls.take()
  expect([second?.token === first?.token, Object.fromEntries(second?.totals ?? [])]).toEqual([false, { empty: 1 }])
})

test('what was refused is still to be counted; what may have been counted already is not', () => {
  const polls = new PollCounts()
  polls.count('ok')
  polls.take()
  polls.settle('refused')
  polls.count('fenced')
  expect(rest(polls)).toEqual({ ok: 1, fenced: 1 })
  polls.take()
  polls.settle(undefined)
  polls.take()
  polls.settle('refused')
  expect(rest(polls)).toEqual({})
})
