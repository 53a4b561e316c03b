import { expect, test } from 'vitest'
import { anAgent } from '../../../test/support/hub/registry-suite.ts'
import type { MemberView } from '../registry/member.ts'
import { FullAgents } from './full-agents.ts'

const agent = (running: number, id = 'a-1'): MemberView => ({ ...anAgent({ id, capacity: 4 }), state: 'live', running })

test('who says again and again that it is full is left alone for longer each time, up to two seconds', () => {
  const full = new FullAgents()
  const waits: number[] = []
  for (let nowMs = 0; waits.length < 8; nowMs += waits.at(-1) ?? 0) {
    full.add(agent(4), 0, nowMs)
    waits.push(full.restMs('a-1', nowMs))
  }
  expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000])
  full.forget('a-1')
  expect(full.restMs('a-1', 0)).toBe(0)
  full.add(agent(4), 0, 0)
  expect(full.restMs('a-1', 0)).toBe(50)
})

test('several refusals at once are one; another agent is none of it', () => {
  const full = new FullAgents()
  for (const nowMs of [0, 1, 2]) full.add(agent(4), 0, nowMs)
  expect([full.restMs('a-1', 2), full.restMs('a-1', 51), full.restMs('a-1', 52), full.restMs('a-2', 2)]).toEqual([50, 1, 0, 0])
})

test('its Retry-After is kept, though not for ever', () => {
  const full = new FullAgents()
  full.add(agent(4), 3_000, 0)
  expect(full.restMs('a-1', 2_999)).toBe(1)
  full.add(agent(4, 'a-2'), 3_600_000, 0)
  expect(full.restMs('a-2', 0)).toBe(30_000)
})

test('a newer word of it, that there is room, ends the wait; an older or a full one does not', () => {
  const full = new FullAgents()
  full.add(agent(2), 3_000, 0)
  full.hear([agent(2)], 10)
  expect(full.restMs('a-1', 10)).toBe(2_990)
  full.hear([agent(4)], 20)
  expect(full.restMs('a-1', 20)).toBe(2_980)
  full.hear([agent(3)], 30)
  expect(full.restMs('a-1', 30)).toBe(0)
  full.hear([], 40)
  full.add(agent(4), 0, 50)
  expect(full.restMs('a-1', 50)).toBe(50)
})
