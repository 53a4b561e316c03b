/** How the learners of the examples end otherwise than well, and how they are used. What they show is in `learner-series.test.ts`. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { killWorker, learnerTasks, startLearner } from '../support/learners.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

let redis: RedisServer
let aggregator: Aggregator
beforeAll(async () => {
  redis = await startRedis()
  aggregator = await startAggregator({ redisUrl: redis.url })
}, 90_000)
afterAll(async () => {
  await aggregator?.stop()
  await redis?.stop()
})

let runs = 0
/** Starts a learner and waits until so many of its workers have reported. The name is new: a job that ended stays ended. */
async function startedLearner(example: string, workers: number) {
  const jobId = `${example}-${++runs}`
  const learner = await startLearner(aggregator.url, example, '--job', jobId)
  const tasks = () => learnerTasks(aggregator, jobId)
  await eventually(tasks, (all) => all.length === workers, { what: `${workers} workers`, timeoutMs: 30_000 })
  return { jobId, learner, tasks }
}

test('a federation fails when a node is killed, and says which', async () => {
  const { jobId, learner, tasks } = await startedLearner('federated-averaging', 4)
  await killWorker(learner, 'edge2')
  expect(await learner.exited).toEqual({ code: 1, signal: null })
  expect((await tasks()).find(({ execId }) => execId === `${jobId}-aggregation`)).toMatchObject({
    status: 'failed',
    error: { message: 'edge2 ended with SIGKILL before the last round' },
  })
}, 60_000)

test.each([
  ['federated-averaging', 4],
  ['incremental-learning', 2],
  ['joint-inference', 3],
])(
  'Ctrl-C ends all workers of %s as cancelled',
  async (example, workers) => {
    const { learner, tasks } = await startedLearner(example, workers)
    learner.kill('SIGINT')
    expect(await learner.exited).toEqual({ code: 130, signal: null })
    expect(new Set((await tasks()).map(({ status }) => status))).toEqual(new Set(['cancelled']))
  },
  60_000,
)

test.each(['federated-averaging', 'incremental-learning', 'joint-inference'])('%s says how it is used', async (example) => {
  const help = await startLearner(aggregator.url, example, '--help')
  expect(await help.exited).toEqual({ code: 0, signal: null })
  expect(help.stdout()).toContain('--seed')
  const wrong = await startLearner(aggregator.url, example, '--seeds', '2')
  expect(await wrong.exited).toEqual({ code: 2, signal: null })
  expect(wrong.stderr()).toContain("Unknown option '--seeds'")
})
