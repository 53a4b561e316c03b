import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hubMetrics } from '../../src/catalogue/hub.ts'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { type HubStack, startHubStack, step } from '../support/hub/hub-programs.ts'
import { hubRequirements, requirement } from '../support/hub/hub-requirements.ts'
import { freePort } from '../support/ports.ts'
import { parsePrometheusText } from '../support/prometheus-text.ts'

type Job = {
  status: string
  progress: number
  taskType: string
  progressInfo: { id: string; succeedTasks: number; runningTasks: number }[]
  error?: { code: string }
  engine: { instance: string; engineType: string }
}

let aggregator: Aggregator
let stack: HubStack
beforeAll(async () => {
  const port = await freePort()
  stack = await startHubStack({ ENGINESCOPE_URL: `http://127.0.0.1:${port}` })
  aggregator = await startAggregator({ redisUrl: stack.redis.url, port })
}, 60_000)
afterAll(async () => {
  await aggregator.stop()
  await stack.stop()
})

const job = async (key: string) => (await aggregator.http.get(`/api/v1/namespaces/default/jobs/${key}`)).json<Job>()

requirement(
  'EH-13',
  async () => {
    const key = await stack.submit({
      load: step('io.csv'),
      slow: step('stat.mean', { delayMs: 4_000 }, ['load']),
      end: step('io.csv', {}, ['slow']),
    })
    expect(
      await eventually(
        () => job(key),
        ({ status }) => status === 'inited',
      ),
    ).toMatchObject({ taskType: 'hub_process', progress: 0 })
    const cancelled = await stack.submit([step('io.csv')])
    await stack.hub.http.delete(`/hub/processes/${cancelled}`)
    await eventually(
      () => job(cancelled),
      ({ status }) => status === 'cancelled',
    )
    const engines = async () =>
      (await aggregator.http.get('/api/v1/engines')).json<{
        engines: {
          instance: string
          engineType: string
          counts?: Record<string, number>
          engineTaskCounts?: Record<string, number>
        }[]
      }>().engines
    await eventually(engines, (all) =>
      all.some((engine) => engine.instance === 'hub-1' && JSON.stringify(engine).includes('"pending":1')),
    )

    await Promise.all([stack.agent('csv-1', 'io.csv'), stack.agent('mean-1', 'stat.mean')])
    await stack.dispatcher('d-1', 3)
    const running = await eventually(
      () => job(key),
      ({ progress, progressInfo }) => progress > 0.3 && progressInfo.some(({ runningTasks }) => runningTasks === 1),
    )
    expect(running).toMatchObject({ status: 'running' })
    expect(running.progress).toBeCloseTo(1 / 3)
    expect(running.progressInfo.map(({ id, succeedTasks, runningTasks }) => [id, succeedTasks, runningTasks])).toEqual([
      ['load', 1, 0],
      ['slow', 0, 1],
      ['end', 0, 0],
    ])
    await eventually(engines, (all) =>
      all.some((engine) => engine.instance === 'd-1' && JSON.stringify(engine).includes('"limit":3')),
    )
    expect(
      await eventually(
        () => job(key),
        ({ status }) => status === 'succeeded',
      ),
    ).toMatchObject({ progress: 1 })

    const failing = await stack.submit([step('io.csv', { fatal: true })])
    expect(
      await eventually(
        () => job(failing),
        ({ status }) => status === 'failed',
      ),
    ).toMatchObject({ error: { code: 'NO_TARGET' } })
  },
  { timeout: 60_000 },
)

requirement('EH-15', async () => {
  const key = await stack.submit([step('io.csv')])
  await stack.ended(key)
  const lines = await eventually(
    async () =>
      (await aggregator.http.get(`/api/v1/namespaces/default/jobs/${key}/logs`)).json<{
        lines: { line: string; fields: object }[]
      }>().lines,
    (found) => found.some(({ line }) => line === 'ended: SUCCEEDED'),
  )
  expect(lines.find(({ line }) => line.startsWith('taken by'))?.fields).toMatchObject({ process: key, dispatcher: 'd-1' })
  expect(lines.find(({ line }) => line.startsWith('node 1 goes to'))?.fields).toMatchObject({
    process: key,
    node: '1',
    agent: 'csv-1',
    dispatcher: 'd-1',
  })
  // The hub's own store has them too, and the lines of the nodes.
  expect((await stack.result(key)).logs).toMatchObject([{ line: `ran ${key}/1/1`, node: '1', agent: 'csv-1' }])
})

