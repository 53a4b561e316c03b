/** The learners of the examples at work, each over several processes, seen from the aggregator that they report to. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { type Program, startProgram } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

type Metrics = Readonly<Record<string, number>>
type Task = { execId: string; status: string; algorithmMetrics: Metrics; error: { message?: string } | null }
type Job = { status: string; progress: number; tasks: Task[] }

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

function startLearner(example: string, ...flags: readonly string[]): Promise<Program> {
  const env = { ENGINESCOPE_URL: aggregator.url }
  return startProgram('nice', ['-n', '5', process.execPath, `dist/examples/${example}/main.js`, ...flags], { env })
}

let runs = 0
/** A name that no run before had, since a job that ended stays ended. */
const newName = (kind: string) => `${kind}-${++runs}`

/** The numbers that stand behind some words in some of the lines. */
const numbersIn = (lines: readonly string[], pattern: RegExp): number[] =>
  lines.flatMap((line) => pattern.exec(line)?.[1] ?? []).map(Number)

const job = async (jobId: string) => (await aggregator.http.get(`/api/v1/namespaces/default/jobs/${jobId}?tasks=100`)).json<Job>()
const linesOf = async (jobId: string, worker: string): Promise<string[]> => {
  const path = `/api/v1/namespaces/default/jobs/${jobId}/logs?limit=500&order=asc`
  const { lines } = (await aggregator.http.get(path)).json<{ lines: { line: string; execId: string }[] }>()
  return lines.filter(({ execId }) => execId === worker).map(({ line }) => line)
}
const metricsOf = ({ tasks }: Job, execId: string): Metrics =>
  tasks.find((task) => task.execId === execId)?.algorithmMetrics ?? {}

describe('federated averaging', () => {
  const quick = ['--rounds', '5', '--samples-per-second', '6000', '--slow-samples-per-second', '1000']

  test('loses less in every round, over nodes of which one keeps the others waiting', async () => {
    const name = newName('fl')
    const learner = await startLearner('federated-averaging', '--job', name, ...quick)
    expect(await learner.exited).toEqual({ code: 0, signal: null })
    const seen = await job(name)
    expect(seen).toMatchObject({ status: 'succeeded', progress: 1 })
    const lines = await linesOf(name, `${name}-aggregation`)
    const losses = numbersIn(lines, /^round \d\/5: loss ([\d.]+)/)
    expect(losses).toHaveLength(5)
    expect(losses).toEqual(losses.toSorted((a, b) => b - a))
    const aggregation = metricsOf(seen, `${name}-aggregation`)
    expect(aggregation).toMatchObject({ aggregationNo: 5, exitRound: 5, totalSampleNum: 2400, trainStatus: 'completed' })
    expect(aggregation['aggregatedLoss']).toBeCloseTo(losses.at(-1) ?? 0, 4)
    expect(aggregation['testAccuracy']).toBeGreaterThan(0.7)
    const nodes = [1, 2, 3].map((number) => metricsOf(seen, `${name}-train-${number}`))
    expect(nodes.map(({ nodeSampleNum, iterationNo }) => [nodeSampleNum, iterationNo])).toEqual([
      [1200, 5],
      [800, 5],
      [400, 5],
    ])
    const meanLoss = nodes.reduce((sum, node) => sum + (node['trainLoss'] ?? 0) * (node['nodeSampleNum'] ?? 0), 0) / 2400
    expect(aggregation['aggregatedLoss']).toBeCloseTo(meanLoss, 6)
    expect(aggregation['roundDurationSeconds']).toBeGreaterThanOrEqual(nodes[2]?.['roundTrainSeconds'] ?? Number.NaN)
    expect(aggregation['waitSeconds']).toBeGreaterThan(0)
  }, 60_000)

  test('fails when a node is killed, and says which', async () => {
    const name = newName('fl')
    const learner = await startLearner('federated-averaging', '--job', name)
    const line = await learner.waitForLine(/^edge2 is process/)
    await eventually(async () => (await job(name)).tasks.length === 4, undefined, {
      what: 'four workers',
      timeoutMs: 20_000,
    })
    process.kill(Number(line.split(' ').at(-1)), 'SIGKILL')
    expect(await learner.exited).toEqual({ code: 1, signal: null })
    const { tasks } = await job(name)
    expect(tasks.find(({ execId }) => execId === `${name}-aggregation`)).toMatchObject({
      status: 'failed',
      error: { message: 'edge2 ended with SIGKILL before the last round' },
    })
  }, 60_000)
})

