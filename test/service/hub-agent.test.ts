import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { NodeEvent, NodeResult } from '../../src/hub/model/event.ts'
import { eventually } from '../support/eventually.ts'
import { aDispatcher, anEvent, startAgentProgram, type TestAgent, type TestDispatcher } from '../support/hub/agent-stand.ts'
import { startEnginescope } from '../support/process.ts'
import { parsePrometheusText } from '../support/prometheus-text.ts'
import { aStand, engineOf, jobOf, logsOf } from '../support/reporting.ts'

const stand = aStand()
let dispatcher: TestDispatcher
let agent: TestAgent
const others: (() => Promise<unknown>)[] = []

/** Does what its input says: everything a run can do to its agent. */
const module = `
export const algorithm = { key: 'test.alg', name: 'Test', tags: ['test'], catalog: 'test.alg' }
let runs = 0
export async function run({ input, model, log, warn, progress, signal }) {
  const [what, more] = input.$input.data[0].data
  runs++
  if (what === 'echo') { log('one line'); log('WARN', 'another'); console.log('printed'); warn('careful'); progress(0.5); return { key: String(runs), data: input.$input.data } }
  if (what === 'chatter') { for (let at = 0; at < 3000; at++) { log('line ' + at); warn('warning ' + at) } return {} }
  if (what === 'shout') { for (let at = 0; at < 90; at++) { log('x'.repeat(8000)); warn('x'.repeat(8000)) } return {} }
  if (what === 'wait') return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve({ key: 'waited' }), Number(more))
    signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason) })
  })
  if (what === 'never') return new Promise(() => {})
  if (what === 'loop') for (;;) {}
  if (what === 'talk') for (;;) { log('x'.repeat(1000)); progress(0.5) }
  if (what === 'exit') process.exit(3)
  if (what === 'throw') throw Object.assign(new Error('no column'), { code: 'NO_TARGET', retryable: true })
  if (what === 'later') { setImmediate(() => { throw new Error('in a callback') }); return new Promise(() => {}) }
  if (what === 'memory') { const all = []; for (;;) all.push(new Array(1e5).fill(all.length)) }
  if (what === 'garbage') return { data: [{ attribute: { name: 'a', type: 't' }, data: [1] }] }
  if (what === 'uncopyable') return { key: () => 1 }
  if (what === 'big') return { data: [{ attribute: { name: 'a', type: 't' }, data: Array.from({ length: 300 }, () => 'x'.repeat(1000)) }] }
}
`

const settings = () => ({
  URL: stand.aggregator.url,
  HUB_DATA_MAX: '200KiB',
  AGENT_MEMORY_MAX: '48MiB',
  AGENT_ABORT_GRACE: '200ms',
  HUB_MEMBER_LEASE: '3s',
  HUB_DRAIN: '10s',
})

beforeAll(async () => {
  dispatcher = await aDispatcher(stand.redis, 'd-1')
  agent = await startAgentProgram({
    redis: stand.redis,
    algorithm: 'test.alg',
    module,
    capacity: 2,
    settings: settings(),
    args: ['--id', 'agent-1'],
  })
}, 120_000)
afterAll(async () => {
  await agent.stop()
  await dispatcher.close()
})
afterEach(async () => {
  for (const close of others.splice(0)) await close()
})

const doing = (...words: string[]): Partial<NodeEvent> => ({
  input: { $input: { data: [{ attribute: { name: 'do', type: 'string' }, data: words }] } },
})
async function resultOf(eventId: string, of = dispatcher): Promise<NodeResult> {
  const find = () => of.results.find((result) => result.eventId === eventId)
  return (await eventually(find, undefined, { timeoutMs: 20_000, what: eventId })) as NodeResult
}
const post = (event: unknown, to = agent) => to.http.post('/agent/events', event)

async function ranTo(changes: Partial<NodeEvent>): Promise<NodeResult> {
  const event = anEvent(dispatcher, changes)
  await eventually(async () => (await post(event)).status === 202)
  return resultOf(event.eventId)
}

