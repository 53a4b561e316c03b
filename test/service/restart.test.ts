import { afterEach, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilItOwnsAll } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/ports.ts'
import { type MetricFamily, sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { anId, aReport, jobOf, send, seriesOf, untilSeries } from '../support/reporting.ts'

let redis: RedisServer | undefined
let aggregator: Aggregator | undefined
afterEach(async () => {
  await aggregator?.stop()
  await redis?.stop()
})

/** Shared series as printed, without those that time itself changes. */
function sharedSeries(families: ReadonlyMap<string, MetricFamily>): Record<string, number> {
  const series: Record<string, number> = {}
  for (const [name, family] of families) {
    if (/_eta_|oldest_waiting/.test(name)) continue
    for (const { name: sample, labels, value } of family.samples) {
      if (labels['instance'] === '') series[`${sample}${JSON.stringify(labels)}`] = value
    }
  }
  return series
}

/** Notes every counter of the shared series that is lower than it was. */
function dipWatch() {
  const highest = new Map<string, number>()
  const dips: string[] = []
  return {
    dips,
    note(families: ReadonlyMap<string, MetricFamily>) {
      for (const [name, family] of families) {
        if (family.type !== 'counter' && family.type !== 'histogram') continue
        for (const { name: sample, labels, value } of family.samples) {
          if (labels['instance'] !== '') continue
          const key = `${sample}${JSON.stringify(labels)}`
          if (value < (highest.get(key) ?? 0)) dips.push(`${name}: ${key} fell from ${highest.get(key)} to ${value}`)
          highest.set(key, Math.max(value, highest.get(key) ?? 0))
        }
      }
    },
  }
}

test('after SIGTERM and after kill -9 every series and job is there again, and no counter steps back in any scrape', async () => {
  redis = await startRedis({ appendOnly: true })
  const port = await freePort()
  const redisUrl = redis.url
  const start = () => startAggregator({ redisUrl, port })
  let current = await start()
  aggregator = current
  for (let i = 0; i < 40; i++) {
    await send(current, [
      aReport({ jobId: `open-${i}`, progress: i / 100, usage: { cpuSeconds: i }, engine: { instance: `engine-${i % 5}` } }),
      aReport({ jobId: `done-${i}`, seq: 1, engine: { instance: `engine-${i % 5}` } }),
      aReport({ jobId: `done-${i}`, seq: 2, status: i % 3 ? 'succeeded' : 'failed', engine: { instance: `engine-${i % 5}` } }),
      {
        engine: { instance: `engine-${i % 5}`, engineType: 'spark', stateSeconds: { busy: i } },
        engineTaskCounts: { succeeded: i, failed: 1, running: 2 },
      },
    ])
  }
  await eventually(
    () => current.metrics(),
    (families) => {
      const open = sampleValue(families, 'enginescope_tasks', { task_type: 'sql', status: 'running' })
      return open === 40 && sampleValue(families, 'enginescope_tasks_finished_total', { status: 'succeeded' }) === 26
    },
  )
  const watch = dipWatch()
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGKILL'] as const) {
    const before = sharedSeries(await current.metrics())
    watch.note(await current.metrics())
    current.program.kill(signal)
    const { code } = await current.program.exited
    if (signal === 'SIGTERM') expect(code).toBe(0)
    current = await start()
    aggregator = current
    watch.note(await current.metrics())
    await untilItOwnsAll(current)
    await eventually(
      () => current.metrics(),
      (families) => sampleValue(families, 'enginescope_reports_lost_total') === 0,
    )
    const families = await current.metrics()
    watch.note(families)
    expect(sharedSeries(families)).toEqual(before)
    expect(await jobOf(current, 'open-7')).toMatchObject({ status: 'running', progress: 0.07 })
    // Counting goes on where it was.
    const ended = Object.entries(before).find(([key]) => /^enginescope_tasks_finished_total.*"succeeded"/.test(key))?.[1] ?? 0
    await send(current, aReport({ jobId: anId('more'), status: 'succeeded', engine: { instance: 'engine-0' } }))
    const labels = { task_type: 'sql', status: 'succeeded' }
    await untilSeries(current, 'enginescope_tasks_finished_total', labels, ended + 1)
  }
  expect(watch.dips).toEqual([])
}, 120_000)

test('the series of an ended task vanish after two scrapes of Prometheus, and no late or further report brings them back', async () => {
  redis = await startRedis()
  const current = await startAggregator({ redisUrl: redis.url })
  aggregator = current
  const jobId = anId('job')
  const statusOf = () => seriesOf(current, 'enginescope_task_status', { job_id: jobId })
  await send(current, aReport({ jobId, seq: 1, progress: 0.5 }))
  await send(current, aReport({ jobId, seq: 4, status: 'succeeded' }))
  for (let looks = 0; looks < 3; looks++) expect(await statusOf()).toBe(1) // A person who looks is no scrape.
  await current.metrics(true)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(await statusOf()).toBe(1)
  const last = await current.metrics(true)
  expect(sampleValue(last, 'enginescope_task_progress_ratio', { job_id: jobId })).toBe(1)
  await untilSeries(current, 'enginescope_task_status', { job_id: jobId }, undefined)
  expect(await send(current, aReport({ jobId, seq: 2, progress: 0.6 }))).toMatchObject({ late: 1 })
  expect(await send(current, aReport({ jobId, seq: 5, progress: 0.7 }))).toMatchObject({ closed: 1 })
  expect(await statusOf()).toBeUndefined()
  expect(await jobOf(current, jobId)).toMatchObject({ status: 'succeeded', progress: 1 })
  current.program.kill('SIGKILL')
  await current.program.exited
  const next = await startAggregator({ redisUrl: redis.url, port: current.port })
  aggregator = next
  await untilItOwnsAll(next)
  expect(await seriesOf(next, 'enginescope_task_status', { job_id: jobId })).toBeUndefined()
  // Only a higher attempt is a new life.
  await send(next, aReport({ jobId, attempt: 2, progress: 0.1 }))
  expect(await seriesOf(next, 'enginescope_task_progress_ratio', { job_id: jobId })).toBe(0.1)
})

test('series that nobody scrapes vanish when they have lingered', async () => {
  redis = await startRedis()
  const current = await startAggregator({ redisUrl: redis.url, settings: { LINGER: '1s' } })
  aggregator = current
  const jobId = anId('job')
  await send(current, aReport({ jobId, status: 'failed' }))
  expect(await seriesOf(current, 'enginescope_task_status', { job_id: jobId, status: 'failed' })).toBe(1)
  await untilSeries(current, 'enginescope_task_status', { job_id: jobId }, undefined)
})

test('beyond the limit of live tasks the rest is in the totals and counted', async () => {
  redis = await startRedis()
  const current = await startAggregator({ redisUrl: redis.url, settings: { TASK_SERIES_MAX: '10' } })
  aggregator = current
  await send(
    current,
    Array.from({ length: 25 }, () => aReport({ jobId: anId('many') })),
  )
  await untilSeries(current, 'enginescope_tasks', { task_type: 'sql', status: 'running' }, 25)
  const families = await current.metrics()
  expect(families.get('enginescope_task_status')?.samples).toHaveLength(10)
  expect(sampleValue(families, 'enginescope_series_overflow_total', { family: 'task' })).toBeGreaterThanOrEqual(15)
})
