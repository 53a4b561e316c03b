import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type HubStack, startHubStack, step } from '../support/hub/hub-programs.ts'
import { type ProgrammableAgent, programmableAgent } from '../support/hub/programmable-agent.ts'

let stack: HubStack
const agents: ProgrammableAgent[] = []
beforeAll(async () => {
  stack = await startHubStack({ ENGINESCOPE_HUB_NODE_TRIES: '2', ENGINESCOPE_HUB_LEASE: '30s' })
  await stack.dispatcher('d-1', 4)
}, 60_000)
afterAll(() => stack.stop())
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.close()))
})

async function anAgent(id: string, algorithm: string, refusals: string[]): Promise<ProgrammableAgent> {
  const agent = await programmableAgent(stack.redis, id, algorithm, refusals)
  agents.push(agent)
  return agent
}

const gaps = ({ asked }: ProgrammableAgent) => asked.slice(1).map(({ atMs }, at) => atMs - (asked[at]?.atMs ?? 0))

test('a node whose agent is full goes to the next agent at once; no try is used up', async () => {
  // Whichever of the two is asked first is full.
  const refusals = ['30']
  const both = [await anAgent('one', 'next.one', refusals), await anAgent('other', 'next.one', refusals)]
  const key = await stack.submit([step('next.one')])
  expect(await stack.ended(key)).toMatchObject({ outcome: 'SUCCEEDED', nodes: { '1': { status: 'DONE', attempt: 1 } } })
  expect(both.flatMap(({ asked }) => asked.map(({ status }) => status)).sort()).toEqual([202, 429])
  expect(both.map(({ asked }) => asked.length)).toEqual([1, 1])
  expect((await stack.result(key)).warnings).toEqual([])
})

test('when all are full it waits, for longer each time, and more often than it has tries', async () => {
  const agent = await anAgent('busy', 'back.off', ['0', '0', '0', '0', '0'])
  const key = await stack.submit([step('back.off')])
  const ended = await stack.ended(key)
  expect(ended).toMatchObject({ outcome: 'SUCCEEDED', nodes: { '1': { status: 'DONE', attempt: 1, agent: 'busy' } } })
  expect(agent.asked.map(({ status, event }) => [status, event.attempt])).toEqual([
    ...Array.from({ length: 5 }, () => [429, 1]),
    [202, 1],
  ])
  const waited = gaps(agent)
  for (const [at, leastMs] of [50, 100, 200, 400, 800].entries()) expect(waited[at]).toBeGreaterThanOrEqual(leastMs)
  expect((await stack.result(key)).warnings).toEqual([])
})

test('it is asked again no sooner than its Retry-After says, unless it tells of room', async () => {
  const slow = await anAgent('slow', 'retry.after', ['1'])
  expect((await stack.ended(await stack.submit([step('retry.after')]))).outcome).toBe('SUCCEEDED')
  expect(gaps(slow)[0]).toBeGreaterThanOrEqual(1_000)
  slow.refusals.push('30')
  const key = await stack.submit([step('retry.after')])
  while (slow.asked.length < 3) await new Promise((resolve) => setImmediate(resolve))
  await slow.tell(2)
  expect((await stack.ended(key)).outcome).toBe('SUCCEEDED')
  expect(gaps(slow).at(-1)).toBeLessThan(15_000)
})
