import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { type HeapView, openHeapView } from '../support/heap.ts'
import { requirement } from '../support/linkis-requirements.ts'
import { freePort } from '../support/ports.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { aReport, send, untilSeries } from '../support/reporting.ts'

/** 10,000 by default; `ENGINESCOPE_TEST_FINISHED_JOBS=100000` for the long form. */
const jobsMax = Number(process.env['ENGINESCOPE_TEST_FINISHED_JOBS'] ?? 10_000)
const batchSize = 500
const settings = {
  RETENTION: '3s',
  TAIL_RETENTION: '3s',
  LINGER: '1s',
  SUSPECT_AFTER: '1s',
  LOST_AFTER: '2s',
  ENGINE_LINGER: '2s',
}
let server: RedisServer
let aggregator: Aggregator
let heap: HeapView

beforeAll(async () => {
  server = await startRedis()
  const inspectorPort = await freePort()
  const env = { NODE_OPTIONS: `--inspect=127.0.0.1:${inspectorPort}` }
  aggregator = await startAggregator({ redisUrl: server.url, settings, env })
  heap = await openHeapView(inspectorPort)
}, 120_000)
afterAll(async () => {
  heap?.close()
  await aggregator?.stop()
  await server?.stop()
})

async function runJobs(from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += batchSize) {
    const items = Array.from({ length: Math.min(batchSize, to - at) }, (_, i) =>
      aReport({
        jobId: `job-${at + i}`,
        status: 'succeeded',
        usage: { cpuSeconds: 1 },
        algorithmMetrics: { loss: i },
        engine: { instance: `engine-${i % 20}` },
        logs: [{ level: 'INFO', line: `line of ${at + i}` }],
      }),
    )
    expect(await send(aggregator, items)).toMatchObject({ applied: items.length })
  }
}

/** Keys left, by kind: what stands between the shard's tag and the ids. */
async function keyKinds(redis: Redis): Promise<Record<string, number>> {
  const kinds: Record<string, number> = {}
  for (const key of await redis.keys('*')) {
    const kind = key.replace(/^\{es:[^}]+\}:/, '').split(':')[0] as string
    kinds[kind] = (kinds[kind] ?? 0) + 1
  }
  return kinds
}

async function sharedLines(): Promise<number> {
  const families = await aggregator.metrics()
  const samples = [...families.values()].flatMap((family) => family.samples)
  return samples.filter(({ labels }) => labels['instance'] === '' && ('job_id' in labels || 'engine' in labels)).length
}

const residentBytes = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${aggregator.program.pid}/status`, 'utf8'))?.[1]) * 1024

requirement(
  'M33',
  async () => {
    const redis = server.client()
    const untilSwept = () =>
      eventually(
        async () => {
          const kinds = await keyKinds(redis)
          const left = [
            'job',
            'tail',
            'history',
            'engine',
            'engine-tasks',
            'engine-tail',
            'jobs',
            'open',
            'shown',
            'due',
            'engines',
          ]
          return left.flatMap((kind) => (kinds[kind] === undefined ? [] : [`${kind} ${kinds[kind]}`])).join(', ')
        },
        (rest) => rest === '',
        { what: 'the sweeps to take every job and engine', timeoutMs: 60_000, everyMs: 250 },
      )
    // The first rounds warm up what is kept for good: code, pools, caches at their size.
    await runJobs(0, jobsMax / 5)
    await untilSwept()
    await eventually(sharedLines, (count) => count === 0, { what: 'the series to go', timeoutMs: 20_000 })
    const before = {
      keys: await redis.dbsize(),
      memory: await memoryOf(redis),
      rss: residentBytes(),
      heap: await heap.usedBytesCollected(),
    }

    await runJobs(jobsMax / 5, jobsMax * 1.2)
    await untilSwept()
    await eventually(sharedLines, (count) => count === 0, { what: 'the series to go', timeoutMs: 20_000 })
    expect(await redis.dbsize()).toBeLessThanOrEqual(before.keys)
    expect(await memoryOf(redis)).toBeLessThan(before.memory + 64 * 1024)
    expect(await heap.usedBytesCollected()).toBeLessThan(before.heap + 5 * 1024 * 1024)
    expect(residentBytes()).toBeLessThan(before.rss + 100 * 1024 * 1024)
    // What was counted stays counted.
    await untilSeries(aggregator, 'enginescope_tasks_finished_total', { status: 'succeeded' }, jobsMax * 1.2)
  },
  { timeout: 7_200_000 },
)

/** Bytes of every key but the event streams, which are trimmed by length and fill up to that first. */
async function memoryOf(redis: Redis): Promise<number> {
  const keys = (await redis.keys('*')).filter((key) => !key.endsWith(':events'))
  const sizes = await Promise.all(keys.map((key) => redis.memory('USAGE', key)))
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
}
