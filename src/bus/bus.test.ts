import type { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { aReport, linkisBodies, openTestStore } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import { startTcpProxy } from '../../test/support/tcp-proxy.ts'
import type { Shard } from '../jobs/keys.ts'
import type { ScopeEvent, TaskRecord } from '../jobs/records.ts'
import { isEnd } from '../report/status.ts'
import { Bus, type BusParts } from './bus.ts'
import type { ShardListener, ShardSnapshot } from './listener.ts'
import { loadSnapshot } from './snapshot.ts'

const suite = jobSuite()
const shards = Array.from({ length: 16 }, (_, shard) => shard)
const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** A connection without a queue, as the service has it: a command that is sent before it stands fails. */
async function aConnection(options: { readonly port?: number; readonly commandTimeout?: number } = {}): Promise<Redis> {
  const client = suite.server.client({ ...options, enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  await eventually(() => client.status === 'ready')
  return client
}

/** A store behind a proxy. @param commandTimeout in ms, where it is to hang */
async function aStoreThatMayFail(commandTimeout?: number) {
  const proxy = await startTcpProxy(suite.server)
  ends.push(() => proxy.stop())
  const store = await aConnection({ port: proxy.port, ...(commandTimeout === undefined ? {} : { commandTimeout }) })
  return { proxy, store }
}

/** Keeps what a listener is told, as a list of open tasks, open jobs and engines of each shard. */
class Recorder implements ShardListener {
  readonly shards = new Map<Shard, Map<string, unknown>>()
  readonly stepsBack: string[] = []
  readonly #furthest = new Map<string, number>()
  loads = 0

  load(shard: Shard, snapshot: ShardSnapshot): void {
    this.loads += 1
    this.shards.set(shard, new Map())
    this.apply(shard, [
      ...snapshot.tasks.map((record): ScopeEvent => ({ kind: 'task', record })),
      ...snapshot.jobs.map((record): ScopeEvent => ({ kind: 'job', record })),
      ...snapshot.engines.map((record): ScopeEvent => ({ kind: 'engine', record })),
    ])
  }

  apply(shard: Shard, events: readonly ScopeEvent[]): void {
    const known = this.shards.get(shard)
    for (const event of events) {
      if (known !== undefined) take(known, event)
      if (event.kind === 'task') this.#follow(event.record)
    }
  }

  /** What is shown of a task never goes back to what it was before. */
  #follow({ jobId, task, engine, attempt, applied }: TaskRecord): void {
    const name = `${jobId} ${task} ${engine.instance} ${attempt}`
    const furthest = this.#furthest.get(name) ?? 0
    if (applied < furthest) this.stepsBack.push(`${name}: ${furthest} to ${applied}`)
    this.#furthest.set(name, Math.max(furthest, applied))
  }

  drop(shard: Shard): void {
    this.shards.delete(shard)
  }

  get state(): Record<string, unknown> {
    const all = [...this.shards].flatMap(([shard, known]) =>
      [...known].map(([name, value]): [string, unknown] => [`${shard} ${name}`, value]),
    )
    return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

function take(known: Map<string, unknown>, event: ScopeEvent): void {
  switch (event.kind) {
    case 'task': {
      const { namespace, jobId, task, engine, attempt, status, progress, isSuperseded } = event.record
      const name = `task ${namespace}/${jobId} ${task} ${engine.instance}`
      if (isSuperseded === true || isEnd(status)) known.delete(name)
      else known.set(name, { attempt, status, progress })
      return
    }
    case 'task-gone':
      known.delete(`task ${event.namespace}/${event.jobId} ${event.task} ${event.engine}`)
      return
    case 'job': {
      const { namespace, jobId, status, progress, tailNo } = event.record
      if (isEnd(status) || status === 'lost') known.delete(`job ${namespace}/${jobId}`)
      else known.set(`job ${namespace}/${jobId}`, { status, progress, tailNo })
      return
    }
    case 'job-gone':
      known.delete(`job ${event.namespace}/${event.jobId}`)
      return
    case 'engine': {
      const { instance, state, counts, isGone } = event.record
      if (isGone) known.delete(`engine ${instance}`)
      else known.set(`engine ${instance}`, { state, counts })
      return
    }
    case 'engine-gone':
      known.delete(`engine ${event.instance}`)
  }
}

type Opened = {
  readonly bus: Bus
  readonly recorder: Recorder
  readonly told: { shards: readonly Shard[]; hasFleet: boolean }[]
  readonly troubles: string[]
}

/** @param leaseMs long where no lease is to end: on a busy machine a short one may */
const settingsWith = (leaseMs: number) => ({ leaseMs, pollMs: 20, sweepMs: 50, expiryCheckMs: 10 })
const lasting = settingsWith(30_000)
/** A bound on waits that on any machine are short of it. */
const patientMs = 20_000
const brief = { settings: settingsWith(600) }

async function openBus(name: string, changes: Partial<BusParts> = {}): Promise<Opened> {
  const recorder = new Recorder()
  const told: Opened['told'] = []
  const troubles: string[] = []
  const bus = new Bus({
    store: changes.store ?? (await aConnection()),
    keys: suite.keys,
    holder: { name, start: String(performance.now()) },
    settings: lasting,
    listeners: [recorder],
    sweep: async () => undefined,
    onOwnership: (change) => told.push(change),
    onTrouble: (step) => troubles.push(step),
    ...changes,
  })
  await bus.start()
  ends.push(() => bus.stop())
  return { bus, recorder, told, troubles }
}

/** Looks again and again which shards are owned by more than one, and how many by none. */
function watchOwners(buses: readonly Bus[]) {
  const overlaps: Shard[] = []
  const timer = setInterval(() => {
    const seen = new Set<Shard>()
    for (const shard of buses.flatMap((bus) => bus.ownedShards)) {
      if (seen.has(shard)) overlaps.push(shard)
      seen.add(shard)
    }
  }, 1)
  ends.push(() => clearInterval(timer))
  return overlaps
}

const owned = (buses: readonly Opened[]) => buses.flatMap(({ bus }) => bus.ownedShards).sort((a, b) => a - b)

describe('ownership', () => {
  test('of all shards and of the fleet is one bus alone', async () => {
    const { bus, told } = await openBus('a')
    expect(bus.ownedShards).toEqual(shards)
    expect(told).toEqual([{ shards, hasFleet: true }])
    await bus.stop()
    expect(told.at(-1)).toEqual({ shards: [], hasFleet: false })
    expect((await suite.redis.keys('*owner*')).concat(await suite.redis.zrange(suite.keys.replicas, '0', '-1'))).toEqual([])
  })

  test('is shared by two, handed over when one comes and when it stops, and never doubled', async () => {
    const a = await openBus('a', brief)
    const b = await openBus('b', brief)
    const overlaps = watchOwners([a.bus, b.bus])
    await eventually(() => a.bus.ownedShards.length < 16 && owned([a, b]).length === 16)
    expect(owned([a, b])).toEqual(shards)
    expect(b.bus.ownedShards.length).toBeGreaterThan(2)
    await eventually(() => [a, b].filter(({ told }) => told.at(-1)?.hasFleet === true).length === 1)
    const stoppedAt = performance.now()
    await b.bus.stop()
    await eventually(() => a.bus.ownedShards.length === 16)
    expect(performance.now() - stoppedAt).toBeLessThan(1_500)
    await eventually(() => a.told.at(-1)?.hasFleet === true)
    expect(overlaps).toEqual([])
  })

  test('ends by its own clock when the store cannot be reached, before another begins', async () => {
    const { proxy, store } = await aStoreThatMayFail(300)
    const a = await openBus('a', { store, ...brief })
    const b = await openBus('b', brief)
    await eventually(() => owned([a, b]).length === 16 && a.bus.ownedShards.length < 16)
    const overlaps = watchOwners([a.bus, b.bus])
    proxy.stall()
    await eventually(() => a.bus.ownedShards.length === 0)
    expect(a.recorder.shards.size).toBe(0)
    expect(a.told.at(-1)).toEqual({ shards: [], hasFleet: false })
    await eventually(() => b.bus.ownedShards.length === 16)
    proxy.resume()
    await eventually(() => a.bus.ownedShards.length > 0 && owned([a, b]).length === 16)
    expect(overlaps).toEqual([])
  })

  test('of a holder that began anew goes to its new start at once, and the old one stays out', async () => {
    const settings = settingsWith(4_000)
    const old = await openBus('a', { settings })
    const fresh = await openBus('a', { settings })
    expect(fresh.bus.ownedShards).toEqual(shards)
    await eventually(() => old.bus.ownedShards.length === 0)
    // For longer than a round of the old one.
    for (let i = 0; i < 30; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect([old.bus.ownedShards, fresh.bus.ownedShards]).toEqual([[], shards])
    }
  })

  test('of a shard that cannot be loaded is let go; of the others it is told', async () => {
    await suite.redis.zadd(suite.keys.shown(3), 0, 'no JSON')
    const { bus, told, troubles } = await openBus('a', { settings: settingsWith(1_000) })
    await eventually(() => told.at(-1)?.shards.length === 15)
    expect(bus.ownedShards).toEqual(shards.filter((shard) => shard !== 3))
    expect(troubles).toContain('load')
    await suite.redis.del(suite.keys.shown(3))
    await eventually(() => told.at(-1)?.shards.length === 16)
  })
})

test('trouble in the sweep of one shard keeps no other from being swept', async () => {
  const swept = new Set<Shard>()
  const { troubles } = await openBus('a', {
    sweep: async (shard) => {
      if (shard === 2) throw new Error('no')
      swept.add(shard)
    },
  })
  await eventually(() => swept.size === 15)
  expect(troubles).toContain('sweep')
})

describe('what listeners are told', () => {
  const history: unknown[][] = [
    ...['p1-spark-3-stages', 'p2-hive-two-applications', 'p4-engine-4-concurrent'].flatMap(linkisBodies),
    [aReport({ seq: 1, progress: 0.1 })],
    [aReport({ attempt: 2, seq: 1, progress: 0.2, engine: { instance: 'e2:2' } })],
    [aReport({ jobId: 'scoped', execId: 'scoped', scope: 'job', engine: { instance: 'hub' } })],
    [aReport({ jobId: 'scoped', execId: 'scoped', scope: 'job', engine: { instance: 'dispatcher' } })],
    [aReport({ attempt: 1, seq: 2, logs: [{ line: 'late' }] })],
    [aReport({ jobId: undefined, execId: '1', seq: 1, engine: { incarnation: '1000' } })],
    [aReport({ jobId: undefined, execId: '1', seq: 1, engine: { incarnation: '2000' } })],
  ]

  const snapshotState = async () => {
    const recorder = new Recorder()
    for (const shard of shards) recorder.load(shard, (await loadSnapshot(suite.redis, suite.keys, shard)).snapshot)
    return recorder.state
  }

  /** A bus, and a store whose commits it is told of directly. */
  const openDirect = async () => {
    let opened: Opened | undefined
    const store = openTestStore(suite.redis, {
      onCommitted: (shard, event, events) => opened?.bus.committed(shard, event, events),
    })
    opened = await openBus('a', { sweep: (shard) => store.sweeper.sweep(shard) })
    return { ...opened, store }
  }

  test('is the same directly, by reading the streams, and by loading anew', async () => {
    const { bus, recorder, store } = await openDirect()
    const reading = new Recorder()
    for (const shard of shards) reading.load(shard, { tasks: [], jobs: [], engines: [] })
    const connection = await aConnection()
    const other = await openBus('b', {
      store: connection,
      keys: { ...suite.keys, replicas: 'es:other-replicas', owner: (shard) => `other-owner:${shard}`, fleetOwner: 'o' },
    })
    const unwatch = other.bus.watch((shard, events) => reading.apply(shard, events))
    // Answered after what the watcher asked first: where each stream stands.
    await connection.ping()
    for (const body of history) await store.send(...body)
    const expected = await snapshotState()
    expect(Object.keys(expected).length).toBeGreaterThan(12)
    expect(recorder.state).toEqual(expected)
    expect(recorder.loads).toBe(16)
    await eventually(() => JSON.stringify(reading.state) === JSON.stringify(expected))
    unwatch()

    store.time.aheadMs = 61_000
    await eventually(async () => (await suite.totals())['engines,spark,lost'] !== undefined)
    await bus.catchUp(patientMs)
    await eventually(async () => JSON.stringify(recorder.state) === JSON.stringify(await snapshotState()))
  })

  test('of commits of another process is all there when a scrape is answered', async () => {
    const { bus, recorder } = await openBus('a', { settings: { ...lasting, pollMs: 10_000 } })
    for (const body of history) {
      await suite.store.send(...body)
      await Promise.all([bus.catchUp(patientMs), bus.catchUp(patientMs)])
      expect(recorder.state).toEqual(await snapshotState())
    }
    expect(recorder.loads).toBe(16)
  })

  test('after a trim of the stream is what a new load says', async () => {
    const { bus, recorder } = await openBus('a', { settings: { ...lasting, pollMs: 10_000 } })
    for (const body of history.slice(0, 6)) await suite.store.send(...body)
    for (const shard of shards) await suite.redis.xtrim(suite.keys.events(shard), 'MAXLEN', 1)
    for (const body of history.slice(6)) await suite.store.send(...body)
    for (const shard of shards) await suite.redis.xtrim(suite.keys.events(shard), 'MAXLEN', 1)
    await bus.catchUp(patientMs)
    expect(recorder.state).toEqual(await snapshotState())
    expect(recorder.loads).toBeGreaterThan(16)
  })

  test('after the store was emptied is nothing, then what comes', async () => {
    const { bus, recorder } = await openBus('a')
    for (const body of history) await suite.store.send(...body)
    await bus.catchUp(patientMs)
    await suite.redis.flushall()
    await eventually(() => Object.keys(recorder.state).length === 0)
    await suite.store.send(aReport({ seq: 9, progress: 0.5 }))
    await eventually(async () => Object.keys(recorder.state).length === 2 + 1)
    expect(recorder.state).toEqual(await snapshotState())
  })

  test('goes on while the store is written by many at once', async () => {
    const { bus, recorder, store } = await openDirect()
    const others = [openTestStore(suite.server.client()), openTestStore(suite.server.client())]
    const items = Array.from({ length: 600 }, (_, i) =>
      aReport({ jobId: `j${i % 40}`, execId: `t${i % 80}`, seq: 1 + Math.floor(i / 80) }),
    )
    await Promise.all(items.map((item, i) => [store, ...others][i % 3]?.send(item)))
    await bus.catchUp(patientMs)
    await eventually(async () => JSON.stringify(recorder.state) === JSON.stringify(await snapshotState()))
    expect(recorder.loads).toBe(16)
  })

  test('of a task never goes back, however slowly the streams are read', async () => {
    const proxy = await startTcpProxy(suite.server)
    ends.push(() => proxy.stop())
    let opened: Opened | undefined
    const own = openTestStore(suite.server.client(), {
      onCommitted: (shard, event, events) => opened?.bus.committed(shard, event, events),
    })
    const other = openTestStore(suite.server.client())
    const store = suite.server.client({ port: proxy.port })
    opened = await openBus('a', { store, settings: { ...lasting, pollMs: 3 } })
    const { bus, recorder } = opened
    await own.send(aReport({ seq: 1 }))
    proxy.delay(4)
    let seq = 1
    const tell = async (to: typeof own, count: number) => {
      for (let i = 0; i < count; i++) await to.send(aReport({ seq: ++seq }))
    }
    await Promise.all([tell(own, 150), tell(other, 150)])
    proxy.delay(0)
    await bus.catchUp(patientMs)
    expect(recorder.stepsBack).toEqual([])
    expect(recorder.state).toEqual(await snapshotState())
  })

  test('to a watcher that came while the store was away begins when it is back', async () => {
    const { proxy, store } = await aStoreThatMayFail()
    const { bus, troubles } = await openBus('a', { store })
    await proxy.refuse()
    const seen: string[] = []
    bus.watch((_shard, events) => seen.push(...events.map((event) => event.kind)))
    await eventually(() => troubles.includes('watch'))
    await proxy.accept()
    await eventually(async () => {
      await suite.store.send(aReport({ progress: 0.5 }))
      return seen.includes('task')
    })
  })
})
