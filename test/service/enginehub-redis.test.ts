import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startAgentProgram, type TestAgent } from '../support/hub/agent-stand.ts'
import { clusterStore, durableStore, type HubStack, type ProcessShown, startHubStack } from '../support/hub/hub-programs.ts'
import { parsePrometheusText } from '../support/prometheus-text.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** Notes each run as `<process>/<step>` in a file; one with a gate goes on once that file is there. */
const module = `
import { appendFileSync, existsSync } from 'node:fs'
export async function run({ input, model }) {
  const { file, step, gate, delayMs = 0 } = JSON.parse(model.key)
  const [{ key }] = Object.values(input)
  appendFileSync(file, key + '/' + step + '\\n')
  await new Promise((resolve) => setTimeout(resolve, delayMs))
  while (gate !== undefined && !existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 20))
  return { key }
}
`

type Ground = {
  readonly stack: HubStack
  /** Submits a chain of these steps under a name. @returns its key */
  readonly submit: (name: string, steps: readonly object[]) => Promise<string>
  readonly runs: () => string[]
  readonly gate: string
  readonly agents: readonly TestAgent[]
  /** Makes a step with what the module is to do. */
  readonly step: (name: string, wish?: object) => object
}

async function aGround(store: Parameters<typeof startHubStack>[1], env: Readonly<Record<string, string>> = {}): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'enginescope-hub-'))
  ends.push(() => rm(folder, { recursive: true, force: true }))
  const stack = await startHubStack({ ENGINESCOPE_HUB_MEMBER_LEASE: '15s', ...env }, store)
  ends.push(stack.stop)
  const [file, gate] = [join(folder, 'runs'), join(folder, 'gate')]
  const settings = { HUB_MEMBER_LEASE: '15s', URL: 'http://127.0.0.1:9' }
  const starts = ['a-1', 'a-2'].map((id) =>
    startAgentProgram({
      redis: { url: stack.storeUrl },
      algorithm: 'note',
      module,
      capacity: 8,
      settings,
      args: ['--id', id],
    }),
  )
  const agents = await Promise.all(starts)
  for (const agent of agents) ends.push(agent.stop)
  return {
    stack,
    agents,
    gate,
    runs: () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []),
    step: (name, wish = {}) => ({ algKey: 'note', model: { key: JSON.stringify({ file, step: name, ...wish }) } }),
    submit: async (name, steps) => {
      const answer = await stack.hub.http.post('/hub/adhoc', { flow: { processers: steps }, data: { key: name } })
      expect(answer.status).toBe(201)
      return answer.json<{ key: string }>().key
    },
  }
}

/** Events of an agent that have ended, and whose result nobody has taken yet. */
async function unsentOf({ http }: TestAgent): Promise<number> {
  const { running, events } = (await http.get('/agent/status')).json<{ running: number; events: object[] }>()
  return events.length - running
}

async function totals({ stack }: Ground): Promise<Record<string, number>> {
  const families = parsePrometheusText((await stack.hub.http.get('/metrics')).text)
  const sum = (name: string) =>
    (families.get(`enginescope_hub_${name}`)?.samples ?? []).reduce((total, { value }) => total + value, 0)
  return {
    added: sum('processes_added_total'),
    dispatched: sum('processes_dispatched_total'),
    finished: sum('processes_finished_total'),
    queue: sum('queue_processes'),
  }
}

