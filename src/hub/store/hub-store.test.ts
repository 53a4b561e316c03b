import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { aFlow, anUpdate, submitted, succeeded, type TestHub, testHub } from '../../../test/support/hub/hub-stores.ts'
import { type RedisServer, startRedis } from '../../../test/support/redis.ts'
import { ScopeError } from '../../errors.ts'

let server: RedisServer
let hub: TestHub
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.client().flushall()
  hub = testHub(server.client())
})

const all = ['io.csv', 'stat.mean']

async function codeOf(act: Promise<unknown>): Promise<string> {
  try {
    await act
    return 'done'
  } catch (error) {
    return error instanceof ScopeError ? error.code : String(error)
  }
}

describe('the queue', () => {
  test('is served oldest first; what cannot be served is passed over and keeps its place', async () => {
    const first = await submitted(hub, 'stat.mean')
    const second = await submitted(hub, 'io.csv')
    const third = await submitted(hub, 'io.csv', 'stat.mean')
    expect((await hub.store.claim('d-1', ['io.csv'], ''))?.key).toBe(second)
    const { entries, oldestAgeMs } = await hub.queries.queue(10)
    expect(entries.map(({ key, denies }) => [key, denies])).toEqual([[first, 1]].concat([[third, 0]]))
    expect(oldestAgeMs).toBeGreaterThanOrEqual(0)
    expect((await hub.store.claim('d-1', all, ''))?.key).toBe(first)
    expect((await hub.store.claim('d-1', all, ''))?.key).toBe(third)
    expect(await hub.store.claim('d-1', all, '')).toBeUndefined()
  })

  test('the same dispatcher denies the same process once a minute, another one too', async () => {
    const key = await submitted(hub, 'stat.mean')
    for (const dispatcher of ['d-1', 'd-1', 'd-2', 'd-1']) await hub.store.claim(dispatcher, [], '')
    const logs = await hub.queries.checkLogs(key)
    expect(logs.map(({ status, checkerKey, description }) => [status, checkerKey, description])).toEqual([
      ['DENY', 'd-1', 'no live agent for stat.mean'],
      ['DENY', 'd-2', 'no live agent for stat.mean'],
    ])
    expect((await hub.queries.counters()).get('denies:no_agent')).toBe(2)
  })

  test('1,500 processes that nobody can serve do not hide the one behind them', async () => {
    await Promise.all(Array.from({ length: 1500 }, () => submitted(hub, 'nobody.has')))
    const key = await submitted(hub)
    expect((await hub.store.claim('d-1', all, ''))?.key).toBe(key)
    expect((await hub.queries.queue(1)).length).toBe(1500)
  })

  // A long queue is read bit by bit: 4, then 100 at a time.
  test.each([0, 3, 4, 5, 103, 104, 105])(
    '%i processes that cannot be served are each denied before the one that can',
    async (before) => {
      for (let number = 0; number < before; number++) await submitted(hub, 'nobody.has')
      const keys = [await submitted(hub), await submitted(hub)]
      await submitted(hub, 'nobody.has')
      for (const key of keys) expect((await hub.store.claim('d-1', all, ''))?.key).toBe(key)
      expect((await hub.queries.counters()).get('denies:no_agent') ?? 0).toBe(before)
      expect(await hub.store.claim('d-1', all, '')).toBeUndefined()
      expect((await hub.queries.queue(1)).length).toBe(before + 1)
    },
  )

  test('three that claim at once never get the same one, and get them in order', async () => {
    const keys: string[] = []
    for (let number = 0; number < 60; number++) keys.push(await submitted(hub))
    const hubs = [1, 2, 3].map(() => testHub(server.client()))
    const claims: { key: string; fence: number }[] = []
    const takeAll = async ({ store }: TestHub, name: string) => {
      for (let claim = await store.claim(name, all, ''); claim !== undefined; claim = await store.claim(name, all, ''))
        claims.push(claim)
    }
    await Promise.all(hubs.map((each, at) => takeAll(each, `d-${at}`)))
    expect(claims.sort((a, b) => a.fence - b.fence).map(({ key }) => key)).toEqual(keys)
  })

  test('holds no more than it may', async () => {
    hub = testHub(server.client(), { queueMax: 1 })
    await submitted(hub)
    expect(await codeOf(submitted(hub))).toBe('BUSY')
  })
})

