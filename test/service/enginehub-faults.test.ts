import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type HubStack, type Member, startHubStack, step } from '../support/hub/hub-programs.ts'
import { requirement } from '../support/hub/hub-requirements.ts'

let stack: HubStack
beforeEach(async () => {
  stack = await startHubStack()
}, 60_000)
afterEach(() => stack.stop())

const runsOf = async (key: string, node: string) => (await stack.runs()).filter((run) => run.startsWith(`${key}/${node}/`))
const members = async () =>
  (await stack.hub.http.get('/hub/members')).json<{ id: string; state: string }[]>().map(({ id, state }) => `${id} ${state}`)

requirement(
  'EH-11',
  async () => {
    await stack.dispatcher('d-1', 4)
    const killed = await stack.agent('a-1', 'io.csv')
    const key = await stack.submit([step('io.csv', { delayMs: 1_500 })])
    await eventually(async () => (await runsOf(key, '1')).length === 1)
    killed.kill('SIGKILL')
    const stopped = await stack.agent('a-2', 'io.csv')
    await eventually(async () => (await members()).some((member) => member === 'a-1 suspect' || member === 'a-1 lost'))
    expect(await stack.ended(key)).toMatchObject({ outcome: 'SUCCEEDED', nodes: { '1': { agent: 'a-2', attempt: 2 } } })
    expect((await stack.result(key)).warnings[0]).toContain('AGENT_LOST')

    // Stopped, so that it is silent, and then there again with an old result, which changes nothing.
    const other = await stack.submit([step('io.csv', { delayMs: 800 })])
    await eventually(async () => (await runsOf(other, '1')).length === 1)
    stopped.kill('SIGSTOP')
    await stack.agent('a-3', 'io.csv')
    expect(await stack.ended(other)).toMatchObject({ outcome: 'SUCCEEDED', nodes: { '1': { agent: 'a-3', attempt: 2 } } })
    stopped.kill('SIGCONT')
    await eventually(async () => (await members()).includes('a-2 live'))
    expect(await stack.process(other)).toMatchObject({ outcome: 'SUCCEEDED', nodes: { '1': { agent: 'a-3' } } })
    await stopped.stop()
    expect((await members()).some((member) => member.startsWith('a-2'))).toBe(false)
  },
  { timeout: 60_000 },
)

requirement(
  'EH-12',
  async () => {
    const first = await stack.dispatcher('d-1', 4)
    await Promise.all([stack.agent('a-1', 'io.csv'), stack.agent('b-1', 'stat.mean')])
    const flow = {
      load: step('io.csv'),
      work: step('stat.mean', { delayMs: 2_500 }, ['load']),
      end: step('io.csv', {}, ['work']),
    }
    const isAtWork = async (key: string) => (await stack.process(key)).nodes['work']?.status === 'RUNNING'
    const killed = await stack.submit(flow)
    await eventually(() => isAtWork(killed))
    first.program.kill('SIGKILL')
    const second = await stack.dispatcher('d-2', 4)
    expect(await stack.ended(killed)).toMatchObject({ outcome: 'SUCCEEDED', attempt: 2, dispatcher: 'd-2' })
    expect(await runsOf(killed, 'load')).toHaveLength(1)
    // The agent had it still: its one run serves the new dispatcher.
    expect(await runsOf(killed, 'work')).toHaveLength(1)

    // One that hangs for longer than its lease finds out that it has lost the process, and writes nothing of it.
    const hung = await stack.submit(flow)
    await eventually(() => isAtWork(hung))
    second.program.kill('SIGSTOP')
    const third = await stack.dispatcher('d-3', 4)
    expect(await stack.ended(hung)).toMatchObject({ outcome: 'SUCCEEDED', attempt: 2, dispatcher: 'd-3' })
    second.program.kill('SIGCONT')
    await eventually(async () => (await second.http.get('/dispatcher/status')).json<{ running: number }>().running === 0)
    expect(await stack.process(hung)).toMatchObject({ outcome: 'SUCCEEDED', dispatcher: 'd-3' })
    await second.program.stop()

    // Three that die in a row are enough.
    const doomed = await stack.submit([step('io.csv', { silent: true })])
    let last: Member = third
    for (const id of ['d-4', 'd-5', 'd-6']) {
      await eventually(
        async () =>
          (await stack.process(doomed)).status === 'RUNNING' && (await last.http.get('/dispatcher/status')).text.includes(doomed),
        undefined,
        { timeoutMs: 20_000 },
      )
      last.program.kill('SIGKILL')
      last = await stack.dispatcher(id, 4)
    }
    expect(await stack.ended(doomed)).toMatchObject({ outcome: 'FAILED', attempt: 3 })
    expect((await stack.result(doomed)).errors).toMatchObject([{ code: 'STALLED' }])
    expect((await stack.hub.http.get('/metrics')).text).toMatch(/enginescope_hub_takeovers_total [4-9]/)
  },
  { timeout: 90_000 },
)

