import { expect } from 'vitest'
import { requirement } from '../support/linkis-requirements.ts'
import { samplesOf } from '../support/prometheus-text.ts'
import { anId, aReport, aStand, finishedOf, jobOf, logsOf, send, seriesOf } from '../support/reporting.ts'

const stand = aStand()
const app = (cores: number, jobStatus = 'RUNNING', bytes = cores * 1024) => ({
  queueMemory: bytes,
  queueCores: cores,
  queueInstances: 1,
  jobStatus,
  queue: 'root.etl',
})
const coresOf = (jobId: string) => seriesOf(stand.aggregator, 'enginescope_task_resource_cpu_cores', { job_id: jobId })

requirement('M17', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, resourceMap: { a: app(4), b: app(6, 'PREP'), c: app(8, 'SUCCEEDED') } }))
  expect(await coresOf(jobId)).toBe(10)
  await send(stand.aggregator, aReport({ jobId, resourceMap: { b: app(6), d: app(1, 'SOMETHING_NEW') } }))
  expect(await coresOf(jobId)).toBe(7)
  const { resources } = await jobOf(stand.aggregator, jobId)
  expect(Object.fromEntries(resources.applications.map(({ applicationId, live }) => [applicationId, live]))).toEqual({
    a: false,
    b: true,
    c: false,
    d: true,
  })
  expect(resources.totals).toEqual({ memoryBytes: 7 * 1024, cpuCores: 7, containers: 2 })
  await send(stand.aggregator, aReport({ jobId, resourceMap: { a: app(3) } }))
  expect(await coresOf(jobId)).toBe(3)
})

requirement('M18', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, resourceMap: { a: app(16, 'RUNNING', 68_719_476_736) } }))
  const redis = stand.redis.client()
  const [key] = await redis.keys(`*:job:default/${jobId}`)
  expect(await redis.hget(String(key), 't:main')).toContain('"queueMemory":68719476736')
  expect((await jobOf(stand.aggregator, jobId)).resources.totals.memoryBytes).toBe(68_719_476_736)
  const text = (await stand.aggregator.http.get('/metrics')).text
  expect(text).toMatch(new RegExp(`enginescope_task_resource_memory_bytes\\{[^}]*job_id="${jobId}"[^}]*\\} 68719476736\n`))
})

requirement('M19', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, resourceMap: { a: app(4) }, usage: { memoryBytes: 5, cpuSeconds: 2 } }))
  await send(stand.aggregator, aReport({ jobId, status: 'succeeded' }))
  const families = await stand.aggregator.metrics()
  for (const name of ['memory_bytes', 'cpu_cores', 'containers']) {
    expect(samplesOf(families, `enginescope_task_resource_${name}`, { job_id: jobId }), name).toEqual([])
  }
  expect(samplesOf(families, 'enginescope_task_completion_timestamp_seconds', { job_id: jobId })).toHaveLength(1)
})

requirement('M20', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, progress: 0.1, resourceMap: { a: app(4) } }))
  await send(stand.aggregator, aReport({ jobId, progress: 0.1, resourceMap: { a: app(9) } }))
  expect(await coresOf(jobId)).toBe(9)
  expect((await jobOf(stand.aggregator, jobId)).resources.totals.cpuCores).toBe(9)
})

requirement('M21', async () => {
  const [jobId, taskType] = [anId('job'), anId('type')]
  const report = (seq: number, changes: Record<string, unknown>) =>
    send(stand.aggregator, aReport({ jobId, taskType, seq, ...changes }))
  await report(1, { progress: 0.5, usage: { cpuSeconds: 5 }, logs: [{ level: 'INFO', line: 'one' }] })
  await report(2, { status: 'failed', error: { code: '7', message: 'real' }, logs: [{ level: 'ERROR', line: 'two' }] })
  const ended = await jobOf(stand.aggregator, jobId)
  for (const [seq, status] of [
    [3, 'running'],
    [4, 'succeeded'],
    [5, 'failed'],
  ] as const) {
    const late = {
      status,
      progress: 1,
      usage: { cpuSeconds: 50 },
      error: { code: '8' },
      logs: [{ level: 'INFO', line: `${seq}` }],
    }
    expect(await report(seq, late)).toMatchObject({ closed: 1 })
  }
  const after = await jobOf(stand.aggregator, jobId)
  expect({ ...after, timestamps: 0, tasks: 0 }).toEqual({ ...ended, timestamps: 0, tasks: 0 })
  expect(after.timestamps.ended).toBe(ended.timestamps.ended)
  expect((await logsOf(stand.aggregator, jobId)).lines.map(({ line }) => line)).toEqual(['one', 'two', '3', '4', '5'])
  expect(await finishedOf(stand.aggregator, taskType, 1)).toMatchObject({ failed: 1, succeeded: 0 })
})

requirement('M24', async () => {
  for (const status of ['failed', 'succeeded']) {
    const jobId = anId('job')
    await send(stand.aggregator, aReport({ jobId, progress: 0.5 }))
    await send(stand.aggregator, aReport({ jobId, status: 'cancelled' }))
    const answer = await send(stand.aggregator, aReport({ jobId, status, error: { code: '1', message: 'killed' } }))
    expect(answer).toMatchObject({ closed: 1 })
    expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ status: 'cancelled', progress: 0.5, error: null })
  }
})

requirement('M25', async () => {
  const jobId = anId('job')
  const message = `the beginning ${'é'.repeat(100_000)}`
  await send(stand.aggregator, aReport({ jobId, status: 'failed', error: { code: '40001', message } }))
  const { error } = await jobOf(stand.aggregator, jobId)
  expect(error?.code).toBe('40001')
  expect(error?.message).toMatch(/^the beginning é/)
  expect(Buffer.byteLength(error?.message ?? '')).toBeLessThanOrEqual(8_192)
  expect(error?.message).not.toContain('\ufffd')
  expect(error?.message?.slice(-60)).toMatch(/cut|truncated|…/i)
})