describe('a submission', () => {
  const submission = (clientKey: string | undefined, flow = aFlow()) => ({ flowKey: undefined, flow, data: {}, clientKey })

  test('under the same client key is the same process; other content is refused', async () => {
    const one = await hub.store.submit(submission('c'))
    expect(await hub.store.submit(submission('c'))).toEqual({ ...one, isNew: false })
    expect(await codeOf(hub.store.submit(submission('c', aFlow('stat.mean'))))).toBe('CLIENT_KEY_REUSED')
    expect((await hub.queries.queue(10)).length).toBe(1)
  })

  test('sent many times at once is one process', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => hub.store.submit(submission('c'))))
    expect(new Set(answers.map(({ key }) => key)).size).toBe(1)
    expect(answers.filter(({ isNew }) => isNew)).toHaveLength(1)
  })

  test('that is too large is refused and stored nowhere', async () => {
    hub = testHub(server.client(), { dataBytesMax: 300 })
    const data = { data: [{ attribute: { name: 'a', type: 't' }, data: ['x'.repeat(400)] }] }
    expect(await codeOf(hub.store.submit({ ...submission(undefined), data }))).toBe('BODY_TOO_LARGE')
    expect((await hub.queries.queue(10)).length).toBe(0)
  })
})

describe('races', () => {
  test('of many ACCEPTs exactly one wins, and everybody is answered', async () => {
    const key = await submitted(hub)
    const accept = (n: number) =>
      codeOf(hub.store.decide(key, { status: 'ACCEPT', description: '', checkerKey: `d-${n}` }, 'other'))
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => accept(n)))
    expect(answers.filter((answer) => answer === 'done')).toHaveLength(1)
    expect(answers.filter((answer) => answer === 'PROCESS_NOT_PENDING')).toHaveLength(19)
    expect(await codeOf(hub.store.decide(key, { status: 'DENY', description: '', checkerKey: 'd' }, 'other'))).toBe(
      'PROCESS_NOT_PENDING',
    )
    expect(await codeOf(hub.store.decide('p-0', { status: 'DENY', description: '', checkerKey: 'd' }, 'other'))).toBe(
      'PROCESS_UNKNOWN',
    )
  })

  test('whatever is tried at once, a process ends once, in order of its fences', async () => {
    const words = fc.constantFrom('claim', 'accept', 'cancel', 'finish', 'release', 'renew')
    await fc.assert(
      fc.asyncProperty(fc.array(words, { minLength: 2, maxLength: 14 }), async (actions) => {
        await server.client().flushall()
        hub = testHub(server.client())
        const key = await submitted(hub)
        const fences: number[] = []
        const ends: string[] = []
        const act: Record<string, (n: number) => Promise<unknown>> = {
          claim: async (n) => {
            const claim = await hub.store.claim(`d-${n}`, all, '')
            if (claim !== undefined) fences.push(claim.fence)
          },
          accept: async (n) => {
            const fence = await hub.store.decide(key, { status: 'ACCEPT', description: '', checkerKey: `d-${n}` }, 'other')
            fences.push(fence ?? 0)
          },
          cancel: async () => {
            await hub.store.cancel(key, undefined)
            ends.push('CANCELLED')
          },
          finish: async (n) => {
            const { fence, dispatcher } = (await hub.queries.process(key)) ?? {}
            await hub.store.update(key, anUpdate({ checkerKey: dispatcher ?? '', fence: fence ?? n, finish: succeeded }))
            ends.push('SUCCEEDED')
          },
          release: async () => {
            const { fence, dispatcher } = (await hub.queries.process(key)) ?? {}
            await hub.store.release(key, { checkerKey: dispatcher ?? '', fence: fence ?? 0 })
          },
          renew: (n) => hub.store.update(key, anUpdate({ fence: n, renews: true })),
        }
        await Promise.all(actions.map((action, n) => act[action]?.(n).catch(() => undefined)))
        const view = await hub.queries.process(key)
        const isEnded = view?.status === 'FINISHED'
        expect(new Set(ends).size).toBe(isEnded ? 1 : 0)
        expect(view?.outcome).toBe(ends[0] ?? null)
        expect(new Set(fences).size).toBe(fences.length)
        expect((await hub.queries.queue(10)).length).toBe(view?.status === 'PENDING' ? 1 : 0)
        const counters = await hub.queries.counters()
        expect([...counters].filter(([name]) => name.startsWith('finished:')).reduce((sum, [, n]) => sum + n, 0)).toBe(
          isEnded ? 1 : 0,
        )
      }),
      { numRuns: 60 },
    )
  })
})