test('incremental learning deploys what is better, and skips what is not better enough', async () => {
  const quick = ['--iterations', '3', '--samples-per-second', '3000', '--train-samples-per-second', '30000']
  const name = newName('il')
  const learner = await startLearner('incremental-learning', '--job', name, ...quick)
  expect(await learner.exited).toEqual({ code: 0, signal: null })
  const seen = await job(name)
  expect(seen).toMatchObject({ status: 'succeeded', progress: 1 })
  const decisions = (await linesOf(name, `${name}-controller`)).filter((line) => line.includes('deploy'))
  expect(decisions.map((line) => line.split(':')[0])).toEqual([
    'iteration 1 deploy OK',
    'iteration 2 deploy Skipped',
    'iteration 3 deploy OK',
  ])
  // What was skipped is not what is in service, and the next one goes on from what is.
  const taken = (await linesOf(name, `${name}-inference`)).filter((line) => line.startsWith('took over'))
  expect(taken.map((line) => /model-(\d)\.json$/.exec(line)?.[1])).toEqual(['1', '3'])
  expect(metricsOf(seen, `${name}-controller`)).toMatchObject({ iterationNo: 3, taskStage: 'Deploy', deployStatus: 'OK' })
  for (const iteration of [1, 2, 3]) {
    const losses = numbersIn(await linesOf(name, `${name}-train-${iteration}`), /loss ([\d.]+)$/)
    expect(losses).toHaveLength(6)
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
    const training = metricsOf(seen, `${name}-train-${iteration}`)
    expect(training).toMatchObject({ iterationNo: iteration, epoch: 6, epochNum: 6, batchSize: 32, currentStatus: 'Completed' })
    expect(training['samplesProcessed']).toBe(6 * (training['trainSampleNum'] ?? 0))
    expect(metricsOf(seen, `${name}-eval-${iteration}`)).toMatchObject({ evalSampleNum: 150, currentStatus: 'Completed' })
  }
}, 90_000)

describe('joint inference', () => {
  test('counts every sample once at the edge, and every hard one at the cloud', async () => {
    const quick = ['--samples', '300', '--samples-per-second', '150', '--turn', '100', '--cloud-requests-max', '60']
    const name = newName('ji')
    const learner = await startLearner('joint-inference', '--job', name, ...quick)
    expect(await learner.exited).toEqual({ code: 0, signal: null })
    const seen = await job(name)
    expect(seen.status).toBe('succeeded')
    for (const edge of [`${name}-edge-1`, `${name}-edge-2`]) {
      const metrics = metricsOf(seen, edge)
      expect(metrics).toMatchObject({ sampleNum: 300, edgeInferenceCount: 300 })
      expect(metrics['hardSampleNum']).toBeGreaterThan(20)
      expect(metrics['cloudInferenceCount']).toBe(metrics['hardSampleNum'])
      expect(metrics['cloudErrorCount']).toBeLessThan(metrics['hardSampleNum'] ?? 0)
      const shares = [...(await linesOf(name, edge)).join('\n').matchAll(/right ([\d.]+) %, without the cloud ([\d.]+) %/g)]
      const [, together, alone] = shares.at(-1) ?? []
      expect(Number(together)).toBeGreaterThan(Number(alone))
    }
    // The cloud worker was renewed on the way; that is no end of its task.
    expect((await linesOf(name, `${name}-cloud`)).filter((line) => line.startsWith('leaves'))).not.toHaveLength(1)
  }, 60_000)

  test('Ctrl-C ends all workers as cancelled', async () => {
    const name = newName('ji')
    const learner = await startLearner('joint-inference', '--job', name)
    const workers = async () => (await job(name)).tasks
    await eventually(workers, (all) => all?.length === 3, { what: 'three workers', timeoutMs: 30_000 })
    learner.kill('SIGINT')
    expect(await learner.exited).toEqual({ code: 130, signal: null })
    expect((await workers()).map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled'])
  }, 60_000)
})

test.each(['federated-averaging', 'incremental-learning', 'joint-inference'])('%s says how it is used', async (example) => {
  const help = await startLearner(example, '--help')
  expect(await help.exited).toEqual({ code: 0, signal: null })
  expect(help.stdout()).toContain('--seed')
  const wrong = await startLearner(example, '--seeds', '2')
  expect(await wrong.exited).toEqual({ code: 2, signal: null })
  expect(wrong.stderr()).toContain("Unknown option '--seeds'")
})
