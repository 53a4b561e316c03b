/** Three replicas on one store, while they are killed, stopped and continued, taken away and added again, in an order by a seed. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilShared } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { httpClient } from '../support/http.ts'
import { driveLoad, type Ledger, senderTo, sendUntilAcknowledged } from '../support/ledger.ts'
import { type FakeLoki, startLoki } from '../support/loki.ts'
import { freePort } from '../support/ports.ts'
import { parsePrometheusText, sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { jobOf, logsOf } from '../support/reporting.ts'
import { ScrapeRounds } from '../support/scrape-rounds.ts'
import { seeded } from '../support/simulated-runs.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const seed = Number(process.env['ENGINESCOPE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9))
const reportsEach = Number(process.env['ENGINESCOPE_TEST_REPLICA_REPORTS'] ?? 50)
const replicaCount = 3
const reporters = 24
const linesPerReport = 2
const everyMs = 100
const leaseMs = 2_000
const scrapeTimeoutMs = 1_000
/** Long enough for a replica that was stopped beyond its lease: an engine must not be lost because its replica was. */
const settings = { LEASE: `${leaseMs}ms`, SUSPECT_AFTER: '1s', LOST_AFTER: '6s' }
/** Tasks of an engine that falls silent at each fault. */
const leftEach = 5

let redis: RedisServer
let loki: FakeLoki
const replicas: (Aggregator | undefined)[] = []
const ports: number[] = []
const urls = () => ports.map((port) => `http://127.0.0.1:${port}`)
const live = () => replicas.filter((replica) => replica !== undefined)

async function start(at: number): Promise<void> {
  replicas[at] = await startAggregator({
    redisUrl: redis.url,
    port: ports[at] as number,
    settings: { ...settings, LOKI_URL: loki.url },
  })
}

beforeAll(async () => {
  redis = await startRedis({ appendOnly: true })
  loki = await startLoki()
  for (let at = 0; at < replicaCount; at++) ports.push(await freePort())
  await Promise.all(ports.map((_, at) => start(at)))
  await untilShared(live())
}, 120_000)
afterAll(async () => {
  await Promise.all(live().map((replica) => replica.stop()))
  await loki?.close()
  await redis?.stop()
})

/** What is done to one replica; each ends with all of them at work again. */
const faults = {
  'kill -9': async (at: number, awayMs: number) => {
    replicas[at]?.program.kill('SIGKILL')
    await replicas[at]?.program.exited
    replicas[at] = undefined
    await pause(awayMs)
    await start(at)
  },
  'stop and continue': async (at: number, awayMs: number) => {
    replicas[at]?.program.kill('SIGSTOP')
    await pause(awayMs)
    replicas[at]?.program.kill('SIGCONT')
  },
  'take away and add': async (at: number, awayMs: number) => {
    const leaving = replicas[at]
    replicas[at] = undefined
    await leaving?.stop()
    await pause(awayMs / 4)
    await start(at)
  },
} as const
type Fault = keyof typeof faults

/** Does one fault after the other until it is told that it is enough; each kind at least once. @returns what was done */
async function disturb(isEnough: () => boolean, journal: string[]): Promise<number> {
  const random = seeded(seed)
  let kinds: Fault[] = []
  let done = 0
  for (; !isEnough() || done < Object.keys(faults).length; done++) {
    if (kinds.length === 0) kinds = (Object.keys(faults) as Fault[]).sort(() => random() - 0.5)
    const kind = kinds.pop() as Fault
    const at = Math.floor(random() * replicaCount)
    // From a short pause, which a lease outlives, to one that no lease does.
    const awayMs = Math.round(random() * 1.7 * leaseMs)
    journal.push(`${kind} replica ${at} for ${awayMs} ms`)
    await leaveTasks(done)
    await faults[kind](at, awayMs)
    await pause((random() * leaseMs) / 2)
  }
  return done
}

/** An engine that says what it runs, and then no more. */
async function leaveTasks(number: number): Promise<void> {
  const engine = { instance: `left-${number}`, engineType: 'driver' }
  const reports = Array.from({ length: leftEach }, (_, task) => ({
    jobId: `left-${number}-${task}`,
    execId: 'main',
    taskType: 'left',
    seq: 1,
    status: 'running',
    engine,
  }))
  await sendUntilAcknowledged(senderTo(urls(), number), reports)
}

/** Asks all replicas at once, as a Prometheus would, again and again. */
async function scrape(rounds: ScrapeRounds, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    rounds.note(await Promise.all(urls().map(ask)))
    await pause(20)
  }
}

/** @returns `undefined` where there was no whole answer in time: such a scrape is no scrape */
async function ask(url: string): Promise<ReturnType<typeof parsePrometheusText> | undefined> {
  const headers = { 'x-prometheus-scrape-timeout-seconds': '1' }
  const asked = httpClient(url, { timeoutMs: scrapeTimeoutMs }).get('/metrics', headers)
  // The time-out of the client does not end every wait for a body whose sender was frozen or killed in the middle of it.
  const answer = await Promise.race([asked, pause(scrapeTimeoutMs + 100)]).catch(() => undefined)
  return answer?.status === 200 ? parsePrometheusText(answer.text) : undefined
}