describe('a process that runs', () => {
  const done = { status: 'DONE', agent: 'a-1', attempt: 1, output: {}, ran: { algorithm: 'io.csv', seconds: 2 } } as const

  test('is written by its fence alone; the same end again is answered as before', async () => {
    const key = await submitted(hub, 'io.csv', 'stat.mean')
    const claim = await hub.store.claim('d-1', all, 'slot 1 of 1')
    const fence = claim?.fence ?? 0
    await hub.store.update(key, anUpdate({ fence, renews: true, nodes: { '1': done } }))
    expect(await hub.queries.process(key)).toMatchObject({ status: 'RUNNING', progress: 0.5, nodes: { '1': { status: 'DONE' } } })
    expect(await codeOf(hub.store.update(key, anUpdate({ fence: fence - 1, finish: succeeded })))).toBe('FENCE_STALE')
    expect(await codeOf(hub.store.update(key, anUpdate({ fence, checkerKey: 'd-2', finish: succeeded })))).toBe('FENCE_STALE')
    expect(await codeOf(hub.store.update(key, anUpdate({ fence, nodes: { '9': done } })))).toBe('REQUEST_INVALID')
    for (let time = 0; time < 2; time++) await hub.store.update(key, anUpdate({ fence, finish: succeeded }))
    expect(await codeOf(hub.store.update(key, anUpdate({ fence, renews: true })))).toBe('PROCESS_FINISHED')
    expect((await hub.queries.counters()).get('refused:fence_stale')).toBe(2)
    expect((await hub.queries.counters()).get('node:io.csv:1')).toBe(1)
    expect(await hub.queries.flow(key)).toBeUndefined()
    expect(await hub.queries.result(key)).toMatchObject({ outputData: {}, errors: [] })
  })

  test('a node that is done stays done, and counts once', async () => {
    const key = await submitted(hub, 'io.csv', 'stat.mean')
    const fence = (await hub.store.claim('d-1', all, ''))?.fence ?? 0
    await hub.store.update(key, anUpdate({ fence, nodes: { '1': done } }))
    await hub.store.update(key, anUpdate({ fence, nodes: { '1': { status: 'RUNNING', agent: 'a-2', attempt: 2 } } }))
    await hub.store.update(key, anUpdate({ fence, nodes: { '1': done } }))
    expect(await hub.queries.process(key)).toMatchObject({
      progress: 0.5,
      nodes: { '1': { status: 'DONE', agent: 'a-1', attempt: 1 } },
    })
  })

  test('is taken over before younger ones once its lease is out; the third silence is the last', async () => {
    hub = testHub(server.client(), { leaseMs: 30 })
    const key = await submitted(hub)
    const attempts: number[] = []
    const fences: number[] = []
    await eventually(async () => {
      const claim = await hub.store.claim('d-1', all, '')
      if (claim === undefined) return (await hub.queries.process(key))?.status === 'FINISHED'
      attempts.push(claim.attempt)
      fences.push(claim.fence)
      return false
    })
    expect(attempts).toEqual([1, 2, 3])
    expect(fences).toEqual([...fences].sort((a, b) => a - b))
    expect(await hub.queries.process(key)).toMatchObject({ outcome: 'FAILED', attempt: 3 })
    expect((await hub.queries.result(key))?.errors).toMatchObject([{ code: 'STALLED' }])
    expect(await hub.queries.takeEnds(10)).toMatchObject([{ view: { key }, flowName: 'f', errors: [{ code: 'STALLED' }] }])
    expect(await hub.queries.takeEnds(10)).toEqual([])
  })

  test('that is given back goes on at once with the next, without a further attempt', async () => {
    const key = await submitted(hub)
    const younger = await submitted(hub)
    const fence = (await hub.store.claim('d-1', all, ''))?.fence ?? 0
    expect(await hub.store.release(key, { checkerKey: 'd-1', fence: fence - 1 })).toBe(false)
    expect(await hub.store.release(key, { checkerKey: 'd-1', fence })).toBe(true)
    expect(await hub.store.claim('d-2', all, '')).toMatchObject({ key, attempt: 1 })
    expect(await hub.store.claim('d-2', all, '')).toMatchObject({ key: younger })
  })

  test('is cancelled once; a dispatcher that holds it reports that, else the hub', async () => {
    const [held, waiting] = [await submitted(hub), await submitted(hub)]
    const fence = (await hub.store.claim('d-1', all, ''))?.fence ?? 0
    await hub.store.cancel(held, null)
    await hub.store.cancel(waiting, undefined)
    expect(await codeOf(hub.store.cancel(held, null))).toBe('PROCESS_FINISHED')
    expect(await codeOf(hub.store.cancel(held, 'another-flow'))).toBe('PROCESS_UNKNOWN')
    expect(await codeOf(hub.store.update(held, anUpdate({ fence, finish: succeeded })))).toBe('PROCESS_FINISHED')
    expect((await hub.queries.takeEnds(10)).map(({ view }) => view.key)).toEqual([waiting])
    expect(await hub.queries.process(held)).toMatchObject({ outcome: 'CANCELLED', nodes: { '1': { status: 'CANCELLED' } } })
  })

  test('is lost when nobody takes it over', async () => {
    hub = testHub(server.client(), { leaseMs: 1, lostAfterMs: 1 })
    const key = await submitted(hub)
    await hub.store.claim('d-1', all, '')
    await eventually(async () => (await hub.store.sweep(100)).lost === 1)
    expect((await hub.queries.result(key))?.errors).toMatchObject([{ code: 'PROCESS_LOST' }])
    expect(await hub.queries.process(key)).toMatchObject({ outcome: 'LOST' })
  })
})

