import { expect, test } from 'vitest'
import { requirement } from '../support/linkis-requirements.ts'
import { samplesOf, sampleValue } from '../support/prometheus-text.ts'
import {
  anId,
  aReport,
  aStand,
  engineOf,
  finishedOf,
  jobOf,
  logsOf,
  post,
  send,
  seriesBy,
  seriesOf,
} from '../support/reporting.ts'

const stand = aStand()

requirement('M1', async () => {
  const [jobId, instance] = [anId('job'), anId('engine')]
  const before = await seriesOf(stand.aggregator, 'enginescope_log_lines_total', { outcome: 'accepted' })
  await send(
    stand.aggregator,
    aReport({
      jobId,
      taskType: 'training',
      progress: 0.5,
      progressInfo: [{ id: 's0', totalTasks: 10, runningTasks: 1, failedTasks: 2, succeedTasks: 5 }],
      resourceMap: { app: { queueMemory: 1024, queueCores: 4, queueInstances: 2, jobStatus: 'RUNNING', queue: 'q' } },
      usage: { cpuSeconds: 3, memoryBytes: 2048 },
      engine: { instance },
      engineTaskCounts: { running: 1, pending: 2, succeeded: 3, failed: 4, limit: 5 },
      algorithmMetrics: { loss: 0.25 },
      logs: [{ level: 'WARN', line: 'one' }],
    }),
  )
  expect(await jobOf(stand.aggregator, jobId)).toMatchObject({
    status: 'running',
    progress: 0.5,
    progressInfo: [{ id: 's0', succeedTasks: 5 }],
    resources: { totals: { memoryBytes: 1024, cpuCores: 4, containers: 2 } },
    usage: { cpuSeconds: 3, memoryBytes: 2048 },
    algorithmMetrics: { loss: 0.25 },
  })
  expect((await logsOf(stand.aggregator, jobId)).lines).toMatchObject([{ level: 'WARN', line: 'one', execId: 'main' }])
  const families = await stand.aggregator.metrics()
  const ofJob = { job_id: jobId }
  expect(sampleValue(families, 'enginescope_task_progress_ratio', ofJob)).toBe(0.5)
  expect(sampleValue(families, 'enginescope_task_status', { ...ofJob, status: 'running' })).toBe(1)
  expect(sampleValue(families, 'enginescope_task_resource_memory_bytes', ofJob)).toBe(1024)
  expect(sampleValue(families, 'enginescope_task_usage_cpu_seconds_total', ofJob)).toBe(3)
  expect(sampleValue(families, 'enginescope_task_metric', { ...ofJob, name: 'loss' })).toBe(0.25)
  expect(sampleValue(families, 'enginescope_engine_tasks', { engine: instance, state: 'pending' })).toBe(2)
  expect(sampleValue(families, 'enginescope_engine_task_limit', { engine: instance })).toBe(5)
  expect(sampleValue(families, 'enginescope_engine_up', { engine: instance })).toBe(1)
  expect(sampleValue(families, 'enginescope_log_lines_total', { outcome: 'accepted' })).toBe((before ?? 0) + 1)
})

const optionalParts = {
  namespace: 'team',
  taskType: 'sql',
  attempt: 1,
  seq: 1,
  reportedAt: '2026-01-01T00:00:00Z',
  progress: 0.5,
  progressInfo: [{ id: 'a', totalTasks: 2, runningTasks: 1, failedTasks: 0, succeedTasks: 1 }],
  resourceMap: { app: { queueMemory: 1, queueCores: 1, queueInstances: 1, jobStatus: 'RUNNING', queue: 'q' } },
  usage: { cpuSeconds: 1 },
  engineTaskCounts: { running: 1 },
  algorithmMetrics: { loss: 1 },
  attributes: { a: 'b' },
  metadata: {},
  lineage: [],
  workflowToken: {},
  error: { code: '1', message: 'm' },
  logs: [{ level: 'INFO', line: 'x' }],
  scope: 'task',
}

requirement('M2', async () => {
  const names = Object.keys(optionalParts)
  const bodies = names.flatMap((name) => [
    { name, value: 'null', item: { ...optionalParts, [name]: null } },
    { name, value: 'absent', item: Object.fromEntries(Object.entries(optionalParts).filter(([key]) => key !== name)) },
  ])
  const items = bodies.map(({ item }) => aReport({ ...item, jobId: anId('optional') }))
  expect(await send(stand.aggregator, items)).toMatchObject({ applied: items.length, rejected: 0 })
  const bare = { jobId: anId('bare'), execId: 'main', status: 'running', engine: { instance: anId('engine') } }
  expect(await send(stand.aggregator, bare)).toMatchObject({ applied: 1 })
  expect(await jobOf(stand.aggregator, bare.jobId)).toMatchObject({ status: 'running', progress: 0, taskType: 'generic' })
})

