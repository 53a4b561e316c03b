import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type HubStack, type Member, type ProcessShown, startHubStack, step } from '../support/hub/hub-programs.ts'
import { requirement } from '../support/hub/hub-requirements.ts'

let stack: HubStack
let dispatcher: Member
beforeAll(async () => {
  stack = await startHubStack({ ENGINESCOPE_HUB_NODE_DEADLINE: '2s' })
  await Promise.all([
    stack.agent('csv-1', 'io.csv'),
    stack.agent('csv-2', 'io.csv'),
    stack.agent('mean-1', 'stat.mean', { capacity: 1 }),
    stack.agent('id3-1', 'classifier.decisionTree.id3'),
    stack.agent('merge-1', 'util.merge'),
    stack.agent('liar-1', 'never.true', { claims: 'io.csv' }),
  ])
  dispatcher = await stack.dispatcher('d-1', 4)
}, 60_000)
afterAll(() => stack.stop())
beforeEach(async () => {
  await stack.redis.client().del('test:runs', 'test:again', 'test:stopped')
})

const runsOf = async (key: string) => (await stack.runs()).filter((run) => run.startsWith(key)).map((run) => run.split('/')[1])

describe('a graph', () => {
  requirement('EH-09', async () => {
    const fixture = JSON.parse(readFileSync(new URL('../fixtures/enginehub/flow-dag.json', import.meta.url), 'utf8')) as {
      processers: Record<string, { algKey: string; inputs: string[] }>
    }
    const { load, stats, train, join } = fixture.processers
    if (!load || !stats || !train || !join) throw new Error('the fixture has other nodes')
    const key = await stack.submit({
      load: step(load.algKey, {}, load.inputs),
      stats: step(stats.algKey, { delayMs: 400 }, stats.inputs),
      train: step(train.algKey, { delayMs: 400 }, train.inputs),
      join: step(join.algKey, {}, join.inputs),
    })
    await eventually(async () => {
      const { nodes } = await stack.process(key)
      return nodes['stats']?.status === 'RUNNING' && nodes['train']?.status === 'RUNNING'
    })
    expect(await stack.ended(key)).toMatchObject({ outcome: 'SUCCEEDED', progress: 1, attempt: 1, dispatcher: 'd-1' })
    const runs = await runsOf(key)
    expect(runs[0]).toBe('load')
    expect(runs.slice(1, 3).sort()).toEqual(['stats', 'train'])
    expect(runs[3]).toBe('join')
    expect(runs).toHaveLength(4)
    expect(await stack.result(key)).toMatchObject({ outputData: { key: `${key}/join/1(stats+train)` }, errors: [], warnings: [] })
    expect((await stack.result(key)).logs.map(({ line }) => line)).toContain(`ran ${key}/load/1`)

    const failing = await stack.submit({
      load: step('io.csv'),
      train: step('classifier.decisionTree.id3', { fatal: true }, ['load']),
      after: step('io.csv', {}, ['train']),
    })
    expect(await stack.ended(failing)).toMatchObject({
      outcome: 'FAILED',
      nodes: { load: { status: 'DONE' }, train: { status: 'FAILED', attempt: 1 }, after: { status: 'SKIPPED', attempt: 0 } },
    })
    expect((await stack.result(failing)).errors).toEqual([
      { node: 'train', agent: 'id3-1', attempt: 1, code: 'NO_TARGET', message: 'no column to predict' },
    ])
  })

  requirement('EH-09b', async () => {
    const key = await stack.submit(
      {
        bad: step('io.csv', { fatal: true }),
        after: step('io.csv', {}, ['bad']),
        good: step('io.csv', { delayMs: 100 }),
        end: step('io.csv', {}, ['good']),
      },
      { failFast: false },
    )
    const { outcome, nodes } = await stack.ended(key)
    expect(outcome).toBe('FAILED')
    expect([nodes['after']?.status, nodes['good']?.status, nodes['end']?.status]).toEqual(['SKIPPED', 'DONE', 'DONE'])
  })

  requirement('EH-09c', async () => {
    const key = await stack.submit([step('io.csv', { failures: 2 })])
    expect(await stack.ended(key)).toMatchObject({ outcome: 'SUCCEEDED', nodes: { '1': { attempt: 3 } } })
    const agents = (await stack.runs()).filter((run) => run.startsWith(key)).map((run) => run.split(' ')[2])
    expect(new Set(agents.slice(0, 2)).size).toBe(2)
    expect((await stack.result(key)).warnings).toHaveLength(2)
    const garbage = await stack.submit([step('io.csv', { garbage: true })])
    expect(await stack.ended(garbage)).toMatchObject({ outcome: 'SUCCEEDED', nodes: { '1': { attempt: 2 } } })
    const silent = await stack.submit([step('io.csv', { silent: true, delayMs: 0 })])
    expect((await stack.ended(silent)).outcome).toBe('FAILED')
    expect((await stack.result(silent)).errors).toMatchObject([{ code: 'NODE_TIMEOUT', attempt: 3 }])
  })
})

