import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type HubStack, type ProcessShown, startHubStack, step } from '../support/hub/hub-programs.ts'
import type { Program } from '../support/process.ts'

const processes = Number(process.env['ENGINESCOPE_TEST_PROCESSES'] ?? 100)
const killEveryMs = 600

let stack: HubStack
beforeAll(async () => {
  stack = await startHubStack({ ENGINESCOPE_HUB_ATTEMPTS: '50', ENGINESCOPE_HUB_NODE_TRIES: '50' })
}, 60_000)
afterAll(() => stack.stop())

/** Kills one of them again and again, with a new one in its place. */
async function killing(start: () => Promise<Program>, programs: Program[], isOver: () => boolean): Promise<number> {
  let kills = 0
  while (!isOver()) {
    await pause(killEveryMs * (0.5 + Math.random()))
    if (isOver()) break
    const at = Math.floor(Math.random() * programs.length)
    programs[at]?.kill(kills % 3 === 2 ? 'SIGSTOP' : 'SIGKILL')
    kills += 1
    programs[at] = await start()
  }
  return kills
}

test(
  'over 3 dispatchers and 6 agents that are killed at random, each process ends once, succeeded',
  async () => {
    let number = 0
    const startDispatcher = async () => (await stack.dispatcher(`d-${number++}`, 4)).program
    const startAgent = () => stack.agent(`a-${number++}`, number % 2 === 0 ? 'io.csv' : 'stat.mean')
    const dispatchers = await Promise.all([1, 2, 3].map(startDispatcher))
    const agents = await Promise.all([1, 2, 3, 4, 5, 6].map(startAgent))
    const keys: string[] = []
    for (let at = 0; at < processes; at++)
      keys.push(await stack.submit([step('io.csv', { delayMs: 400 }), step('stat.mean', { delayMs: 400 })]))
    let isOver = false
    const kills = Promise.all([killing(startDispatcher, dispatchers, () => isOver), killing(startAgent, agents, () => isOver)])
    // Without agents of both kinds nothing could end: these two are left alone.
    await Promise.all([stack.agent('safe-csv', 'io.csv'), stack.agent('safe-mean', 'stat.mean')])
    const all: ProcessShown[] = []
    for (const key of keys) all.push(await stack.ended(key, 120_000))
    isOver = true
    expect((await kills).every((count) => count > 0)).toBe(true)
    expect(new Set(all.map(({ outcome }) => outcome))).toEqual(new Set(['SUCCEEDED']))
    const metrics = (await stack.hub.http.get('/metrics')).text
    expect(metrics).toContain(`enginescope_hub_processes_finished_total{outcome="succeeded"} ${processes}\n`)
    expect(metrics).toContain(`enginescope_hub_processes_dispatched_total ${processes}\n`)
    expect(metrics).toContain('enginescope_hub_queue_processes 0\n')
    // First claims come in the order of the submissions.
    const starts = all.map(({ startedAt }) => startedAt ?? 0)
    expect(starts).toEqual([...starts].sort((a, b) => a - b))
    await eventually(async () => (await stack.redis.client().zcard('{hub}:leases')) === 0)
  },
  Math.max(120_000, processes * 1_000),
)
