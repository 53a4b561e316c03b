import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilShared as untilReplicasShare } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { requirement } from '../support/linkis-requirements.ts'
import { samplesOf } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { anId, aReport, engineOf, jobOf, send } from '../support/reporting.ts'

const settings = { SUSPECT_AFTER: '500ms', LOST_AFTER: '3s', ENGINE_LINGER: '4s' }
let redis: RedisServer
let first: Aggregator
let second: Aggregator

beforeAll(async () => {
  redis = await startRedis()
  first = await startAggregator({ redisUrl: redis.url, settings })
  second = await startAggregator({ redisUrl: redis.url, settings })
  await untilReplicasShare([first, second])
}, 120_000)
afterAll(async () => {
  await Promise.all([first?.stop(), second?.stop()])
  await redis?.stop()
})

/** Values of a shared series over both replicas; more than one for one label set would be an overlap. */
async function shared(name: string, labels: Record<string, string>): Promise<number[]> {
  const families = await Promise.all([first.metrics(), second.metrics()])
  return families.flatMap((each) => samplesOf(each, name, labels).map(({ value }) => value))
}
const untilShared = (name: string, labels: Record<string, string>, values: number[]) =>
  eventually(
    () => shared(name, labels),
    (seen) => JSON.stringify(seen) === JSON.stringify(values),
    {
      what: `${name}${JSON.stringify(labels)} to be ${JSON.stringify(values)}`,
      everyMs: 50,
    },
  )
const untilEngine = (instance: string, state: string) =>
  eventually(
    () => engineOf(first, instance),
    (engine) => engine.state === state,
    { what: `${instance} to be ${state}`, everyMs: 50 },
  )
const untilJob = (jobId: string, status: string) =>
  eventually(
    () => jobOf(second, jobId),
    (job) => job.status === status,
    { what: `${jobId} to be ${status}`, everyMs: 50 },
  )
const beat = (instance: string) => send(first, { engine: { instance, engineType: 'spark' } })

requirement('M28', async () => {
  const [instance, taskType] = [anId('engine'), anId('type')]
  const jobs = Array.from({ length: 30 }, () => anId('job'))
  await send(
    first,
    jobs.map((jobId) => aReport({ jobId, taskType, progress: 0.4, engine: { instance } })),
  )
  await untilShared('enginescope_engine_up', { engine: instance }, [1])
  await untilShared('enginescope_tasks', { task_type: taskType, status: 'running' }, [30])
  await untilEngine(instance, 'suspect')
  await untilShared('enginescope_engine_up', { engine: instance }, [0])
  expect((await jobOf(first, jobs[0] as string)).status).toBe('running')
  await untilEngine(instance, 'lost')
  for (const jobId of jobs) await untilJob(jobId, 'lost')
  expect(await jobOf(first, jobs[7] as string)).toMatchObject({ progress: 0.4, error: { code: 'ENGINE_LOST' } })
  await untilShared('enginescope_tasks_lost_total', { task_type: taskType }, [30])
  await untilShared('enginescope_tasks', { task_type: taskType, status: 'running' }, [0])
  // Neither replica says it a second time.
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  expect(await shared('enginescope_tasks_lost_total', { task_type: taskType })).toEqual([30])
})

requirement('M29', async () => {
  const [instance, jobId, taskType] = [anId('engine'), anId('job'), anId('type')]
  await send(first, aReport({ jobId, taskType, seq: 1, progress: 0.6, status: 'suspended', engine: { instance } }))
  await untilEngine(instance, 'suspect')
  await beat(instance)
  expect((await engineOf(first, instance)).state).toBe('live')
  expect((await jobOf(first, jobId)).status).toBe('suspended')
  await untilJob(jobId, 'lost')
  await beat(instance)
  const back = await untilJob(jobId, 'suspended')
  expect(back).toMatchObject({ progress: 0.6, error: null })
  await send(first, aReport({ jobId, taskType, seq: 2, progress: 0.7, engine: { instance } }))
  expect(await jobOf(first, jobId)).toMatchObject({ status: 'running', progress: 0.7 })
  await untilShared('enginescope_task_status', { job_id: jobId }, [1])
})

requirement('M23', async () => {
  const [instance, taskType] = [anId('engine'), anId('type')]
  const [good, bad, given] = [anId('job'), anId('job'), anId('job')]
  const engine = { instance }
  await send(first, [
    aReport({ jobId: good, taskType, status: 'succeeded', engine }),
    aReport({ jobId: bad, taskType, status: 'failed', error: { code: '7', message: 'the real one' }, engine }),
    aReport({ jobId: given, taskType, error: { code: '8', message: 'was in trouble before' }, engine }),
  ])
  await untilEngine(instance, 'lost')
  await untilJob(given, 'lost')
  expect((await jobOf(first, good)).status).toBe('succeeded')
  expect(await jobOf(first, bad)).toMatchObject({ status: 'failed', error: { code: '7', message: 'the real one' } })
  expect(await jobOf(first, given)).toMatchObject({ error: { code: '8' } })
  await untilShared('enginescope_tasks_lost_total', { task_type: taskType }, [1])
})

describe('a lost task', () => {
  test('ends as its engine says in the end', async () => {
    const [instance, jobId, taskType] = [anId('engine'), anId('job'), anId('type')]
    await send(first, aReport({ jobId, taskType, seq: 1, progress: 0.3, engine: { instance } }))
    await untilJob(jobId, 'lost')
    expect(await send(second, aReport({ jobId, taskType, seq: 2, status: 'succeeded', engine: { instance } }))).toMatchObject({
      applied: 1,
    })
    expect(await jobOf(first, jobId)).toMatchObject({ status: 'succeeded', progress: 1, error: null })
    await untilShared('enginescope_tasks_finished_total', { task_type: taskType, status: 'succeeded' }, [1])
    expect(await shared('enginescope_tasks_lost_total', { task_type: taskType })).toEqual([1])
  })

  test('vanishes from the series with its engine, and both come back when it speaks', async () => {
    const [instance, jobId] = [anId('engine'), anId('job')]
    await send(first, aReport({ jobId, engine: { instance } }))
    await untilShared('enginescope_task_status', { job_id: jobId, status: 'running' }, [1])
    await untilShared('enginescope_task_status', { job_id: jobId }, [])
    await untilShared('enginescope_engine_up', { engine: instance }, [])
    await send(second, aReport({ jobId, progress: 0.5, engine: { instance } }))
    await untilShared('enginescope_task_status', { job_id: jobId, status: 'running' }, [1])
    await untilShared('enginescope_engine_up', { engine: instance }, [1])
  })

  test('is one that a newer start of its engine does not take up', async () => {
    const instance = anId('engine')
    const [left, kept] = [anId('job'), anId('job')]
    const old = { instance, incarnation: '2026-01-01T00:00:00Z' }
    const young = { instance, incarnation: '2026-01-02T00:00:00Z' }
    await send(first, [aReport({ jobId: left, engine: old }), aReport({ jobId: kept, progress: 0.4, engine: old })])
    const speaking = setInterval(() => {
      send(first, aReport({ jobId: kept, engine: young })).catch(() => undefined)
    }, 200)
    try {
      const job = await untilJob(left, 'lost')
      expect(job.error).toMatchObject({ code: 'ENGINE_RESTARTED' })
      expect(await jobOf(first, kept)).toMatchObject({ status: 'running', progress: 0.4 })
    } finally {
      clearInterval(speaking)
    }
  })
})