requirement('EH-14', async () => {
  const { text } = await stack.hub.http.get('/metrics')
  const families = parsePrometheusText(text)
  for (const { name, type, help } of Object.values(hubMetrics)) expect(families.get(name), name).toMatchObject({ type, help })
  expect(
    families.get('enginescope_hub_processes_finished_total')?.samples.map(({ labels, value }) => [labels['outcome'], value]),
  ).toEqual([
    ['succeeded', 2],
    ['failed', 1],
    ['cancelled', 1],
    ['lost', 0],
  ])
  const count = families.get('enginescope_hub_schedule_to_start_seconds')?.samples.find(({ name }) => name.endsWith('_count'))
  expect(count?.value).toBe(3)
  expect(families.get('enginescope_hub_slots')?.samples.map(({ labels, value }) => [labels['state'], value])).toContainEqual([
    'total',
    3,
  ])
  expect(
    families
      .get('enginescope_hub_agents')
      ?.samples.find(({ labels: { state, algorithm } }) => state === 'live' && algorithm === 'io.csv')?.value,
  ).toBe(1)
  for (const family of families.values()) for (const { labels } of family.samples) expect(labels).not.toHaveProperty('instance')
})

test('of several hubs one prints what all share, another when it is gone: sums over them are right', async () => {
  const hubs = await Promise.all(['hub-2', 'hub-3'].map((id) => stack.startHub({ ENGINESCOPE_HUB_PORT: '0' }, id)))
  const all = [stack.hub, ...hubs]
  const shared = new Set<string>(Object.values(hubMetrics).map(({ name }) => name))
  /** What each hub that answers prints of the shared series. */
  const printed = async () => {
    const texts = await Promise.all(
      all.map(({ http }) =>
        http.get('/metrics').then(
          ({ text }) => text,
          () => undefined,
        ),
      ),
    )
    return texts.map((text) => [...parsePrometheusText(text ?? '')].filter(([name]) => shared.has(name)))
  }
  const holders = async () => (await printed()).flatMap((families, at) => (families.length > 0 ? [at] : []))
  const sum = async (wanted: string) =>
    (await printed())
      .flat()
      .flatMap(([name, { samples }]) => (name === wanted ? samples : []))
      .reduce((total, { value }) => total + value, 0)
  const added = 'enginescope_hub_processes_added_total'
  const before = Number(await stack.redis.client().hget('{hub}:counters', 'added'))
  expect(before).toBeGreaterThan(0)
  expect(await holders()).toEqual([0])
  for (let more = 1; more <= 5; more++) {
    await all[1 + (more % 2)]?.http.post('/hub/adhoc', { flow: { processers: [step('nobody.has.it')] } })
    expect(await sum(added)).toBe(before + more)
    expect(await sum('enginescope_hub_queue_processes')).toBe(more)
  }
  // One that is frozen is replaced, and does not come back as a second one.
  stack.hub.program.kill('SIGSTOP')
  all.shift()
  const [heir = -1] = await eventually(holders, ({ length }) => length > 0)
  expect(await sum(added)).toBe(before + 5)
  stack.hub.program.kill('SIGCONT')
  all.unshift(stack.hub)
  expect(await holders()).toEqual([heir + 1])
  // One that leaves hands over at once.
  await all[heir + 1]?.program.stop()
  expect(await holders()).toHaveLength(1)
  expect(await sum(added)).toBe(before + 5)
  await Promise.all(hubs.map(({ program }) => program.stop()))
  await eventually(async () => (await holders()).length === 1)
}, 60_000)

describe('the table of promises', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  test.each(Object.entries(hubRequirements))('%s is held by a test of the file that the table names', (id, { file, says }) => {
    expect(existsSync(`${root}/${file}`), file).toBe(true)
    const text = readFileSync(`${root}/${file}`, 'utf8')
    expect(new RegExp(`requirement\\(\\s*'${id}'`).test(text) || text.includes(says), `${file} holds ${id}`).toBe(true)
  })
})
