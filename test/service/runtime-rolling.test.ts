import { cpus, loadavg } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { samplesOf } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { type RunLedger, type RuntimeFleet, startRuntimeFleet } from '../support/runtime-fleet.ts'

const runtimesAsked = process.env['ENGINESCOPE_TEST_RUNTIMES']
const runtimeCount = Number(runtimesAsked ?? 12)
const leaseMs = 10_000
const intervalMs = 2_000
let redis: RedisServer
let fleet: RuntimeFleet
let replicas: Aggregator[] = []
type Signal = 'SIGTERM' | 'SIGKILL'
/** The bound lies close to what a killed replica's leases take: only a machine of its own holds it. Kills as such: `runtime-replicas`. */
const signals: readonly Signal[] = runtimesAsked === undefined ? ['SIGTERM'] : ['SIGTERM', 'SIGKILL']
const start = (port?: number) =>
  startAggregator({
    redisUrl: redis.url,
    ...(port === undefined ? {} : { port }),
    settings: {
      ...{ LEASE: `${leaseMs}ms`, RUNTIME_INTERVAL: `${intervalMs}ms`, RUNTIME_GRACE: '2s' },
      ...{ TAIL_MAX: '8MiB' },
    },
  })
const until = <T>(what: string, read: () => Promise<T>, isDone: (value: T) => boolean) =>
  eventually(read, isDone, { what, timeoutMs: 90_000, everyMs: 500 })

async function ownersOf(replica: Aggregator): Promise<Map<string, number>> {
  const { runtimes } = (await replica.http.get('/api/v1/runtimes')).json<{ runtimes: { owner: string | null }[] }>()
  const counts = new Map<string, number>()
  for (const { owner } of runtimes) counts.set(owner ?? 'nobody', (counts.get(owner ?? 'nobody') ?? 0) + 1)
  return counts
}

/** Waits until everybody has an owner, and the owners equal shares. */
const untilEven = (replica: Aggregator, among: number) =>
  until(
    `an even share of ${among}`,
    () => ownersOf(replica),
    (owners) => {
      const shares = [...owners.values()]
      return !owners.has('nobody') && shares.length === among && Math.max(...shares) - Math.min(...shares) <= 1
    },
  )

/** Each replica in turn ends, and begins anew under its name. @returns what the runtimes saw of it */
async function restartAll(how: Signal): Promise<readonly RunLedger[]> {
  await fleet.tell('mark')
  for (const [at, replica] of [...replicas.entries()]) {
    if (how === 'SIGTERM') await replica.stop()
    else {
      replica.program.kill('SIGKILL')
      await replica.program.exited
      // Nobody comes back under its name: the others wait for the end of its leases.
      await untilEven(replicas[(at + 1) % replicas.length] as Aggregator, replicas.length - 1)
    }
    replicas[at] = await start(replica.port)
    await untilEven(replicas[at], replicas.length)
  }
  return fleet.tell('ledger')
}

/** Messages of a topic by what became of them, over all replicas. */
async function countsOf(topic: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const families of await Promise.all(replicas.map((replica) => replica.metrics()))) {
    for (const { labels, value } of samplesOf(families, 'enginescope_runtime_messages_total')) {
      if (labels['topic'] !== topic || value === 0) continue
      const outcome = labels['outcome'] ?? ''
      counts[outcome] = (counts[outcome] ?? 0) + value
    }
  }
  return counts
}

const sumOf = (counts: Record<string, number> = {}) => Object.values(counts).reduce((a, b) => a + b, 0)

const machine = () => `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}`

/** Told where somebody wants the figures. */
function say(text: string): void {
  if (process.env['ENGINESCOPE_TEST_TELL'] !== undefined) process.stderr.write(`${text}\n`)
}

describe.each(signals)('three replicas that are restarted by %s one after the other', (how) => {
  beforeAll(async () => {
    redis = await startRedis({ appendOnly: true })
    fleet = await startRuntimeFleet({
      count: runtimeCount,
      publishEveryMs: 1_000,
      program: { application: 'etl', version: '1.0', type: 'Workflow', program: 'daily' },
    })
  })
  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()))
    await fleet?.kill()
    await redis?.stop()
  })

  test('leave no runtime unasked for longer than a lease and an interval, and move none more than twice', {
    timeout: 600_000,
  }, async () => {
    replicas = await Promise.all([start(), start(), start()])
    const [first] = replicas as [Aggregator]
    for (const { id, url } of fleet.runs)
      expect((await first.http.post('/api/v1/runtimes', { runtimeId: id, url })).status).toBe(201)
    await untilEven(first, 3)
    await fleet.tell('publish')
    const seen = await restartAll(how)
    const gapsMs = seen.map(({ gapMsMax }) => gapMsMax).sort((a, b) => a - b)
    const moves = seen.map(({ owners }) => owners.length - 1)
    const polls = seen.reduce((sum, each) => sum + each.polls, 0)
    say(`${how}: runtimes ${runtimeCount}, polls ${polls}, longest gap ${gapsMs.at(-1)?.toFixed(0)} ms, median of the longest gaps
        ${gapsMs[gapsMs.length >> 1]?.toFixed(0)} ms, moves ${Math.max(...moves)} at most, ${moves.reduce((a, b) => a + b)} in all; ${machine()}`)
    expect(gapsMs.at(-1)).toBeLessThanOrEqual(leaseMs + intervalMs)
    expect(Math.max(...moves)).toBeLessThanOrEqual(2)
    expect(new Set(seen.flatMap(({ owners }) => owners)).size).toBe(3)
  })

  test('lose nothing and double nothing of what was published meanwhile', { timeout: 600_000 }, async () => {
    const published = (await fleet.tell('end')).map(({ published }) => published)
    const all = published.reduce((sum, count) => sum + count, 0)
    await until(
      'all to have ended',
      () => fleet.tell('ledger'),
      (seen) => seen.every(({ shutdowns }) => shutdowns > 0),
    )
    const [first] = replicas as [Aggregator]
    for (const [at, { id }] of fleet.runs.entries()) {
      const path = `/api/v1/namespaces/default/jobs/${id}`
      const job = (await first.http.get(path)).json<{ status: string; usage: { cpuSeconds: number } }>()
      expect([job.status, job.usage.cpuSeconds], id).toEqual(['succeeded', published[at]])
      const { lines } = (await first.http.get(`${path}/logs?order=asc&limit=1000`)).json<{ lines: { line: string }[] }>()
      const expected = Array.from({ length: published[at] ?? 0 }, (_, i) => `line ${i + 1}`)
      expect(
        lines.map(({ line }) => line),
        id,
      ).toEqual(expected)
    }
    await until(
      'every message to be counted once',
      () => Promise.all(['logs', 'task.running', 'program.status'].map(countsOf)),
      ([lines, reports, statuses]) => sumOf(lines) === all && sumOf(reports) === all && sumOf(statuses) === runtimeCount * 2,
    )
    // What a killed one had applied and not committed is fetched again, and counts as what it was the first time.
    for (const topic of ['logs', 'task.running', 'program.status'])
      expect(Object.keys(await countsOf(topic)), topic).toEqual(['applied'])
    const seen = await fleet.tell('ledger')
    expect(seen.filter(({ shutdowns, kills }) => shutdowns !== 1 || kills !== 0)).toEqual([])
    say(`messages ${2 * all + 2 * runtimeCount}, lost 0, doubled 0`)
  })
})
