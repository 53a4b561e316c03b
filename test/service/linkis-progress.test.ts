import { expect } from 'vitest'
import { requirement } from '../support/linkis-requirements.ts'
import { samplesOf } from '../support/prometheus-text.ts'
import { anId, aReport, aStand, jobOf, post, send, seriesBy, seriesOf } from '../support/reporting.ts'

const stand = aStand()
const ratioOf = (jobId: string) => seriesOf(stand.aggregator, 'enginescope_task_progress_ratio', { job_id: jobId })
const stage = (id: string, total: number, succeeded: number, running = 0, failed = 0) => ({
  id,
  totalTasks: total,
  runningTasks: running,
  failedTasks: failed,
  succeedTasks: succeeded,
})

requirement('M9', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, progress: 0.6 }))
  await send(stand.aggregator, aReport({ jobId, progress: 0.3, usage: { memoryBytes: 77 } }))
  expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ progress: 0.6, usage: { memoryBytes: 77 } })
  expect(await ratioOf(jobId)).toBe(0.6)
})

requirement('M10', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, progress: 0.6 }))
  await send(stand.aggregator, aReport({ jobId, progress: 0 }))
  expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ progress: 0.6 })
  await send(stand.aggregator, aReport({ jobId, attempt: 2, progress: 0 }))
  expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ progress: 0, attempts: [{ attempt: 1, progress: 0.6 }] })
  expect(await ratioOf(jobId)).toBe(0)
  expect(await send(stand.aggregator, aReport({ jobId, attempt: 1, progress: 0.9 }))).toMatchObject({ stale: 1 })
  expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ progress: 0 })
})

requirement('M11', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, progress: 0.4 }))
  const ignored = () => seriesOf(stand.aggregator, 'enginescope_ignored_fields_total', { field: 'progress' })
  const before = (await ignored()) ?? 0
  const values = ['-0.1', '1.01', '100', '"NaN"', '"+Inf"', '1e999', 'true', '[]', '{}']
  for (const [i, value] of values.entries()) {
    const body = JSON.stringify(aReport({ jobId, usage: { memoryBytes: i } })).replace('{', `{"progress":${value},`)
    expect((await post(stand.aggregator, body)).json()).toMatchObject({ applied: 1 })
    expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ progress: 0.4, usage: { memoryBytes: i } })
  }
  expect(await ignored()).toBe(before + values.length)
  const all = samplesOf(await stand.aggregator.metrics(), 'enginescope_task_progress_ratio')
  expect(all.every(({ value }) => value >= 0 && value <= 1)).toBe(true)
})

requirement('M12', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, progress: 1 }))
  expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ progress: 0.99, status: 'running' })
  await send(stand.aggregator, aReport({ jobId, status: 'succeeded' }))
  expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ progress: 1, status: 'succeeded' })
  expect(await ratioOf(jobId)).toBe(1)
})

requirement('M13', async () => {
  for (const status of ['failed', 'cancelled', 'timed_out']) {
    const jobId = anId('job')
    await send(stand.aggregator, aReport({ jobId, progress: 0.37 }))
    await send(stand.aggregator, aReport({ jobId, status, progress: 1 }))
    expect(await jobOf(stand.aggregator, jobId), status).toMatchObject({ status, progress: 0.37 })
    expect(await ratioOf(jobId), status).toBe(0.37)
  }
})

requirement('M14', async () => {
  const jobId = anId('job')
  const read = () => seriesBy(stand.aggregator, 'enginescope_task_subtasks', 'state', { job_id: jobId })
  await send(stand.aggregator, aReport({ jobId, progressInfo: [stage('a', 100, 40, 8, 1)] }))
  expect(await read()).toEqual({ total: 100, succeeded: 40, running: 8, failed: 1 })
  await send(stand.aggregator, aReport({ jobId, progressInfo: [stage('a', 100, 90), stage('b', 50, 10, 4, 2)] }))
  expect(await read()).toEqual({ total: 150, succeeded: 100, running: 4, failed: 2 })
  await send(stand.aggregator, aReport({ jobId, progressInfo: [stage('b', 50, 20)] }))
  expect((await jobOf(stand.aggregator, jobId)).progressInfo).toEqual([stage('b', 50, 20)])
  await send(stand.aggregator, aReport({ jobId, progressInfo: [stage('a', 100, 100), stage('b', 50, 30)] }))
  expect((await jobOf(stand.aggregator, jobId)).progressInfo.map(({ id }) => id)).toEqual(['a', 'b'])
  expect(await read()).toEqual({ total: 150, succeeded: 130, running: 0, failed: 0 })
})

requirement('M15', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, progressInfo: [stage('a', 100, 20), stage('b', 100, 10)] }))
  expect((await jobOf(stand.aggregator, jobId)).progress).toBe(0.15)
  await send(stand.aggregator, aReport({ jobId, progressInfo: [stage('a', 0, 0)] }))
  expect((await jobOf(stand.aggregator, jobId)).progress).toBe(0.15)
  await send(stand.aggregator, aReport({ jobId, progress: 0.2, progressInfo: [stage('a', 100, 90)] }))
  expect((await jobOf(stand.aggregator, jobId)).progress).toBe(0.2)
})

requirement('M16', async () => {
  const jobId = anId('job')
  const task = (execId: string, changes: Record<string, unknown>) =>
    send(stand.aggregator, aReport({ jobId, execId, ...changes }))
  await task('a', { progress: 0.4 })
  expect((await jobOf(stand.aggregator, jobId)).progress).toBe(0.4)
  await task('b', { progress: 0.2 })
  expect((await jobOf(stand.aggregator, jobId)).progress).toBeCloseTo(0.3, 9)
  await task('b', { progress: 7 })
  expect((await jobOf(stand.aggregator, jobId)).progress).toBeCloseTo(0.3, 9)
  await task('a', { status: 'succeeded' })
  expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ progress: expect.closeTo(0.6, 9), status: 'running' })
  await task('a', { attempt: 2, progress: 0 })
  expect((await jobOf(stand.aggregator, jobId)).progress).toBeCloseTo(0.1, 9)
})
