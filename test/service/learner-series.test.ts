/** What `/metrics` shows while the learners of the examples are at work, side by side, one edge worker of them killed on the way. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { families as catalogued } from '../../src/catalogue/families.ts'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { killWorker, learnerJob, linesOf, metricsOf, numbersIn, startLearner } from '../support/learners.ts'
import type { Program } from '../support/process.ts'
import { samplesOf } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

type Families = Awaited<ReturnType<Aggregator['metrics']>>

const fl = 'enginescope_federated_learning_'
const il = 'enginescope_incremental_learning_'
const ji = 'enginescope_joint_inference_'
const jobIds = { fl: 'fl-watched', il: 'il-watched', ji: 'ji-watched' }
const samplesPerEdge = 300
const secondsMax = 90

let redis: RedisServer
let aggregator: Aggregator
/** Each exposition since the start, the oldest first. */
const seen: Families[] = []
/** Inferences of the edge worker that was killed, as they were known last before. */
let countedBeforeTheKill = 0

/** The sum of all series of that name with these labels; `undefined` where there is none. */
function sumOf(families: Families, name: string, labels: Record<string, string> = {}): number | undefined {
  const found = samplesOf(families, name, labels)
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
}
/** The values that a series had, one after the other, without repetition. */
function courseOf(name: string, labels: Record<string, string> = {}): number[] {
  const all = seen.flatMap((families) => sumOf(families, name, labels) ?? [])
  return all.filter((value, at) => value !== all[at - 1])
}
/** States of a set, one after the other. */
function statesOf(name: string, label: string): string[] {
  const present = seen.flatMap((families) => samplesOf(families, name).find(({ value }) => value === 1)?.labels[label] ?? [])
  return present.filter((state, at) => state !== present[at - 1])
}
const last = (name: string, labels: Record<string, string> = {}) => courseOf(name, labels).at(-1)
const isRising = (values: readonly number[]) => values.every((value, at) => at === 0 || value > (values[at - 1] ?? 0))

/** Looks until all learners are gone, and kills an edge worker once it has counted something. */
async function watch(learners: readonly Program[], joint: Program): Promise<void> {
  let left = 0
  for (const { exited } of learners) void exited.then(() => left++)
  const look = async () => {
    const families = await aggregator.metrics()
    seen.push(families)
    const counted = sumOf(families, `${ji}inferences_total`, { location: 'edge', task: `${jobIds.ji}-edge-1` }) ?? 0
    if (countedBeforeTheKill === 0 && counted > 0) {
      await killWorker(joint, 'edge1')
      countedBeforeTheKill = counted
    }
    return left === learners.length
  }
  await eventually(look, undefined, { what: 'the learners to end', timeoutMs: secondsMax * 1000, everyMs: 100 })
  seen.push(await aggregator.metrics())
}

beforeAll(async () => {
  redis = await startRedis()
  aggregator = await startAggregator({ redisUrl: redis.url })
  const start = (example: string, jobId: string, ...flags: readonly string[]) =>
    startLearner(aggregator.url, example, '--job', jobId, ...flags)
  const samples = ['--samples', String(samplesPerEdge), '--samples-per-second', '60', '--turn', '100']
  const joint = await start('joint-inference', jobIds.ji, ...samples, '--cloud-requests-max', '40')
  const quickly = ['--samples-per-second', '600', '--train-samples-per-second', '2500']
  const learners = await Promise.all([
    start('federated-averaging', jobIds.fl, '--rounds', '5', '--slow-samples-per-second', '800'),
    start('incremental-learning', jobIds.il, '--iterations', '3', ...quickly),
  ])
  await watch([...learners, joint], joint)
  for (const learner of [...learners, joint]) expect((await learner.exited).code, learner.stderr()).toBe(0)
}, 120_000)
afterAll(async () => {
  await aggregator?.stop()
  await redis?.stop()
})

/** Series that no learner has anything to say for, and why. */
const unsaid: Readonly<Record<string, string>> = {
  [`${fl}drift_score`]: 'a node trains on the same samples in every round: nothing drifts',
}

test('every series of the three types is shown by a learner, but for those that are known not to be', () => {
  const names = Object.values(catalogued).map(({ name }) => name)
  const ofLearning = names.filter((name) => [fl, il, ji].some((prefix) => name.startsWith(prefix)))
  expect(ofLearning.length).toBeGreaterThan(50)
  const shown = new Set(
    seen.flatMap((families) => [...families].flatMap(([name, { samples }]) => (samples.length > 0 ? name : []))),
  )
  expect(ofLearning.filter((name) => shown.has(name) === name in unsaid)).toEqual([])
})

test('rounds advance one by one and the aggregated loss falls with each', () => {
  expect(courseOf(`${fl}aggregation_round`)).toEqual([1, 2, 3, 4, 5])
  const losses = courseOf(`${fl}aggregated_loss`)
  expect(losses.length).toBeGreaterThanOrEqual(5)
  expect(isRising(losses.toReversed())).toBe(true)
  expect(last(`${fl}round_wait_seconds_count`)).toBe(5)
  expect(last(`${fl}round_duration_seconds_count`)).toBe(5)
  expect(last(`${fl}round_wait_seconds_sum`)).toBeLessThan(last(`${fl}round_duration_seconds_sum`) ?? 0)
})

test('the samples of the nodes are those of the whole, and no node is ahead of its aggregator by more than a round', () => {
  expect(last(`${fl}train_nodes`)).toBe(3)
  expect([last(`${fl}node_samples`), last(`${fl}samples`)]).toEqual([2400, 2400])
  for (const families of seen) {
    const round = sumOf(families, `${fl}aggregation_round`)
    if (round === undefined) continue
    for (const { value } of samplesOf(families, `${fl}node_iteration`)) expect(value - round).toBeLessThanOrEqual(1)
  }
  expect(last(`${fl}samples_processed_total`)).toBe(5 * 2400)
  expect(statesOf(`${fl}train_status`, 'status').at(-1)).toBe('completed')
})