describe('an agent', () => {
  test('says what it offers and how it is', async () => {
    const offered = await agent.http.get('/agent/algorithm')
    expect(offered.json()).toEqual({ key: 'test.alg', name: 'Test', description: '', tags: ['test'], catalog: 'test.alg' })
    const event = anEvent(dispatcher, doing('wait', '300'))
    expect((await post(event)).status).toBe(202)
    expect((await agent.http.get('/agent/status')).json()).toMatchObject({
      agent: 'agent-1',
      algorithm: 'test.alg',
      state: 'live',
      running: 1,
      capacity: 2,
      events: [{ eventId: event.eventId, startedAt: expect.any(Number) }],
    })
    await resultOf(event.eventId)
    await eventually(
      async () => expect((await agent.http.get('/agent/status')).json()).toMatchObject({ running: 0, events: [] }),
      () => true,
    )
  })

  test('runs an event and posts its output, lines and warnings to the dispatcher', async () => {
    const event = anEvent(dispatcher, { fence: 12 })
    const answer = await post(event)
    expect([answer.status, answer.json()]).toEqual([202, { eventId: event.eventId }])
    expect(await resultOf(event.eventId)).toEqual({
      eventId: event.eventId,
      fence: 12,
      agent: 'agent-1',
      ok: true,
      output: { key: expect.any(String), data: event.input['$input']?.data },
      warnings: ['careful'],
      logs: expect.arrayContaining([
        { ts: expect.any(Number), level: 'INFO', line: 'one line' },
        { ts: expect.any(Number), level: 'WARN', line: 'another' },
      ]),
      durationMs: expect.any(Number),
    })
  })

  test('keeps the first of what a run says, by number and by bytes, and counts the rest', async () => {
    const chatter = await ranTo(doing('chatter'))
    expect([chatter.warnings.length, chatter.warnings[98], chatter.warnings[99]]).toEqual([
      100,
      'warning 98',
      '2901 further warnings are left out',
    ])
    expect([chatter.logs.length, chatter.logs[998]?.line]).toEqual([1_000, 'line 998'])
    expect(chatter.logs[999]).toMatchObject({ level: 'WARN', line: expect.stringMatching(/^2001 further lines are left out/) })
    const shout = await ranTo(doing('shout'))
    expect([shout.warnings.length, shout.warnings.at(-1)]).toEqual([9, '82 further warnings are left out'])
    expect([shout.logs.length, shout.logs.at(-1)?.line.slice(0, 8)]).toEqual([33, '58 furth'])
  })

  test('is in the registry, live, with its algorithm and its load', async () => {
    const registered = async () => (await dispatcher.registry.list('agent')).find(({ id }) => id === 'agent-1')
    // What ran before was told a moment ago, if at all.
    await eventually(async () => (await registered())?.running === 0)
    expect(await registered()).toMatchObject({ state: 'live', capacity: 2, running: 0, algorithm: { key: 'test.alg' } })
    const event = anEvent(dispatcher, doing('wait', '400'))
    await post(event)
    await eventually(async () => (await registered())?.running === 1)
    await resultOf(event.eventId)
    await eventually(async () => (await registered())?.running === 0)
  })

  test('reports each run as a task with its lines, and itself as an engine with its capacity', async () => {
    const event = anEvent(dispatcher, { node: 'train', attempt: 2 })
    await post(event)
    await resultOf(event.eventId)
    const job = await eventually(
      () => jobOf(stand.aggregator, event.processKey),
      ({ status }) => status === 'succeeded',
    )
    expect(job.tasks).toMatchObject([{ execId: `${event.processKey}/train`, attempt: 2, status: 'succeeded', progress: 1 }])
    expect(job.taskType).toBe('hub_node')
    expect(job.attributes).toMatchObject({ node: 'train', algorithm: 'test.alg' })
    const { lines } = await logsOf(stand.aggregator, event.processKey)
    expect(lines.map(({ line }) => line)).toEqual(expect.arrayContaining(['one line', 'another', 'careful']))
    expect(await engineOf(stand.aggregator, 'agent-1')).toMatchObject({ engineType: 'enginehub-agent', counts: { limit: 2 } })
  })

  test('says on its metrics how runs ended, what runs and how much may', async () => {
    const read = async () => {
      const families = parsePrometheusText((await agent.http.get('/metrics')).text)
      const samples = (name: string) => families.get(`enginescope_agent_${name}`)?.samples ?? []
      const runs = Object.fromEntries(samples('runs_total').map(({ labels, value }) => [labels['outcome'], value]))
      expect(families.has('process_cpu_seconds_total')).toBe(true)
      return { runs, running: samples('running')[0]?.value, capacity: samples('capacity')[0]?.value }
    }
    const { runs: before } = await read()
    expect(Object.keys(before)).toEqual(['succeeded', 'failed', 'timed_out', 'cancelled'])
    const going = anEvent(dispatcher, doing('wait', '60000'))
    await post(going)
    expect(await read()).toEqual({ runs: before, running: 1, capacity: 2 })
    await ranTo({})
    await ranTo(doing('throw'))
    await ranTo({ ...doing('never'), deadline: Date.now() + 300 })
    await agent.http.delete(`/agent/events/${encodeURIComponent(going.eventId)}?fence=1`)
    await resultOf(going.eventId)
    const after = Object.fromEntries(Object.entries(before).map(([outcome, count]) => [outcome, Number(count) + 1]))
    expect(await read()).toEqual({ runs: after, running: 0, capacity: 2 })
  })

  test('sent the same event twice runs it once, also after it has ended', async () => {
    const event = anEvent(dispatcher)
    const answers = await Promise.all([post(event), post(event), post(event)])
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202])
    await resultOf(event.eventId)
    expect((await post(event)).status).toBe(202)
    await ranTo({})
    expect(dispatcher.results.filter(({ eventId }) => eventId === event.eventId)).toHaveLength(1)
    const job = await eventually(
      () => jobOf(stand.aggregator, event.processKey),
      ({ status }) => status === 'succeeded',
    )
    const { lines } = await logsOf(stand.aggregator, job.jobId)
    expect(lines.filter(({ line }) => line === 'one line')).toHaveLength(1)
  })

  test('sends the result to whoever has taken the process over meanwhile, and runs it once', async () => {
    const second = await aDispatcher(stand.redis, 'd-2')
    others.push(() => second.close())
    const event = anEvent(dispatcher, doing('wait', '500'))
    await post(event)
    expect((await post({ ...event, fence: 2, replyTo: second.replyTo })).status).toBe(202)
    expect((await resultOf(event.eventId, second)).fence).toBe(2)
    expect((await post(event)).json()).toMatchObject({ error: { code: 'FENCE_STALE' } })
    expect((await post({ ...event, fence: 3, replyTo: second.replyTo })).status).toBe(202)
    await eventually(() => second.results.some(({ fence }) => fence === 3))
    expect(dispatcher.results.filter(({ eventId }) => eventId === event.eventId)).toEqual([])
  })

  test('that is full answers 429 with Retry-After, and takes the event when there is room', async () => {
    const waiting = [1, 2].map(() => anEvent(dispatcher, doing('wait', '600')))
    for (const event of waiting) expect((await post(event)).status).toBe(202)
    const third = anEvent(dispatcher)
    const refused = await post(third)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.json()).toMatchObject({ error: { code: 'AGENT_FULL' } })
    await eventually(async () => (await post(third)).status === 202)
    for (const { eventId } of [...waiting, third]) expect((await resultOf(eventId)).ok).toBe(true)
  })

  test('refuses what is no event of its own, with the path', async () => {
    const event = anEvent(dispatcher)
    const refused: [unknown, string | undefined][] = [
      [{ ...event, algKey: 'other.alg' }, 'algKey'],
      [{ ...event, replyTo: 'http://127.0.0.1:1/dispatcher/results' }, 'replyTo'],
      [{ ...event, replyTo: 'http://169.254.169.254/latest' }, 'replyTo'],
      [{ ...event, replyTo: dispatcher.replyTo.replace('http://', 'http://user@') }, 'replyTo'],
      ...[
        '/dispatcher/slots',
        '/dispatcher/results/',
        '/dispatcher/results/x',
        '/dispatcher/results?a',
        '/dispatcher/../x',
        '',
      ].map((path): [unknown, string] => [
        { ...event, replyTo: dispatcher.replyTo.replace('/dispatcher/results', path) },
        'replyTo',
      ]),
      [{ ...event, replyTo: dispatcher.replyTo.toUpperCase() }, 'replyTo'],
      [{ ...event, fence: 0 }, 'fence'],
      [{ ...event, input: { a: { data: [{ attribute: {}, data: [] }] } } }, 'input.a.data[0].attribute.name'],
      [[], undefined],
    ]
    for (const [body, path] of refused) {
      const answer = await post(body)
      expect(answer.status, JSON.stringify(body)).toBe(400)
      const { error } = answer.json<{ error: { code: string; path?: string } }>()
      expect([error.code, error.path]).toEqual(['REQUEST_INVALID', path])
    }
    expect((await agent.http.post('/agent/events', '{', { 'content-type': 'application/json' })).status).toBe(400)
  })

  test('sends a result again until it is answered', async () => {
    dispatcher.answers.push(503, 500, 429)
    const event = anEvent(dispatcher)
    await post(event)
    await eventually(
      () => dispatcher.results.filter(({ eventId }) => eventId === event.eventId),
      (sent) => sent.length === 4,
    )
  })

  test('leaves it at a result that is not wanted', async () => {
    dispatcher.answers.push(409)
    const event = anEvent(dispatcher)
    await post(event)
    await resultOf(event.eventId)
    await ranTo({})
    expect(dispatcher.results.filter(({ eventId }) => eventId === event.eventId)).toHaveLength(1)
  })
})