describe('Redis is killed and comes back with what it had written', () => {
  test('a flow that runs goes on: each process ends once, and no node runs again, whenever it was done', async () => {
    const ground = await aGround(durableStore)
    const { stack, agents, submit, step, gate, runs } = ground
    await stack.dispatcher('d-1', 4)
    const names = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6']
    const keys: string[] = []
    for (const name of names) keys.push(await submit(name, [step('a'), step('b', { gate }), step('c')]))
    const all = () => Promise.all(keys.map((key) => stack.process(key)))
    const isAtGate = ({ nodes }: ProcessShown) => nodes['1']?.status === 'DONE' && nodes['2']?.status === 'RUNNING'
    await eventually(async () => (await all()).filter(isAtGate).length === 4 && runs().length === 8)
    await stack.redis.kill('SIGKILL')
    const refused = await stack.hub.http.post('/hub/adhoc', { flow: { processers: [step('x')] } })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    // Results that come while the store is away are not lost: the agents keep them.
    writeFileSync(gate, '')
    await eventually(async () => (await Promise.all(agents.map(unsentOf))).reduce((sum, count) => sum + count) === 4)
    await stack.redis.restart()
    for (const key of keys) expect(await stack.ended(key)).toMatchObject({ outcome: 'SUCCEEDED', attempt: 1, progress: 1 })
    expect(runs().sort()).toEqual(names.flatMap((name) => ['a', 'b', 'c'].map((node) => `${name}/${node}`)).sort())
    expect(await totals(ground)).toEqual({ added: 6, dispatched: 6, finished: 6, queue: 0 })
  }, 90_000)

  test('again and again, at whatever it was writing', async () => {
    const ground = await aGround(durableStore)
    const { stack, submit, step, runs } = ground
    const names = Array.from({ length: 12 }, (_, at) => `p${at}`)
    const steps = ['a', 'b', 'c', 'd', 'e']
    const keys: string[] = []
    for (const name of names)
      keys.push(
        await submit(
          name,
          steps.map((each) => step(each, { delayMs: 60 })),
        ),
      )
    await Promise.all([stack.dispatcher('d-1', 3), stack.dispatcher('d-2', 3)])
    for (const least of [3, 12, 24, 40]) {
      await eventually(() => runs().length >= least)
      await stack.redis.restart()
    }
    const ended: ProcessShown[] = []
    for (const key of keys) ended.push(await stack.ended(key, 60_000))
    expect(new Set(ended.map(({ outcome, attempt }) => `${outcome} ${attempt}`))).toEqual(new Set(['SUCCEEDED 1']))
    expect(runs().sort()).toEqual(names.flatMap((name) => steps.map((each) => `${name}/${each}`)).sort())
    expect(await totals(ground)).toEqual({ added: 12, dispatched: 12, finished: 12, queue: 0 })
    expect(ended).toEqual(await Promise.all(keys.map((key) => stack.process(key))))
  }, 120_000)
})

describe('on a Redis Cluster of three nodes', () => {
  test('a flow runs to its end, a run is cancelled, and that of a dead dispatcher is taken over', async () => {
    const ground = await aGround(clusterStore, { ENGINESCOPE_HUB_LEASE: '3s' })
    const { stack, submit, step, gate, runs } = ground
    const first = await stack.dispatcher('d-1', 4)
    const done = await submit('done', [step('a'), step('b')])
    expect(await stack.ended(done)).toMatchObject({ outcome: 'SUCCEEDED', attempt: 1, dispatcher: 'd-1' })
    expect((await stack.result(done)).outputData).toEqual({ key: 'done' })

    const cancelled = await submit('cancelled', [step('a', { gate: `${gate}-never` })])
    await eventually(() => runs().includes('cancelled/a'))
    expect((await stack.hub.http.delete(`/hub/processes/${cancelled}`)).status).toBe(204)
    expect(await stack.ended(cancelled)).toMatchObject({ outcome: 'CANCELLED', nodes: { '1': { status: 'CANCELLED' } } })
    await eventually(async () => (await first.http.get('/dispatcher/status')).json<{ running: number }>().running === 0)

    const taken = await submit('taken', [step('a'), step('b', { gate }), step('c')])
    await eventually(() => runs().includes('taken/b'))
    first.program.kill('SIGKILL')
    await stack.dispatcher('d-2', 4)
    await eventually(async () => (await stack.process(taken)).dispatcher === 'd-2')
    writeFileSync(gate, '')
    expect(await stack.ended(taken)).toMatchObject({ outcome: 'SUCCEEDED', attempt: 2, dispatcher: 'd-2' })
    expect(
      runs()
        .filter((run) => run.startsWith('taken/'))
        .sort(),
    ).toEqual(['taken/a', 'taken/b', 'taken/c'])
    expect(await totals(ground)).toEqual({ added: 3, dispatched: 3, finished: 3, queue: 0 })
  }, 90_000)
})
