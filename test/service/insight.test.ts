import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

type Insight = { stalled: boolean; stalledSince: string | null; overdue: boolean; straggler: boolean }
type Eta = { seconds: number | null; lowSeconds: number | null; highSeconds: number | null; basis: string | null }
type Job = { eta: Eta; etaSeconds: number | null; insight: Insight; tasks: { execId: string; eta: Eta; insight: Insight }[] }

let redis: RedisServer
let first: Aggregator
let second: Aggregator
const settings = { STALLED_AFTER: '4s', STRAGGLE_AFTER: '1s' }

beforeAll(async () => {
  redis = await startRedis()
  first = await startAggregator({ redisUrl: redis.url, settings })
  second = await startAggregator({ redisUrl: redis.url, settings })
})
afterAll(async () => {
  await Promise.all([first?.stop(), second?.stop()])
  await redis?.stop()
})

type Said = {
  jobId: string
  execId?: string
  taskType?: string
  status?: string
  progress?: number
  reportedAt?: string
  attempt?: number
}

async function say({ jobId, execId = 'main', taskType = 'etl', ...said }: Said, engine: object = {}, to = first): Promise<void> {
  const report = { jobId, execId, taskType, engine: { instance: 'n1:1', engineType: 'spark', ...engine }, ...said }
  const answer = await to.http.post('/api/v1/reports', report)
  expect(answer.status, answer.text).toBe(200)
}
const jobOf = async (jobId: string, from = first) => (await from.http.get(`/api/v1/namespaces/default/jobs/${jobId}`)).json<Job>()

/** The value of a shared series, from whichever replica exposes it; undefined while none does. */
async function shared(name: string, labels: Record<string, string>): Promise<number | undefined> {
  const values = await Promise.all([first, second].map(async (replica) => sampleValue(await replica.metrics(), name, labels)))
  const found = values.filter((value) => value !== undefined)
  expect(found.length).toBeLessThan(2)
  return found[0]
}
const stalled = (taskType: string) => shared('enginescope_tasks_stalled', { task_type: taskType })

test('a task that reports without progress is stalled until it moves, counted once by all replicas together', async () => {
  const task = { jobId: 'stuck', taskType: 'stalling', status: 'running' }
  await say({ ...task, progress: 0.3 })
  expect((await jobOf('stuck')).insight).toMatchObject({ stalled: false, stalledSince: null })
  await eventually(async () => (await stalled('stalling')) === 0, undefined, { what: 'the count to be there, at zero' })
  await eventually(
    async () => {
      await say({ ...task, progress: 0.3 })
      return (await stalled('stalling')) === 1
    },
    undefined,
    { what: 'the task to count as stalled', everyMs: 200, timeoutMs: 20_000 },
  )
  for (const replica of [first, second]) {
    const job = await jobOf('stuck', replica)
    expect(job.insight).toMatchObject({ stalled: true, stalledSince: expect.stringMatching(/^20/) })
    expect(job.tasks[0]?.insight.stalled).toBe(true)
  }
  await say({ ...task, progress: 0.4 }, {}, second)
  expect((await jobOf('stuck')).insight.stalled).toBe(false)
  await eventually(async () => (await stalled('stalling')) === 0, undefined, { what: 'the count to fall' })
})

test('stalled tasks stay counted, each once, when the replica that found them is gone', async () => {
  const third = await startAggregator({ redisUrl: redis.url, settings })
  const jobs = Array.from({ length: 6 }, (_, i) => ({
    jobId: `held-${i}`,
    taskType: 'handover',
    status: 'running',
    progress: 0.5,
  }))
  const sayAll = () => Promise.all(jobs.map((job) => say(job)))
  await sayAll()
  await eventually(
    async () => {
      await sayAll()
      const states = await Promise.all(jobs.map(({ jobId }) => jobOf(jobId)))
      return states.every(({ insight }) => insight.stalled)
    },
    undefined,
    { what: 'all to be stalled', everyMs: 200, timeoutMs: 20_000 },
  )
  third.program.kill('SIGKILL')
  await third.program.exited
  await eventually(
    async () => {
      await sayAll()
      return (await stalled('handover')) === jobs.length
    },
    undefined,
    { what: 'six to be counted by the others', everyMs: 300, timeoutMs: 20_000 },
  )
  await Promise.all(jobs.map((job) => say({ ...job, status: 'cancelled' })))
  await eventually(async () => (await stalled('handover')) === 0, undefined, { what: 'the count to fall' })
}, 90_000)

