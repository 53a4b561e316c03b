import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jobSuite } from '../../test/support/job-suite.ts'
import { learningTypesOf, taskTypes } from '../catalogue/index.ts'
import { fieldReader } from './learning/read-fields.ts'

const suite = jobSuite()
const types = taskTypes()
const options = {
  learning: learningTypesOf(types),
  readFields: fieldReader(types, { ignoredField: () => undefined, overflow: () => undefined }),
}

type Item = Readonly<Record<string, unknown>>

/** What a worker says of a deployment. @param seq undefined = it does not number its reports */
function aWord(currentStatus: string, seq?: number, changes: Item = {}): Item {
  const { worker = 'lc', iterationNo = 1, ...others } = changes
  return {
    jobId: 'j1',
    execId: worker,
    taskType: 'incremental_learning',
    status: 'running',
    ...(seq === undefined ? {} : { seq }),
    engine: { instance: `default/${worker}`, engineType: 'sedna', incarnation: 'a' },
    algorithmMetrics: {
      workerRole: 'controller',
      iterationNo,
      taskStage: 'Deploy',
      currentStatus,
      deployModelUrl: `/deploy/${iterationNo}`,
      ...others,
    },
  }
}

async function standing() {
  const learning = (await suite.job('j1'))?.learning
  return {
    stage: learning?.stage?.stage,
    deploy: learning?.deploy?.status,
    inService: learning?.facts['deployModelUrl']?.[0],
    outcomes: learning?.outcomes,
  }
}

const deployed = {
  stage: 'deploy',
  deploy: 'ok',
  inService: { url: '/deploy/1', format: '' },
  outcomes: { deployed: 1 },
}

const outcomesOf = async () => (await standing()).outcomes ?? {}

describe('a deployment that was ready is no skipped one', () => {
  const words = [aWord('Waiting', 1), aWord('Ready', 2), aWord('Completed', 3)]

  test.each([
    [1, 2, 3],
    [1, 3, 2],
    [2, 1, 3],
    [2, 3, 1],
    [3, 1, 2],
    [3, 2, 1],
  ])('when its reports come as %i, %i, %i', async (...order) => {
    const store = suite.reopen(options)
    let before: Item = {}
    for (const seq of order) {
      await store.send(words[seq - 1])
      const outcomes = await outcomesOf()
      for (const [outcome, count] of Object.entries(before))
        expect(outcomes[outcome as 'skipped']).toBeGreaterThanOrEqual(Number(count))
      before = outcomes
    }
    expect(await standing()).toEqual(deployed)
  })

  test.each([
    ['without numbers', aWord('Completed'), aWord('Ready')],
    ['of another worker', aWord('Completed', 1), aWord('Ready', 1, { worker: 'gm' })],
    ['of a worker that tells how it went', aWord('Completed', 1), aWord('Completed', 1, { worker: 'gm', deployStatus: 'OK' })],
  ])('when the word %s comes last, though what has been counted stays counted', async (_whose, ...reports) => {
    const store = suite.reopen(options)
    for (const report of reports) await store.send(report)
    expect(await standing()).toMatchObject({ deploy: 'ok', inService: { url: '/deploy/1' } })
    expect(await outcomesOf()).toEqual({ skipped: 1 })
  })

  test('and when all of several iterations is shuffled, though a later one has begun', async () => {
    const all = [
      ...words,
      aWord('Waiting', 4, { iterationNo: 2 }),
      aWord('Completed', 5, { iterationNo: 2 }),
      aWord('Ready', 6, { iterationNo: 3 }),
      aWord('Completed', 7, { iterationNo: 3 }),
      aWord('Waiting', 8, { iterationNo: 4, taskStage: 'Train', deployModelUrl: null }),
    ]
    const places = all.map((_, i) => i)
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(places, { minLength: places.length, maxLength: places.length }), async (order) => {
        await suite.redis.flushall()
        const store = suite.reopen(options)
        for (const i of order) await store.send(all[i])
        expect(await standing()).toMatchObject({
          stage: 'train',
          inService: { url: '/deploy/3' },
          outcomes: { deployed: 2, skipped: 1 },
        })
      }),
      { numRuns: 40 },
    )
  }, 60_000)
})

describe('a deployment that was never ready is skipped', () => {
  test('at once, where no report of its worker is missing', async () => {
    const store = suite.reopen(options)
    for (const report of [aWord('Waiting', 1), aWord('Completed', 2)]) await store.send(report)
    expect(await standing()).toEqual({ stage: 'deploy', deploy: 'skipped', inService: undefined, outcomes: { skipped: 1 } })
  })

  test('as soon as what is missing has come and says nothing of it', async () => {
    const store = suite.reopen(options)
    await store.send(aWord('Completed', 3))
    expect(await outcomesOf()).toEqual({})
    for (const report of [aWord('Waiting', 2), aWord('Waiting', 1)]) await store.send(report)
    expect(await outcomesOf()).toEqual({ skipped: 1 })
  })

  test('as soon as what is missing is given up', async () => {
    const store = suite.reopen(options)
    await store.send(aWord('Completed', 3))
    await suite.pass(599_000)
    expect(await outcomesOf()).toEqual({})
    await suite.pass(2_000)
    expect(await outcomesOf()).toEqual({ skipped: 1 })
    await suite.pass(600_000)
    expect(await outcomesOf()).toEqual({ skipped: 1 })
  })

  test('as soon as a later attempt of its worker begins', async () => {
    const store = suite.reopen(options)
    await store.send(aWord('Completed', 3))
    await store.send({ ...aWord('Waiting', 1, { iterationNo: 2 }), attempt: 2 })
    expect(await outcomesOf()).toEqual({ skipped: 1 })
  })
})
