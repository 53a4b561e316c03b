import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilShared } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { hasPrometheus, type Prometheus, promtoolCheck, startPrometheus } from '../support/prometheus.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { aReport, send } from '../support/reporting.ts'

let redis: RedisServer
let replicas: Aggregator[] = []
let prometheus: Prometheus | undefined

const app = { queueMemory: 68_719_476_736, queueCores: 4, queueInstances: 2, jobStatus: 'RUNNING', queue: 'q' }
const jobCount = 40

/** Every kind of series: open, ended, failed, with resources, usage, subtasks, metrics, and text that must be escaped. */
function aBusyBatch(round: number): unknown[] {
  return Array.from({ length: jobCount }, (_, i) => {
    const ended = i % 4 === 0 ? { status: i % 8 === 0 ? 'failed' : 'succeeded' } : {}
    return aReport({
      jobId: `job-${i}`,
      seq: round,
      taskType: i % 2 ? 'sql' : 'training',
      progress: 0.1 * round,
      progressInfo: [{ id: 's', totalTasks: 10, runningTasks: 1, failedTasks: 0, succeedTasks: round }],
      resourceMap: { app },
      usage: { cpuSeconds: round, memoryBytes: 1e9, gpuMemoryBytes: 1 },
      algorithmMetrics: { loss: 1 / round, 'strange name.1': -0 },
      engine: { instance: `engine-${i % 3}`, user: 'a"b\\c\nd ü', node: '', stateSeconds: { busy: round } },
      engineTaskCounts: { running: 2, pending: 1, succeeded: round, failed: 1, limit: 4 },
      ...(round === 3 ? ended : {}),
    })
  })
}

beforeAll(async () => {
  redis = await startRedis()
  replicas = await Promise.all([startAggregator({ redisUrl: redis.url }), startAggregator({ redisUrl: redis.url })])
  await untilShared(replicas)
  for (const round of [1, 2, 3]) await send(replicas[round % 2] as Aggregator, aBusyBatch(round))
}, 120_000)
afterAll(async () => {
  await prometheus?.stop()
  await Promise.all(replicas.map((replica) => replica.stop()))
  await redis?.stop()
})

describe.skipIf(!hasPrometheus)('a busy aggregator before a real Prometheus (skipped where it is not installed)', () => {
  test('has an exposition that promtool is content with', async () => {
    for (const { http } of replicas) expect(promtoolCheck((await http.get('/metrics')).text)).toBe('')
  })

  test('is scraped over two replicas with the labels it gives, and each shared series is there once', async () => {
    const { query, stop } = await startPrometheus(replicas.map(({ port }) => `127.0.0.1:${port}`))
    prometheus = { query, stop }
    const numberOf = async (text: string) => (await query(text))[0]?.value
    await eventually(
      () => numberOf('sum(enginescope_tasks_finished_total) + sum(enginescope_shards_owned)'),
      (sum) => sum === jobCount / 4 + 16,
      { what: 'both replicas to be scraped', timeoutMs: 30_000 },
    )
    expect(await query('up')).toHaveLength(2)
    expect(await numberOf('min(up)')).toBe(1)
    const [series] = await query('enginescope_task_progress_ratio{job_id="job-3"}')
    expect(series?.metric).toEqual({
      __name__: 'enginescope_task_progress_ratio',
      job: 'enginescope',
      namespace: 'default',
      job_id: 'job-3',
      task: 'main',
      task_type: 'sql',
      engine: 'engine-0',
      engine_type: 'spark',
    })
    expect(series?.value).toBeCloseTo(0.3, 12)
    expect(await query('count by (__name__) ({__name__=~"enginescope_(task|tasks|engine|engines)_.*", instance!=""})')).toEqual(
      [],
    )
    expect(await numberOf('count(enginescope_task_info)')).toBe(jobCount)
    expect(await numberOf('count(enginescope_engine_up)')).toBe(3)
    expect(await numberOf('enginescope_task_resource_memory_bytes{job_id="job-3"}')).toBe(68_719_476_736)
    expect((await query('enginescope_task_info{job_id="job-1"}'))[0]?.metric['user']).toBe('a"b\\c\nd ü')
    expect(await numberOf('count(count by (instance) (enginescope_reports_total{instance!=""}))')).toBe(2)
  }, 60_000)

  test('counts over Prometheus what was sent, also when the replica that exposes it is gone', async () => {
    const query = prometheus?.query
    if (query === undefined) throw new Error('the test before starts it')
    const [first] = replicas
    await first?.stop()
    replicas = replicas.slice(1)
    await eventually(
      () => query('sum(enginescope_shards_owned{instance!=""} and on (instance) up == 1)'),
      ([sum]) => sum?.value === 16,
      { what: 'the other replica to own all', timeoutMs: 30_000 },
    )
    await send(replicas[0] as Aggregator, [
      aReport({ jobId: 'job-1', seq: 4, taskType: 'sql', status: 'succeeded', engine: { instance: 'engine-1' } }),
    ])
    await eventually(
      () => query('sum(increase(enginescope_tasks_finished_total{status="succeeded",task_type="sql"}[1m]))'),
      ([sum]) => (sum?.value ?? 0) > 0,
      { what: 'the increase to show', timeoutMs: 30_000 },
    )
    expect((await query('sum(resets(enginescope_tasks_finished_total[1m]))'))[0]?.value).toBe(0)
    expect((await query('sum(enginescope_tasks_finished_total)'))[0]?.value).toBe(jobCount / 4 + 1)
  }, 60_000)
})
