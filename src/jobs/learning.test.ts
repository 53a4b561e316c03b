import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openTestStore } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import { type Fixture, learningJobs, reportsOf } from '../../test/support/learning-values.ts'
import { learningTypesOf, taskTypes } from '../catalogue/index.ts'
import { fieldReader } from './learning/read-fields.ts'

const numRuns = Number(process.env['ENGINESCOPE_MODEL_RUNS'] ?? 20)
const suite = jobSuite()
const types = taskTypes()
const options = {
  learning: learningTypesOf(types),
  readFields: fieldReader(types, { ignoredField: () => undefined, overflow: () => undefined }),
}

type Item = Readonly<Record<string, unknown>>

const learningOf = async (jobId: string) => (await suite.job(jobId))?.learning

/** What only grows: sums over the workers, histograms of the job, ends of iterations. */
async function countedOf(jobId: string) {
  const learning = await learningOf(jobId)
  const totals = Object.entries(learning?.totals ?? {}).map(([name, total]) => [name, Math.round(total * 1e9) / 1e9])
  return { totals: Object.fromEntries(totals), observed: learning?.observed, outcomes: learning?.outcomes }
}

async function countedInOrder(jobId: string, reports: readonly Item[]) {
  await suite.redis.flushall()
  const store = suite.reopen(options)
  for (const report of reports) await store.send(report)
  return countedOf(jobId)
}

/** All reports in some order, some of them again, by turns to two replicas or all at once to both. */
const anArrivalOf = (reports: readonly Item[]) => {
  const places = reports.map((_, i) => i)
  return fc.record({
    order: fc.shuffledSubarray(places, { minLength: places.length, maxLength: places.length }),
    repeats: fc.array(fc.nat({ max: places.length - 1 }), { maxLength: 4 }),
    isAtOnce: fc.boolean(),
  })
}

async function arrive(reports: readonly Item[], arrival: { order: number[]; repeats: number[]; isAtOnce: boolean }) {
  await suite.redis.flushall()
  const replicas = [suite.reopen(options), openTestStore(suite.redis, { ...options, time: suite.store.time })]
  const arriving = [...arrival.order, ...arrival.repeats].map((i) => reports[i])
  if (arrival.isAtOnce) await Promise.all(replicas.map((replica) => replica.send(...arriving)))
  else for (const [i, report] of arriving.entries()) await replicas[i % 2]?.send(report)
}

const aWorkersReport = (taskType: string, changes: Item): Item => {
  const { engine, ...others } = changes
  return {
    jobId: 'j1',
    execId: 'w1',
    taskType,
    status: 'running',
    ...others,
    engine: { instance: 'default/w1', engineType: 'sedna', incarnation: 'a', ...(engine as object) },
  }
}

describe('what is counted is the same in whatever order reports arrive', () => {
  test.each(Object.keys(learningJobs) as Fixture[])(
    'of the fixture %s',
    async (fixture) => {
      const reports = reportsOf(fixture, 'default')
      const expected = await countedInOrder(learningJobs[fixture], reports)
      expect(Object.values(expected.totals).length).toBeGreaterThan(0)
      await fc.assert(
        fc.asyncProperty(anArrivalOf(reports), async (arrival) => {
          await arrive(reports, arrival)
          expect(await countedOf(learningJobs[fixture])).toEqual(expected)
        }),
        { numRuns },
      )
    },
    1_000_000,
  )

  const aStep = fc.record({
    iterations: fc.constantFrom(0, 0, 1),
    restarts: fc.constantFrom(false, false, false, true),
    seen: fc.nat({ max: 9 }),
  })

  /** A worker that infers, starts anew now and then, and comes into the next iteration. */
  function reportsOfSteps(steps: readonly { iterations: number; restarts: boolean; seen: number }[]): Item[] {
    let [iterationNo, start, seen, seq, within] = [1, 0, 0, 0, 0]
    return steps.map((step) => {
      if (step.restarts) [start, seen, seq, within] = [start + 1, 0, 0, 0]
      if (step.iterations > 0) [iterationNo, within] = [iterationNo + 1, 0]
      seen += step.seen
      within += step.seen
      seq += 1
      return {
        seq,
        engine: { incarnation: `2026-01-05T08:0${start}:00Z` },
        algorithmMetrics: metricsOf(iterationNo, seen, within),
      }
    })
  }
  const metricsOf = (iterationNo: number, seen: number, within: number) => ({
    iterationNo,
    iterationInferenceCount: within,
    samplesProcessed: seen,
    edgeInferenceCount: seen,
    edgeInferenceSeconds: { count: seen, sum: seen / 10, buckets: { '0.1': Math.floor(seen / 2), '0.25': seen } },
  })

  const steps = fc.array(aStep, { minLength: 1, maxLength: 7 })
  test.each(['incremental_learning', 'joint_inference'])(
    'of a worker of %s that starts anew',
    async (taskType) => {
      const aCase = steps.chain((all) => {
        const reports = reportsOfSteps(all).map((report) => aWorkersReport(taskType, report))
        return fc.record({ reports: fc.constant(reports), arrival: anArrivalOf(reports) })
      })
      await fc.assert(
        fc.asyncProperty(aCase, async ({ reports, arrival }) => {
          const expected = await countedInOrder('j1', reports)
          await arrive(reports, arrival)
          expect(await countedOf('j1')).toEqual(expected)
        }),
        { numRuns: 3 * numRuns },
      )
    },
    1_000_000,
  )

  test('of rounds that the aggregator names again and again', async () => {
    const say = (seq: number, aggregationNo: number, minute: number) =>
      aWorkersReport('federated_learning', {
        seq,
        reportedAt: `2026-01-05T08:${minute}:00Z`,
        algorithmMetrics: { workerRole: 'aggregation', aggregationNo, waitSeconds: aggregationNo },
      })
    const reports = [say(1, 1, 10), say(2, 1, 11), say(3, 2, 15), say(4, 2, 16), say(5, 3, 17)]
    const expected = await countedInOrder('j1', reports)
    expect(expected.observed).toMatchObject({ roundWait: { sum: 6 }, roundDuration: { sum: 420 } })
    await fc.assert(
      fc.asyncProperty(anArrivalOf(reports), async (arrival) => {
        await arrive(reports, arrival)
        expect(await countedOf('j1')).toEqual(expected)
      }),
      { numRuns },
    )
  }, 1_000_000)
})

test('who names the nodes is the aggregator, though nothing was aggregated yet', async () => {
  const store = suite.reopen(options)
  await store.send(
    aWorkersReport('federated_learning', {
      algorithmMetrics: { trainNodes: ['edge1', 'edge2'], exitRound: 5, trainStatus: 'Waiting' },
    }),
  )
  expect((await learningOf('j1'))?.facts).toMatchObject({
    trainNodes: [['edge1', 'edge2']],
    exitRound: [5],
    trainStatus: ['waiting'],
  })
})