/** A shared series over all replicas. */
async function shared(name: string, labels: Record<string, string>): Promise<(number | undefined)[]> {
  const families = await Promise.all(live().map((replica) => replica.metrics()))
  return families.map((each) => sampleValue(each, name, labels)).filter((value) => value !== undefined)
}
const untilIs = (name: string, labels: Record<string, string>, value: number) =>
  eventually(
    () => shared(name, labels),
    (seen) => JSON.stringify(seen) === JSON.stringify([value]),
    { what: `${name}${JSON.stringify(labels)} to be ${value}, shown once`, timeoutMs: 40_000, everyMs: 100 },
  )

async function expectWhole(ledger: Ledger): Promise<void> {
  const [first] = live()
  if (first === undefined) throw new Error('no replica is left')
  for (const [jobId, account] of ledger.jobs) {
    const usage = { cpuSeconds: reportsEach }
    expect(await jobOf(first, jobId), jobId).toMatchObject({ status: 'succeeded', progress: 1, tasks: [{ usage }] })
    // The newest: of a long run there are more than a page of them.
    const tail = (await logsOf(first, jobId, '?limit=1000&order=desc')).lines.map(({ line }) => line).reverse()
    expect(tail, jobId).toEqual(account.lines.slice(-tail.length))
    expect(tail.length, jobId).toBeGreaterThanOrEqual(Math.min(account.lines.length, 500))
  }
  const sent = [...ledger.jobs.values()].flatMap(({ lines }) => lines)
  const stored = await eventually(
    () => loki.lines.filter(({ line }) => line.includes(' report ')),
    (lines) => lines.length >= sent.length,
    { what: 'all lines to reach Loki', timeoutMs: 60_000 },
  )
  expect(stored.map(({ line }) => line).sort()).toEqual(sent.sort())
}

test(
  'replicas that come, go, die and freeze lose and double nothing, never show a series twice, and no counter steps back',
  async () => {
    const journal: string[] = []
    const rounds = new ScrapeRounds()
    const state = { isLoading: true, isOver: false }
    const scraping = scrape(rounds, () => state.isOver)
    const load = { urls: urls(), reporters, reportsEach, linesPerReport, everyMs, timeoutMs: 1_000 }
    const loading = driveLoad(load).finally(() => {
      state.isLoading = false
    })
    const [ledger, faultsDone] = await Promise.all([loading, disturb(() => !state.isLoading, journal)])
    const about = `seed ${seed}: ${journal.join('; ')}`
    await untilShared(live())
    await untilIs('enginescope_tasks_finished_total', { task_type: 'load', status: 'succeeded' }, reporters)
    await untilIs('enginescope_tasks_lost_total', { task_type: 'left' }, faultsDone * leftEach)
    for (const { instance } of Array.from({ length: reporters }, (_, at) => ({ instance: `engine-${at}` })))
      await untilIs('enginescope_engine_tasks_finished_total', { engine: instance, status: 'succeeded' }, 1)
    state.isOver = true
    await scraping
    expect(rounds.overlaps.slice(0, 5), `shown by two, ${about}`).toEqual([])
    expect(rounds.dips.slice(0, 5), `stepped back, ${about}`).toEqual([])
    expect(rounds.shownNow).toBeGreaterThan(reporters)
    expect(await shared('enginescope_reports_lost_total', {})).toEqual([0])
    await expectWhole(ledger)
    if (process.env['ENGINESCOPE_TEST_TELL'] !== undefined)
      process.stderr.write(
        `${about}\n${rounds.count} rounds, ${rounds.handedOver} series handed over within one, ${ledger.resent} sent again\n`,
      )
  },
  120_000 + reportsEach * 2_000,
)

test('what a killed replica had is shown by the others once its lease has ended and a round has passed', async () => {
  await untilShared(live())
  const [victim] = live()
  victim?.program.kill('SIGKILL')
  await victim?.program.exited
  replicas[replicas.indexOf(victim)] = undefined
  // A lease, the third of one in which everybody looks, and what a busy machine needs to load the shards.
  await eventually(() => untilShared(live()), undefined, {
    what: 'all shards to be owned',
    timeoutMs: leaseMs + leaseMs / 3 + 4_000,
  })
  expect(await shared('enginescope_tasks_finished_total', { task_type: 'load', status: 'succeeded' })).toEqual([reporters])
}, 60_000)

test('a replica that was frozen beyond its lease shows nothing that others have, though it cannot ask the store', async () => {
  const proxy = await startTcpProxy({ host: redis.host, port: redis.port })
  const frozen = await startAggregator({ redisUrl: `redis://127.0.0.1:${proxy.port}`, settings })
  try {
    await leaveTasks(faultless)
    await untilShared([...live(), frozen])
    expect(await sharedSamples(frozen)).toBeGreaterThan(0)
    frozen.program.kill('SIGSTOP')
    proxy.stall()
    await untilShared(live())
    frozen.program.kill('SIGCONT')
    expect(await sharedSamples(frozen)).toBe(0)
  } finally {
    await proxy.stop()
    await frozen.stop()
  }
}, 60_000)

/** Number of an engine that falls silent beside no fault. */
const faultless = 1_000_000

async function sharedSamples(replica: Aggregator): Promise<number> {
  const families = await replica.metrics()
  return [...families.values()].flatMap(({ samples }) => samples).filter(({ labels }) => labels['instance'] === '').length
}