describe('a run that goes wrong takes nobody with it', () => {
  const soon = () => ({ deadline: Date.now() + 300 })

  test.each([
    ['throws', () => doing('throw'), { code: 'NO_TARGET', message: 'no column' }, true],
    ['crashes in a callback', () => doing('later'), { code: 'RUN_CRASHED' }, true],
    ['ends its process', () => doing('exit'), { code: 'RUN_CRASHED' }, true],
    ['takes too much memory', () => doing('memory'), { code: 'MEMORY_LIMIT' }, false],
    ['loops for ever', () => ({ ...doing('loop'), ...soon() }), { code: 'NODE_TIMEOUT' }, true],
    ['talks for ever', () => ({ ...doing('talk'), ...soon() }), { code: 'NODE_TIMEOUT' }, true],
    ['never resolves', () => ({ ...doing('never'), ...soon() }), { code: 'NODE_TIMEOUT' }, true],
    ['listens to its signal', () => ({ ...doing('wait', '60000'), ...soon() }), { code: 'NODE_TIMEOUT' }, true],
    ['gives what is no table', () => doing('garbage'), { code: 'RESULT_INVALID' }, false],
    ['gives what cannot be sent', () => doing('uncopyable'), { code: 'DataCloneError' }, false],
    ['gives more than it may', () => doing('big'), { code: 'RESULT_INVALID' }, false],
  ])('one that %s', async (_, changes, error, retryable) => {
    // Its neighbour goes on meanwhile.
    const neighbour = anEvent(dispatcher, doing('wait', '700'))
    await eventually(async () => (await post(neighbour)).status === 202)
    expect(await ranTo(changes())).toMatchObject({ ok: false, error, retryable })
    expect(await resultOf(neighbour.eventId)).toMatchObject({ ok: true })
    expect((await ranTo({})).ok).toBe(true)
  })

  test('one that is cancelled stops, at once where it listens', async () => {
    const event = anEvent(dispatcher, { ...doing('wait', '60000'), fence: 4 })
    await post(event)
    const path = `/agent/events/${encodeURIComponent(event.eventId)}`
    expect((await agent.http.delete(`${path}?fence=3`)).status).toBe(404)
    expect((await agent.http.delete(path)).status).toBe(404)
    expect((await agent.http.delete(`${path}?fence=4`)).status).toBe(202)
    expect(await resultOf(event.eventId)).toMatchObject({ ok: false, error: { code: 'CANCELLED' }, retryable: false })
    const job = await eventually(
      () => jobOf(stand.aggregator, event.processKey),
      ({ status }) => status === 'cancelled',
    )
    expect(job.status).toBe('cancelled')
  })
})