test('a task far behind its siblings is a straggler', async () => {
  const task = (i: number, progress: number) => ({
    jobId: 'wide',
    execId: `part-${i}`,
    taskType: 'wide',
    status: 'running',
    progress,
  })
  let round = 0
  await eventually(
    async () => {
      round += 1
      for (const i of [0, 1, 2, 3]) await say(task(i, i === 3 ? 0.01 : Math.min(0.9, 0.1 * round)))
      return (await jobOf('wide')).insight.straggler
    },
    undefined,
    { what: 'a straggler to be found', everyMs: 300, timeoutMs: 20_000 },
  )
  const { tasks } = await jobOf('wide', second)
  expect(tasks.filter(({ insight }) => insight.straggler).map(({ execId }) => execId)).toEqual(['part-3'])
})

test('after earlier runs of its kind a task has an estimate from its first moment on, the same from every replica', async () => {
  const at = (seconds: number) => new Date(Date.now() - 100_000 + seconds * 1000).toISOString()
  for (let i = 0; i < 8; i++) {
    await say({ jobId: `done-${i}`, taskType: 'nightly', status: 'running', reportedAt: at(0) })
    await say({ jobId: `done-${i}`, taskType: 'nightly', status: 'succeeded', reportedAt: at(60 + i) })
  }
  await say({ jobId: 'fresh', taskType: 'nightly', status: 'running' })
  const job = await eventually(
    () => jobOf('fresh'),
    (seen) => seen.eta.basis !== null,
    { what: 'the estimate', timeoutMs: 15_000 },
  )
  expect(job.eta.basis).toBe('history')
  expect(job.eta.seconds).toBeGreaterThan(58)
  expect(job.eta.seconds).toBeLessThan(70)
  expect(job.eta.lowSeconds).toBeLessThan(job.eta.seconds ?? 0)
  expect(job.eta.highSeconds).toBeGreaterThan(job.eta.seconds ?? 0)
  expect(job.etaSeconds).toBe(job.eta.seconds)
  expect(job.tasks[0]?.eta.seconds).toBeCloseTo(job.eta.seconds ?? 0, 0)
  await eventually(
    async () => {
      const [here, there] = await Promise.all([jobOf('fresh', first), jobOf('fresh', second)])
      return here.eta.seconds !== null && here.eta.seconds === there.eta.seconds
    },
    undefined,
    { what: 'both replicas to know the same runs', timeoutMs: 15_000 },
  )
  await eventually(
    async () => {
      await say({ jobId: 'fresh', taskType: 'nightly', status: 'running' })
      const [low, middle, high] = await Promise.all(
        ['low_seconds', 'seconds', 'high_seconds'].map((name) => shared(`enginescope_task_eta_${name}`, { job_id: 'fresh' })),
      )
      return low !== undefined && middle !== undefined && high !== undefined && low < middle && middle < high && middle > 50
    },
    undefined,
    { what: 'the series of the estimate', timeoutMs: 15_000, everyMs: 300 },
  )
})

test('the oldest waiting task is the one that was submitted first, over all shards, and none is shown when none waits', async () => {
  const oldest = () => shared('enginescope_tasks_oldest_waiting_timestamp_seconds', { task_type: 'queued', engine_type: 'spark' })
  const base = Math.floor(Date.now() / 1000) - 5_000
  const submitted = (i: number) => new Date((base + i * 100) * 1000).toISOString()
  for (const i of [3, 1, 4, 0, 2])
    await say({ jobId: `wait-${i}`, taskType: 'queued', status: 'inited', reportedAt: submitted(i) })
  await eventually(async () => (await oldest()) === base, undefined, { what: 'the oldest' })
  await say({ jobId: 'wait-0', taskType: 'queued', status: 'running' })
  await eventually(async () => (await oldest()) === base + 100, undefined, { what: 'the next oldest' })
  await say({ jobId: 'wait-1', taskType: 'queued', status: 'scheduled' })
  await say({ jobId: 'wait-1', taskType: 'queued', status: 'failed' })
  await eventually(async () => (await oldest()) === base + 200, undefined, { what: 'the one after' })
  for (const i of [2, 3, 4]) await say({ jobId: `wait-${i}`, taskType: 'queued', status: 'cancelled' })
  await eventually(async () => (await oldest()) === undefined, undefined, { what: 'no oldest' })
})

test('an engine that starts anew over and over is flapping', async () => {
  const engineOf = async () =>
    (await first.http.get('/api/v1/engines/flap%3A1')).json<{ restarts: number; insight: { flapping: boolean } }>()
  for (let start = 0; start < 5; start++) {
    expect(start < 2 ? false : (await engineOf()).insight.flapping).toBe(false)
    const engine = { instance: 'flap:1', engineType: 'spark', incarnation: new Date(Date.now() + start).toISOString() }
    await first.http.post('/api/v1/reports', { engine })
  }
  expect(await engineOf()).toMatchObject({ restarts: 4, insight: { flapping: true } })
})