requirement('EH-10', async () => {
  // One agent of capacity 1: three processes get their turn, none fails, and no try is spent on waiting.
  const keys = await Promise.all([1, 2, 3].map(() => stack.submit([step('stat.mean', { delayMs: 200 })])))
  for (const key of keys) expect(await stack.ended(key)).toMatchObject({ outcome: 'SUCCEEDED', nodes: { '1': { attempt: 1 } } })
  // The second of two equal results is refused and changes nothing.
  const twice = await stack.submit([step('io.csv', { twice: true }), step('io.csv')])
  expect((await stack.ended(twice)).outcome).toBe('SUCCEEDED')
  await eventually(async () => (await stack.redis.client().lrange('test:again', 0, -1))[0] === '409')
  expect(await runsOf(twice)).toEqual(['1', '2'])
  const { http } = dispatcher
  const result = { eventId: 'p-1/a/1', fence: 1, agent: 'csv-1', ok: true, output: {}, warnings: [], logs: [], durationMs: 1 }
  expect((await http.post('/dispatcher/results', result)).status).toBe(409)
  expect((await http.post('/dispatcher/results', { ok: true })).status).toBe(400)
  expect((await http.post('/dispatcher/results', '{')).status).toBe(400)
  const metrics = (await stack.hub.http.get('/metrics')).text
  expect(metrics).toMatch(/enginescope_hub_results_refused_total\{reason="event_unknown"\} [1-9]/)
  expect(metrics).toMatch(/enginescope_hub_results_refused_total\{reason="shape"\} [1-9]/)
  // An agent that offers something else than it says gets no work.
  expect(metrics).toContain('enginescope_hub_agents{algorithm="never.true",state="quarantined"} 1')
})

const began = ({ startedAt }: ProcessShown) => startedAt ?? 0
const ended = ({ finishedAt }: ProcessShown) => finishedAt ?? 0

requirement('EH-06', async () => {
  await dispatcher.http.post('/dispatcher/slots', { slots: 2 })
  const keys: string[] = []
  for (let number = 0; number < 6; number++) keys.push(await stack.submit([step('io.csv', { delayMs: 250 })]))
  const all: ProcessShown[] = []
  for (const key of keys) all.push(await stack.ended(key))
  // Both times are Redis's: at the start of each, how many others had begun and not ended.
  const beside = all.map(
    ({ startedAt }) => all.filter((other) => began(other) <= (startedAt ?? 0) && ended(other) > (startedAt ?? 0)).length,
  )
  expect(Math.max(...beside)).toBe(2)
  expect(all.map(({ fence }) => fence)).toEqual(all.map(({ fence }) => fence).sort((a, b) => (a ?? 0) - (b ?? 0)))
  // Lowered while they run: what runs ends, nothing is killed, nothing new starts.
  const running = await stack.submit([step('io.csv', { delayMs: 600 })])
  await eventually(async () => (await stack.process(running)).status === 'RUNNING')
  await dispatcher.http.post('/dispatcher/slots', { slots: 0 })
  const waiting = await stack.submit([step('io.csv')])
  expect((await stack.ended(running)).outcome).toBe('SUCCEEDED')
  expect((await stack.process(waiting)).status).toBe('PENDING')
  expect((await dispatcher.http.post('/dispatcher/slots', { slots: 'x' })).status).toBe(400)
  await dispatcher.http.post('/dispatcher/slots', { slots: 4 })
  expect((await stack.ended(waiting)).outcome).toBe('SUCCEEDED')
})