requirement('M3', async () => {
  const jobId = anId('job')
  const { namespace: _, error: _none, ...parts } = optionalParts
  await send(stand.aggregator, aReport({ ...parts, seq: 1, jobId }))
  const nulls = Object.fromEntries(Object.keys(parts).map((name) => [name, null]))
  await send(stand.aggregator, aReport({ ...nulls, jobId, taskType: 'sql' }))
  await send(stand.aggregator, aReport({ jobId }))
  const kept = await jobOf(stand.aggregator, jobId)
  expect(kept).toMatchObject({
    progress: 0.5,
    progressInfo: [{ id: 'a' }],
    attributes: { a: 'b' },
    algorithmMetrics: { loss: 1 },
  })
  expect(kept).toMatchObject({ usage: { cpuSeconds: 1 }, resources: { totals: { cpuCores: 1 } } })
  await send(stand.aggregator, aReport({ jobId, progressInfo: [], resourceMap: {}, algorithmMetrics: {}, attributes: {} }))
  const emptied = await jobOf(stand.aggregator, jobId)
  expect(emptied).toMatchObject({ progress: 0.5, progressInfo: [], attributes: {}, algorithmMetrics: {} })
  expect(emptied.resources.totals).toEqual({ memoryBytes: 0, cpuCores: 0, containers: 0 })
  expect(await seriesOf(stand.aggregator, 'enginescope_task_subtasks', { job_id: jobId, state: 'total' })).toBeUndefined()
})

requirement('M4', async () => {
  const jobId = anId('job')
  for (const [body, path] of [
    [{ jobId, execId: 'main', status: 'running' }, 'engine'],
    [{ jobId, execId: 'main', status: 'running', engine: {} }, 'engine.instance'],
    [{ jobId, execId: 'main', engine: { instance: 'silent' }, logs: [{ level: 'INFO', line: 'x' }] }, 'status'],
    [{ ...aReport({ jobId }), status: 'lost' }, 'status'],
    [{ ...aReport({ jobId }), attempt: 0 }, 'attempt'],
  ] as const) {
    const answer = await post(stand.aggregator, body)
    expect(answer.status, answer.text).toBe(400)
    const [result] = answer.json<{ results: { outcome: string; code: string; path: string; message: string }[] }>().results
    expect(result).toMatchObject({ outcome: 'rejected', code: 'REPORT_INVALID', message: expect.stringMatching(/./) })
    expect(result?.path).toContain(path)
  }
  expect((await stand.aggregator.http.get(`/api/v1/namespaces/default/jobs/${jobId}`)).status).toBe(404)
  expect((await stand.aggregator.http.get('/api/v1/engines/silent')).status).toBe(404)
  const heartbeat = { engine: { instance: anId('idle') }, engineTaskCounts: { running: 0 } }
  expect(await send(stand.aggregator, heartbeat)).toMatchObject({ applied: 1 })
  const byProgress = { jobId, execId: 'main', progress: 0.1, engine: { instance: anId('engine') } }
  expect(await send(stand.aggregator, byProgress)).toMatchObject({ applied: 1 })
})

requirement('M5', async () => {
  const [first, second] = [anId('job'), anId('job')]
  const answer = await send(stand.aggregator, [
    aReport({ jobId: first, seq: 1 }),
    { nonsense: true },
    aReport({ jobId: first, seq: 1 }),
    aReport({ jobId: second, seq: 5 }),
    7,
  ])
  expect(answer).toMatchObject({ applied: 2, duplicate: 1, rejected: 2 })
  expect(answer.results).toMatchObject([
    { index: 1, outcome: 'rejected', code: 'REPORT_INVALID' },
    { index: 2, outcome: 'duplicate' },
    { index: 3, outcome: 'applied', missing: [[1, 4]] },
    { index: 4, outcome: 'rejected', code: 'REPORT_INVALID' },
  ])
})