test('a dispatcher that is told to stop lets short work end and gives the rest back at once, no attempt counted', async () => {
  const first = await stack.dispatcher('d-1', 4, { ENGINESCOPE_HUB_DRAIN: '500ms', ENGINESCOPE_HUB_LEASE: '60s' })
  await stack.agent('a-1', 'io.csv')
  const [short, long] = [
    await stack.submit([step('io.csv', { delayMs: 200 })]),
    await stack.submit([step('io.csv', { delayMs: 3_000 })]),
  ]
  await eventually(async () => (await runsOf(long, '1')).length === 1)
  const second = await stack.dispatcher('d-2', 0)
  const stopped = first.program.stop()
  const unclaimed = await stack.submit([step('io.csv')])
  expect(await stopped).toMatchObject({ code: 0 })
  expect((await stack.process(short)).outcome).toBe('SUCCEEDED')
  expect((await stack.process(unclaimed)).status).toBe('PENDING')
  await second.http.post('/dispatcher/slots', { slots: 2 })
  expect(await stack.ended(long)).toMatchObject({ outcome: 'SUCCEEDED', attempt: 1, dispatcher: 'd-2' })
  expect(await runsOf(long, '1')).toHaveLength(1)
}, 60_000)

test('Redis goes down and comes back: what ran goes on, what was refused was refused with 503', async () => {
  const appending = await startHubStack({ ENGINESCOPE_HUB_LEASE: '30s' })
  try {
    const dispatcher = await appending.dispatcher('d-1', 4)
    await appending.agent('a-1', 'io.csv')
    const key = await appending.submit([step('io.csv', { delayMs: 700 }), step('io.csv')])
    await eventually(async () => (await appending.process(key)).nodes['1']?.status === 'RUNNING')
    await appending.redis.kill('SIGSTOP')
    const refused = await appending.hub.http.post('/hub/adhoc', { flow: { processers: [step('io.csv')] } })
    expect(refused.status).toBe(503)
    expect(refused.json()).toMatchObject({ error: { code: 'REDIS_UNAVAILABLE' } })
    expect(refused.headers.get('retry-after')).toBe('1')
    await appending.redis.kill('SIGCONT')
    expect((await appending.ended(key)).outcome).toBe('SUCCEEDED')
    const later = await appending.submit([step('io.csv')])
    expect((await appending.ended(later)).outcome).toBe('SUCCEEDED')
    expect((await dispatcher.http.get('/-/healthy')).status).toBe(200)
  } finally {
    await appending.stop()
  }
}, 60_000)

test('what a script says of nonsense is 500 and logged, of a store that may not write 503; the hub goes on', async () => {
  const redis = stack.redis.client()
  const key = await stack.submit([step('io.csv')])
  await redis.set('{hub}:p:p-broken', 'no hash')
  const check = { status: 'DENY', description: '', checkerKey: 'd-1' }
  const broken = await stack.hub.http.post('/hub/processes/p-broken/checklogs', check)
  expect([broken.status, broken.json()]).toMatchObject([500, { error: { code: 'STORE_FAILED' } }])
  expect(broken.headers.get('retry-after')).toBeNull()
  const line = await stack.hub.program.waitForLine(/a fault of our own/)
  expect(JSON.parse(line)).toMatchObject({ level: 'error', requestId: broken.headers.get('x-request-id') })
  expect(line).toContain('WRONGTYPE')
  await redis.config('SET', 'min-replicas-to-write', '1')
  const refused = await stack.hub.http.post(`/hub/processes/${key}/checklogs`, check)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(refused.json()).toMatchObject({ error: { code: 'REDIS_UNAVAILABLE' } })
  await redis.config('SET', 'min-replicas-to-write', '0')
  expect((await stack.hub.http.post(`/hub/processes/${key}/checklogs`, check)).status).toBe(204)
})