requirement('EH-07', async () => {
  const nobody = await stack.submit([step('nobody.has.it')])
  const behind = await stack.submit([step('io.csv')])
  expect((await stack.ended(behind)).outcome).toBe('SUCCEEDED')
  const queue = (await stack.hub.http.get('/hub/queue')).json<{ key: string; denies: number; ageMs: number }[]>()
  expect(queue).toMatchObject([{ key: nobody, denies: 1 }])
  const checks = (await stack.hub.http.get(`/hub/processes/${nobody}/checklogs`)).json()
  expect(checks).toMatchObject([{ status: 'DENY', checkerKey: 'd-1', description: 'no live agent for nobody.has.it' }])
  const metrics = (await stack.hub.http.get('/metrics')).text
  expect(metrics).toMatch(/enginescope_hub_denies_total\{reason="no_agent"\} [1-9]/)
  expect(metrics).toMatch(/enginescope_hub_queue_oldest_age_seconds (0\.\d*[1-9]|[1-9])/)
  // An agent comes: it wakes the dispatcher, and the oldest is served.
  const agent = await stack.agent('late-1', 'nobody.has.it')
  expect((await stack.ended(nobody)).outcome).toBe('SUCCEEDED')
  await agent.stop()
})

requirement('EH-16', async () => {
  await dispatcher.http.post('/dispatcher/slots', { slots: 1 })
  const running = await stack.submit([step('io.csv', { delayMs: 60_000 })])
  await eventually(async () => (await stack.process(running)).nodes['1']?.status === 'RUNNING')
  const waiting = await stack.submit([step('io.csv')])
  const next = await stack.submit([step('io.csv')])
  expect((await stack.hub.http.delete(`/hub/adhoc/${waiting}`)).status).toBe(204)
  expect((await stack.hub.http.delete(`/hub/processes/${running}`)).status).toBe(204)
  expect(await stack.ended(running)).toMatchObject({ outcome: 'CANCELLED', nodes: { '1': { status: 'CANCELLED' } } })
  expect(await stack.process(waiting)).toMatchObject({ outcome: 'CANCELLED', startedAt: null })
  expect((await stack.ended(next)).outcome).toBe('SUCCEEDED')
  await eventually(async () => (await stack.redis.client().lrange('test:stopped', 0, -1)).length === 1)
  expect((await stack.hub.http.delete(`/hub/processes/${running}`)).status).toBe(409)
  expect((await stack.hub.http.delete('/hub/processes/p-none')).status).toBe(404)
  await dispatcher.http.post('/dispatcher/slots', { slots: 4 })
})

test('the end of a node and the start of the next are one write, as are the end of the last one and that of its process', async () => {
  const monitor = await stack.redis.client().monitor()
  const writes: string[] = []
  let key = 'none'
  monitor.on('monitor', (_time: string, args: string[]) => {
    const words = args
      .slice(2)
      .flatMap((arg) => [.../"status":"(\w+)"|^(SUCCEEDED)$/g[Symbol.matchAll](arg)].map(([, status, end]) => status ?? end))
    if (/^eval(sha)?$/i.test(args[0] ?? '') && args.includes(key) && words.length > 0) writes.push(words.join(' '))
  })
  // Without a slot it waits until its key is known.
  await dispatcher.http.post('/dispatcher/slots', { slots: 0 })
  key = await stack.submit([step('io.csv'), step('stat.mean')])
  await dispatcher.http.post('/dispatcher/slots', { slots: 4 })
  expect((await stack.ended(key)).outcome).toBe('SUCCEEDED')
  monitor.disconnect()
  expect(writes).toEqual(['RUNNING', 'DONE RUNNING', 'DONE SUCCEEDED'])
})