requirement('M6', async () => {
  const [one, other] = [anId('engine'), anId('engine')]
  const report = (instance: string, changes = {}) => ({ execId: '1', status: 'running', ...changes, engine: { instance } })
  await send(stand.aggregator, [report(one, { progress: 0.2 }), report(other, { progress: 0.7 })])
  expect(await jobOf(stand.aggregator, `${one}/1`)).toMatchObject({ progress: 0.2 })
  expect(await jobOf(stand.aggregator, `${other}/1`)).toMatchObject({ progress: 0.7 })

  const again = (incarnation: string, changes: object) => ({
    execId: '1',
    status: 'running',
    ...changes,
    engine: { instance: `${one}-anew`, incarnation },
  })
  await send(stand.aggregator, again('2026-01-01T00:00:00Z', { progress: 0.9 }))
  await send(stand.aggregator, again('2026-01-02T00:00:00Z', { progress: 0.1 }))
  const job = await jobOf(stand.aggregator, `${one}-anew/1`)
  expect(job).toMatchObject({ status: 'running', progress: 0.1, attempts: [{ status: 'lost', progress: 0.9 }] })
})

requirement('M7', async () => {
  const taskType = anId('type')
  const ended = aReport({ jobId: anId('job'), taskType, status: 'succeeded', seq: 1 })
  expect(await send(stand.aggregator, ended)).toMatchObject({ applied: 1 })
  expect(await send(stand.aggregator, ended)).toMatchObject({ duplicate: 1 })
  expect(await send(stand.aggregator, { ...ended, seq: 2 })).toMatchObject({ closed: 1 })
  expect(await finishedOf(stand.aggregator, taskType, 1)).toMatchObject({ succeeded: 1, failed: 0 })
  for (const status of ['inited', 'scheduled', 'suspended', 'waiting_for_retry', 'failed', 'cancelled', 'timed_out']) {
    const jobId = anId('job')
    await send(stand.aggregator, aReport({ jobId, status }))
    expect(await jobOf(stand.aggregator, jobId)).toMatchObject({ status })
  }
})

requirement('M26', async () => {
  const instance = anId('engine')
  const engine = { instance, incarnation: '2026-01-02T00:00:00Z' }
  const item = (running: number, changes = {}) =>
    aReport({ jobId: anId('job'), engine: { ...engine, ...changes }, engineTaskCounts: { running, pending: 1 } })
  await send(stand.aggregator, [item(4), item(3), item(4)])
  const read = () => seriesBy(stand.aggregator, 'enginescope_engine_tasks', 'state', { engine: instance })
  expect(await read()).toEqual({ running: 4, pending: 1 })
  await send(stand.aggregator, item(9, { incarnation: '2026-01-01T00:00:00Z' }))
  expect(await read()).toEqual({ running: 4, pending: 1 })
  await send(stand.aggregator, item(2, { incarnation: '2026-01-03T00:00:00Z' }))
  expect(await read()).toEqual({ running: 2, pending: 1 })
})

requirement('M27', async () => {
  const instance = anId('engine')
  const beat = (incarnation: string, succeeded: number, failed: number) =>
    send(stand.aggregator, { engine: { instance, incarnation }, engineTaskCounts: { succeeded, failed } })
  const read = () => seriesBy(stand.aggregator, 'enginescope_engine_tasks_finished_total', 'status', { engine: instance })
  await beat('2026-01-01T00:00:00Z', 10, 2)
  expect(await read()).toEqual({ succeeded: 10, failed: 2 })
  await beat('2026-01-02T00:00:00Z', 0, 0)
  expect(await read()).toEqual({ succeeded: 10, failed: 2 })
  await beat('2026-01-02T00:00:00Z', 3, 1)
  await beat('2026-01-01T00:00:00Z', 11, 2) // The last words of the old start arrive behind.
  expect(await read()).toEqual({ succeeded: 14, failed: 3 })
  expect(await seriesOf(stand.aggregator, 'enginescope_engine_restarts_total', { engine: instance })).toBe(1)
  expect((await engineOf(stand.aggregator, instance)).counts).toMatchObject({ succeeded: 14, failed: 3 })
})

