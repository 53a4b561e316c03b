/**
 * One replica and three on one store: reports a second, how long a hand-over takes, and the scrape of ten thousand tasks.
 *
 *   npm run build && npx tsc -p bench/tsconfig.json && node .bench/bench/replicas.js
 *
 * Everything, the store and the driver too, shares this machine: with fewer cores than processes three replicas cannot be faster.
 */
import { cpus, loadavg } from 'node:os'
import { performance } from 'node:perf_hooks'
import { httpClient } from '../test/support/http.ts'
import { freePort } from '../test/support/ports.ts'
import { type Program, startProgram } from '../test/support/process.ts'
import { startRedis } from '../test/support/redis.ts'

const batch = 100
const connections = 6
const loadMs = 4_000
const liveTasks = 10_000
const leaseMs = 10_000
const shardCount = 16

type Replica = { readonly url: string; readonly program: Program }

async function startReplica(redisUrl: string): Promise<Replica> {
  const port = await freePort()
  const env = {
    ENGINESCOPE_PORT: String(port),
    ENGINESCOPE_REDIS_URL: redisUrl,
    ENGINESCOPE_LEASE: `${leaseMs}ms`,
    ENGINESCOPE_LOST_AFTER: '1h',
    NODE_ENV: 'production',
  }
  const options = { env, cwd: process.cwd(), readyLine: /ready for reports/, readyTimeoutMs: 60_000 }
  return { url: `http://127.0.0.1:${port}`, program: await startProgram(process.execPath, ['dist/main.js', 'serve'], options) }
}

/** A report of some 300 bytes, about a task of its own per connection and place. */
function report(connection: number, place: number, seq: number): object {
  const name = `bench-${connection}-${place}`
  const engine = { instance: `engine-${connection}-${place % 10}`, engineType: 'bench', incarnation: '2026-01-01T00:00:00Z' }
  const progress = Math.min(0.99, seq / 10_000)
  return { jobId: name, execId: 'main', taskType: 'bench', seq, status: 'running', progress, usage: { cpuSeconds: seq }, engine }
}

async function send(url: string, connection: number, seq: number, from: number, count: number): Promise<void> {
  const body = Array.from({ length: count }, (_, at) => report(connection, from + at, seq))
  for (;;) {
    const answer = await httpClient(url, { timeoutMs: 30_000 }).post('/api/v1/reports', body)
    if (answer.status === 200) return
    if (answer.status !== 503) throw new Error(`answered ${answer.status}: ${answer.text}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Closed loops over all replicas, each request sent when the one before is answered. @returns reports a second */
async function reportsPerSecond(replicas: readonly Replica[], seqs: number[]): Promise<number> {
  const beganMs = performance.now()
  let taken = 0
  const drive = async (connection: number) => {
    const { url } = replicas[connection % replicas.length] as Replica
    while (performance.now() - beganMs < loadMs) {
      seqs[connection] = (seqs[connection] ?? 0) + 1
      await send(url, connection, seqs[connection], 0, batch)
      taken += batch
    }
  }
  await Promise.all(Array.from({ length: connections }, (_, connection) => drive(connection)))
  return Math.round(taken / ((performance.now() - beganMs) / 1_000))
}

/** Waits until these have all shards between them, and each some. */
async function untilShared(replicas: readonly Replica[]): Promise<void> {
  for (;;) {
    const owned = await Promise.all(
      replicas.map(async ({ url }) => {
        const { text } = await httpClient(url, { timeoutMs: 30_000 }).get('/metrics')
        return Number(/^enginescope_shards_owned (\d+)$/m.exec(text)?.[1] ?? 0)
      }),
    )
    if (owned.every((count) => count > 0) && owned.reduce((sum, count) => sum + count, 0) === shardCount) return
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

/** @returns seconds from the signal until the others show everything */
async function handOver(leaving: Replica, others: readonly Replica[], signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
  const beganMs = performance.now()
  leaving.program.kill(signal)
  await untilShared(others)
  return Math.round((performance.now() - beganMs) / 100) / 10
}

async function scrapes(replicas: readonly Replica[], encoding: string): Promise<{ bytes: number; slowestMs: number }> {
  const all = await Promise.all(
    replicas.map(async ({ url }) => {
      const beganMs = performance.now()
      const { headers, text } = await httpClient(url, { timeoutMs: 60_000 }).get('/metrics', { 'accept-encoding': encoding })
      return { bytes: Number(headers.get('content-length') ?? text.length), ms: performance.now() - beganMs }
    }),
  )
  return { bytes: all.reduce((sum, { bytes }) => sum + bytes, 0), slowestMs: Math.round(Math.max(...all.map(({ ms }) => ms))) }
}

async function measure(redisUrl: string): Promise<Record<string, string | number>> {
  const start = () => startReplica(redisUrl)
  const first = await start()
  await untilShared([first])
  const seqs: number[] = []
  await reportsPerSecond([first], seqs) // Warms up.
  const one = await reportsPerSecond([first], seqs)
  for (let from = 0; from < liveTasks - connections * batch; from += 1_000)
    await send(first.url, connections, 1, from, Math.min(1_000, liveTasks - connections * batch - from))
  await scrapes([first], 'identity')
  const byOne = await scrapes([first], 'identity')
  const second = await start()
  const third = await start()
  await untilShared([first, second, third])
  await reportsPerSecond([first, second, third], seqs)
  const three = await reportsPerSecond([first, second, third], seqs)
  await scrapes([first, second, third], 'identity')
  const byThree = await scrapes([first, second, third], 'identity')
  const afterKill = await handOver(second, [first, third], 'SIGKILL')
  const afterTerm = await handOver(third, [first], 'SIGTERM')
  await first.program.stop()
  return {
    'reports/s, one replica': one,
    'reports/s, three replicas': three,
    'scrape of 10,000 tasks, one replica': `${byOne.bytes} B, ${byOne.slowestMs} ms`,
    'the same, three at once': `${byThree.bytes} B, ${byThree.slowestMs} ms the slowest`,
    'hand-over after kill -9, s': afterKill,
    'hand-over after SIGTERM, s': afterTerm,
  }
}

const redis = await startRedis()
try {
  const load = loadavg()[0]?.toFixed(1)
  console.log(
    `${cpus().length} cores (${cpus()[0]?.model}), load ${load} at the start; a store in memory; batches of ${batch}; lease ${leaseMs} ms`,
  )
  console.table(await measure(redis.url))
} finally {
  await redis.stop()
}