test('what has ended goes after the retention and leaves nothing but totals', async () => {
  hub = testHub(server.client(), { retentionMs: 1 })
  await hub.flows.deploy('f', aFlow())
  for (let round = 0; round < 20; round++) {
    const { key } = await hub.store.submit({ flowKey: 'f', flow: aFlow(), data: {}, clientKey: undefined })
    const fence = (await hub.store.claim('d-1', all, ''))?.fence ?? 0
    await hub.store.update(key, anUpdate({ fence, logs: [{ ts: 1, level: 'INFO', line: 'x' }], finish: succeeded }))
  }
  let removed = 0
  await eventually(async () => {
    removed += (await hub.store.sweep(7)).removed
    return removed === 20
  })
  await hub.flows.remove('f')
  expect((await server.client().keys('*')).sort()).toEqual(['{hub}:counters', '{hub}:numbers'])
})

test('of what a process says the newest lines and the first warnings are kept, by number and by bytes; the others are counted', async () => {
  const line = (text: string) => ({ ts: 1, level: 'INFO', line: text })
  const [many, large] = [await submitted(hub), await submitted(hub)]
  const fences = [await hub.store.claim('d-1', all, ''), await hub.store.claim('d-1', all, '')].map((claim) => claim?.fence ?? 0)
  for (let round = 0; round < 3; round++) {
    const logs = Array.from({ length: 500 }, (_, at) => line(`${round}-${at}`))
    await hub.store.update(many, anUpdate({ fence: fences[0] ?? 0, logs }))
    await hub.store.update(
      large,
      anUpdate({ fence: fences[1] ?? 0, logs: Array.from({ length: 9 }, () => line('x'.repeat(60_000))) }),
    )
  }
  const [first, ...rest] = (await hub.queries.result(many))?.logs ?? []
  expect([first?.line, rest.length, rest[0]?.line, rest.at(-1)?.line]).toEqual([
    '500 earlier lines are left out',
    1_000,
    '1-0',
    '2-499',
  ])
  const kept = (await hub.queries.result(large))?.logs ?? []
  expect([kept[0]?.line, kept.length]).toEqual(['10 earlier lines are left out', 18])
  const warnings = Array.from({ length: 2_000 }, (_, at) => `w-${at}`)
  await hub.store.update(many, anUpdate({ fence: fences[0] ?? 0, finish: { ...succeeded, warnings } }))
  const ended = (await hub.queries.result(many))?.warnings ?? []
  expect([ended.length, ended[0], ended.at(-1)]).toEqual([1_000, 'w-0', '1001 further warnings are left out'])
})

test('a flow is deployed once; the same again is the same, another under its key is refused', async () => {
  expect(await hub.flows.deploy('f', aFlow())).toBe(true)
  expect(await hub.flows.deploy('f', aFlow())).toBe(false)
  expect(await codeOf(hub.flows.deploy('f', aFlow('stat.mean')))).toBe('FLOW_EXISTS')
  expect(await hub.flows.list(10)).toMatchObject([{ key: 'f' }])
})

test('half a surrogate pair in what an agent said of a node stops no script', async () => {
  const key = await submitted(hub, 'io.csv')
  const fence = (await hub.store.claim('d-1', all, ''))?.fence ?? 0
  const failed = { status: 'WAITING', agent: 'a-1', attempt: 1, failures: 1, warnings: ['cut \ud83d'] } as const
  await hub.store.update(key, anUpdate({ fence, nodes: { '1': failed } }))
  await hub.store.update(key, anUpdate({ fence, nodes: { '1': { ...failed, status: 'RUNNING' } } }))
  await hub.store.cancel(key, undefined)
  expect((await hub.queries.process(key))?.outcome).toBe('CANCELLED')
})
