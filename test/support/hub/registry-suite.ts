/** What every backend of the registry promises, as one suite of tests. */
import { expect, test } from 'vitest'
import type { Member } from '../../../src/hub/registry/member.ts'
import type { Registry } from '../../../src/hub/registry/registry.ts'
import { eventually } from '../eventually.ts'

/** Leases short enough for a test. */
export const shortLeases = { leaseMs: 1_000, suspectMs: 1_000, forgetMs: 60_000 }

const first = '2026-11-22T14:00:00.000Z'
const second = '2026-11-22T15:00:00.000Z'

/** An agent with defaults. */
export function anAgent(over: Partial<Member> = {}): Member {
  const algorithm = { key: 'io.csv', name: 'CSV', description: '', tags: [], catalog: 'io.csv' }
  return {
    kind: 'agent',
    id: 'agent-1',
    incarnation: first,
    url: 'http://127.0.0.1:1',
    algorithm,
    capacity: 2,
    version: '1',
    ...over,
  }
}

/** @param open a registry over an empty backend, with {@link shortLeases} */
export function registrySuite(open: () => Promise<Registry>): void {
  const states = async (registry: Registry) => (await registry.list()).map(({ id, state }) => `${id} ${state}`)

  test('who registers is live, and is listed by kind', async () => {
    const registry = await open()
    await registry.register(anAgent())
    const { algorithm: _none, capacity: _no, ...dispatcher } = anAgent({ kind: 'dispatcher', id: 'd-1', slots: 4 })
    await registry.register(dispatcher)
    expect(await registry.list('agent')).toEqual([{ ...anAgent(), state: 'live', running: 0 }])
    expect((await registry.list()).map(({ kind, slots }) => [kind, slots])).toEqual([
      ['agent', undefined],
      ['dispatcher', 4],
    ])
    await registry.renew(dispatcher, { running: 2, limit: 3 })
    expect(await registry.list('dispatcher')).toMatchObject([{ running: 2, slots: 3 }])
  })

  test('who falls silent is suspect, then lost, and live again when it speaks', async () => {
    const registry = await open()
    await registry.register(anAgent())
    await eventually(
      () => states(registry),
      (seen) => seen[0] === 'agent-1 suspect',
    )
    await eventually(
      () => states(registry),
      (seen) => seen[0] === 'agent-1 lost',
    )
    expect(await registry.renew(anAgent(), { running: 1 })).toBe(true)
    expect(await registry.list()).toMatchObject([{ id: 'agent-1', state: 'live', running: 1 }])
  })

  test('who leaves is gone at once, but only by its own incarnation', async () => {
    const registry = await open()
    await registry.register(anAgent())
    await registry.register(anAgent({ incarnation: second }))
    await registry.leave(anAgent())
    expect(await states(registry)).toEqual(['agent-1 live'])
    expect(await registry.renew(anAgent(), { running: 0 })).toBe(false)
    await registry.leave(anAgent({ incarnation: second }))
    expect(await states(registry)).toEqual([])
    expect(await registry.renew(anAgent({ incarnation: second }), { running: 0 })).toBe(false)
  })

  test('half a surrogate pair in what a member says of itself keeps it neither from renewing nor from leaving', async () => {
    const registry = await open()
    const half = 'cut \ud83d'
    const algorithm = { key: 'io.csv', name: half, description: half, tags: [half, '\ude00'], catalog: half }
    const member = anAgent({ algorithm, version: half })
    await registry.register(member)
    expect(await registry.renew(member, { running: 1 })).toBe(true)
    expect(await registry.list('agent')).toMatchObject([{ state: 'live', running: 1 }])
    // The next start of it finds what the one before has left.
    await registry.register({ ...member, incarnation: second })
    expect(await registry.renew(member, { running: 1 })).toBe(false)
    await registry.leave({ ...member, incarnation: second })
    expect(await states(registry)).toEqual([])
  })

  test('watchers are called when somebody comes', async () => {
    const registry = await open()
    let calls = 0
    const unwatch = registry.watch(() => calls++)
    await registry.register(anAgent())
    await eventually(() => calls > 0)
    unwatch()
  })
}