test('an iteration trains, is evaluated and deployed, and one is skipped', () => {
  expect(courseOf(`${il}iteration`)).toEqual([1, 2, 3])
  const stages = statesOf(`${il}stage`, 'stage').join(' ')
  expect(stages).toMatch(/^train eval (deploy )?train eval (deploy )?train eval deploy$/)
  const deployed = statesOf(`${il}deploy_status`, 'status').filter((status) => status !== 'waiting')
  expect(deployed).toEqual(['ok', 'skipped', 'ok'])
  const outcomes = ['deployed', 'skipped', 'failed'].map((outcome) => last(`${il}iterations_total`, { outcome }))
  expect(outcomes).toEqual([2, 1, 0])
  expect(last(`${il}model_info`)).toBe(3)
})

test('the scores that are shown are those of the decision', () => {
  const score = (model: string, metric: string) => last(`${il}model_score_ratio`, { model, metric, class: 'all' }) ?? Number.NaN
  expect(score('candidate', 'precision') - score('deployed', 'precision')).toBeGreaterThan(0.06)
  for (const metric of ['precision', 'recall', 'f1', 'map']) expect(score('candidate', metric)).toBeGreaterThan(0.5)
  expect(last(`${il}train_loss`)).toBeLessThan(0.3)
})

test('every sample is inferred at the edge, every hard one is tried at the cloud, and a worker that was killed takes nothing away', () => {
  for (const location of ['edge', 'cloud']) {
    expect(isRising(courseOf(`${ji}job_inferences_total`, { location }))).toBe(true)
    const inWorkers = last(`${ji}inferences_total`, { location })
    expect(last(`${ji}inference_duration_seconds_count`, { location })).toBe(inWorkers)
    expect(last(`${ji}job_inferences_total`, { location })).toBe(inWorkers)
  }
  const edge = last(`${ji}job_inferences_total`, { location: 'edge' }) ?? 0
  expect(last(`${ji}job_samples_total`)).toBe(edge)
  expect(countedBeforeTheKill).toBeGreaterThan(0)
  expect(edge).toBeGreaterThanOrEqual(2 * samplesPerEdge + countedBeforeTheKill)
  const hard = last(`${ji}job_hard_samples_total`) ?? 0
  expect(last(`${ji}job_inferences_total`, { location: 'cloud' })).toBe(hard)
  expect(hard).toBeLessThan(edge / 2)
  expect(last(`${ji}job_cloud_errors_total`)).toBeLessThan(hard)
  expect(last('enginescope_engine_restarts_total', { engine: `default/${jobIds.ji}-edge-1` })).toBe(1)
})

test('the jobs say the same as the series, and their lines tell how it went', async () => {
  const [federated, incremental, joint] = await Promise.all(Object.values(jobIds).map((id) => learnerJob(aggregator, id)))
  for (const job of [federated, incremental, joint]) expect(job).toMatchObject({ status: 'succeeded' })
  if (federated === undefined || incremental === undefined) throw new Error('there are no jobs')
  const losses = numbersIn(await linesOf(aggregator, jobIds.fl, `${jobIds.fl}-aggregation`), /^round \d\/5: loss ([\d.]+)/)
  expect(losses).toHaveLength(5)
  expect(losses.at(-1)).toBeCloseTo(last(`${fl}aggregated_loss`) ?? 0, 4)
  const nodes = [1, 2, 3].map((number) => metricsOf(federated, `${jobIds.fl}-train-${number}`))
  const meanLoss = nodes.reduce((sum, node) => sum + (node['trainLoss'] ?? 0) * (node['nodeSampleNum'] ?? 0), 0) / 2400
  expect(metricsOf(federated, `${jobIds.fl}-aggregation`)['aggregatedLoss']).toBeCloseTo(meanLoss, 6)
  // What was skipped is not what is in service, and the next one goes on from what is.
  const taken = (await linesOf(aggregator, jobIds.il, `${jobIds.il}-inference`)).filter((line) => line.startsWith('took over'))
  expect(taken.map((line) => /model-(\d)\.json$/.exec(line)?.[1])).toEqual(['1', '3'])
  for (const iteration of [1, 2, 3]) {
    const worker = `${jobIds.il}-train-${iteration}`
    const epochs = numbersIn(await linesOf(aggregator, jobIds.il, worker), /loss ([\d.]+)$/)
    expect(epochs).toHaveLength(6)
    expect(epochs.at(-1)).toBeLessThan(epochs[0] ?? 0)
    const training = metricsOf(incremental, worker)
    expect(training['samplesProcessed']).toBe(6 * (training['trainSampleNum'] ?? 0))
  }
})

test('with the cloud more is right than without', async () => {
  const lines = await linesOf(aggregator, jobIds.ji, `${jobIds.ji}-edge-2`)
  const [together] = numbersIn(lines.slice(-1), /right ([\d.]+) %/)
  const [alone] = numbersIn(lines.slice(-1), /without the cloud ([\d.]+) %/)
  expect(together).toBeGreaterThan(alone ?? 100)
})

test('once they have ended and were scraped twice, no series of them is left', async () => {
  const ofLearners = async () => {
    const families = await aggregator.metrics(true)
    return [...families.values()]
      .flatMap(({ samples }) => samples)
      .filter(({ labels }) => Object.values(jobIds).includes(labels['job_id'] ?? ''))
      .map(({ name }) => name)
  }
  await eventually(ofLearners, (names) => names.length === 0, { what: 'the series to end', timeoutMs: 20_000, everyMs: 200 })
})