describe('the program', () => {
  test('that is told to stop takes nothing new, lets its runs end, and leaves the registry at once', async () => {
    const leaving = await startAgentProgram({
      redis: stand.redis,
      algorithm: 'test.alg',
      module,
      settings: settings(),
      args: ['--id', 'agent-2'],
    })
    others.push(() => leaving.stop())
    const event = anEvent(dispatcher, doing('wait', '1500'))
    expect((await post(event, leaving)).status).toBe(202)
    leaving.program.kill('SIGTERM')
    const registered = async () => (await dispatcher.registry.list('agent')).some(({ id }) => id === 'agent-2')
    await eventually(async () => !(await registered()))
    const refused = await post(anEvent(dispatcher), leaving)
    expect([refused.status, refused.json<{ error: { code: string } }>().error.code]).toEqual([503, 'SHUTTING_DOWN'])
    expect(await resultOf(event.eventId)).toMatchObject({ ok: true, output: { key: 'waited' } })
    expect(await leaving.program.exited).toEqual({ code: 0, signal: null })
  })

  test.each([
    ['a file that is not there', '/nowhere/x.js', 'test.alg', /there is no such file/],
    ['TypeScript', new URL('../../examples/hub/merge.ts', import.meta.url).pathname, 'util.merge', /build it first/],
    [
      'another algorithm',
      new URL('../../dist/examples/hub/merge.js', import.meta.url).pathname,
      'x',
      /exports the algorithm util.merge, not x/,
    ],
    ['a module without run', new URL('../../dist/examples/hub/csv.js', import.meta.url).pathname, 'x', /exports no function run/],
  ])('says what is wrong with %s, and leaves', async (_, file, key, message) => {
    const program = await startEnginescope(['agent', '--algorithm', key, '--module', file], {
      env: { ENGINESCOPE_HUB_REDIS_URL: stand.redis.url },
    })
    others.push(() => program.stop(0))
    expect((await program.exited).code).toBe(1)
    expect(program.stderr()).toMatch(message)
    expect(program.stderr().trim().split('\n')).toHaveLength(1)
  })
})