requirement('M30', async () => {
  const instance = anId('engine')
  const facts = { engineType: 'spark', engineVersion: '3.4.4', node: 'node-7', ticketId: 'ticket-1', status: 'Busy' }
  const beat = (incarnation: string, idle: number, busy: number) =>
    send(stand.aggregator, { engine: { instance, ...facts, incarnation, stateSeconds: { idle, busy } } })
  await beat('2026-01-01T00:00:00Z', 10, 5)
  await beat('2026-01-01T00:00:00Z', 12, 7.5)
  await beat('2026-01-02T00:00:00Z', 1, 0)
  const seconds = await seriesBy(stand.aggregator, 'enginescope_engine_state_seconds_total', 'state', { engine: instance })
  expect(seconds).toMatchObject({ idle: 13, busy: 7.5 })
  const [info] = samplesOf(await stand.aggregator.metrics(), 'enginescope_engine_info', { engine: instance })
  expect(info?.labels).toMatchObject({ engine_type: 'spark', version: '3.4.4', node: 'node-7', ticket: 'ticket-1' })
})

/** The kind of each field, at any depth; lists by their first entry. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (typeof value !== 'object' || value === null) return value === null ? 'none' : typeof value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]))
}

requirement('M31', async () => {
  const jobId = anId('job')
  const { namespace: _, ...parts } = optionalParts
  const full = {
    ...parts,
    jobId,
    engine: { instance: anId('engine'), node: 'n', user: 'u', incarnation: '2026-01-01T00:00:00Z' },
  }
  await send(stand.aggregator, aReport(full))
  const running = await jobOf(stand.aggregator, jobId)
  await send(stand.aggregator, aReport({ ...full, seq: 2, status: 'failed', progress: 0.6 }))
  const ended = await jobOf(stand.aggregator, jobId)
  const fields = (job: object) => Object.keys(job).toSorted()
  const changing = { timestamps: 0, tasks: 0, etaSeconds: 0, taskCountByStatus: 0 }
  expect(fields(ended)).toEqual(fields(running))
  expect(fields(ended.tasks[0] as object)).toEqual(fields(running.tasks[0] as object))
  expect(shapeOf({ ...ended, ...changing })).toEqual(shapeOf({ ...running, ...changing }))
  expect(ended).toMatchObject({ progress: 0.6, error: { code: '1', message: 'm' }, user: 'u', durations: expect.anything() })
  expect(ended.timestamps.ended).toMatch(/Z$/)
  expect(running.timestamps.ended).toBeNull()
  const history = await stand.aggregator.http.get(`/api/v1/namespaces/default/jobs/${jobId}/history`)
  const { samples } = history.json<{ samples: { status: string; progress: number }[] }>()
  expect(samples.at(-1)).toMatchObject({ status: 'failed', progress: 0.6 })
})

requirement('M37', async () => {
  const read = async () => ({
    sum: await seriesOf(stand.aggregator, 'enginescope_report_delay_seconds_sum'),
    count: await seriesOf(stand.aggregator, 'enginescope_report_delay_seconds_count'),
  })
  const before = await read()
  await send(stand.aggregator, aReport({ jobId: anId('job'), reportedAt: Date.now() - 30_000 }))
  await send(stand.aggregator, aReport({ jobId: anId('job'), reportedAt: Date.now() + 30_000 }))
  await send(stand.aggregator, aReport({ jobId: anId('job') }))
  const after = await read()
  expect((after.count ?? 0) - (before.count ?? 0)).toBe(2)
  const delaySeconds = (after.sum ?? 0) - (before.sum ?? 0)
  expect(delaySeconds).toBeGreaterThan(29)
  expect(delaySeconds).toBeLessThan(35)
})

test('jobs and engines are listed, newest first, by what they are', async () => {
  const user = anId('user')
  const ids = [anId('listed'), anId('listed'), anId('listed')]
  for (const [i, jobId] of ids.entries()) {
    const status = i === 0 ? 'failed' : 'running'
    await send(stand.aggregator, aReport({ jobId, status, engine: { instance: `${user}-engine`, user } }))
  }
  const list = async (query: string) =>
    (await stand.aggregator.http.get(`/api/v1/jobs?${query}`)).json<{ jobs: { jobId: string }[]; nextCursor: string | null }>()
  expect((await list(`user=${user}`)).jobs.map(({ jobId }) => jobId)).toEqual(ids.toReversed())
  expect((await list(`user=${user}&status=Failed`)).jobs.map(({ jobId }) => jobId)).toEqual(ids.slice(0, 1))
  const page = await list(`user=${user}&limit=2`)
  const rest = await list(`user=${user}&limit=2&cursor=${page.nextCursor}`)
  expect([...page.jobs, ...rest.jobs].map(({ jobId }) => jobId)).toEqual(ids.toReversed())
  expect((await engineOf(stand.aggregator, `${user}-engine`)).tasks.map(({ jobId }) => jobId).toSorted()).toEqual(ids.slice(1))
})
